# Fuzz targets of http.
FUZZ_TARGETS += tests/fuzz/fuzz_head
tests_fuzz_fuzz_head_SOURCES = tests/fuzz/fuzz_head.c $(FUZZ_MAIN)
tests_fuzz_fuzz_head_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_head_LDADD = libhttp.a $(STATE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/head
