# Fuzz targets of exec.
FUZZ_TARGETS += tests/fuzz/fuzz_keeper_wire
tests_fuzz_fuzz_keeper_wire_SOURCES = tests/fuzz/fuzz_keeper_wire.c $(FUZZ_MAIN)
tests_fuzz_fuzz_keeper_wire_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_keeper_wire_LDADD = libkeeper_wire.a libstate.a
EXTRA_DIST += tests/fuzz/corpus/keeper_wire
FUZZ_TARGETS += tests/fuzz/fuzz_procfs
tests_fuzz_fuzz_procfs_SOURCES = tests/fuzz/fuzz_procfs.c $(FUZZ_MAIN)
tests_fuzz_fuzz_procfs_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_procfs_LDADD = libkeeper.a libkeeper_wire.a libstate.a
EXTRA_DIST += tests/fuzz/corpus/procfs
