# Fuzz targets of stdio.
FUZZ_TARGETS += tests/fuzz/fuzz_line_splitter
tests_fuzz_fuzz_line_splitter_SOURCES = tests/fuzz/fuzz_line_splitter.c $(FUZZ_MAIN)
tests_fuzz_fuzz_line_splitter_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_line_splitter_LDADD = libstdio.a libstate.a
EXTRA_DIST += tests/fuzz/corpus/line_splitter
