# Fuzz targets of the product's pack.
FUZZ_TARGETS += tests/fuzz/fuzz_arguments tests/fuzz/fuzz_places tests/fuzz/fuzz_shape
tests_fuzz_fuzz_arguments_SOURCES = tests/fuzz/fuzz_arguments.c $(FUZZ_MAIN)
tests_fuzz_fuzz_arguments_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_arguments_LDADD = libpack_exec.a $(EXEC_LIBS)
tests_fuzz_fuzz_places_SOURCES = tests/fuzz/fuzz_places.c $(FUZZ_MAIN)
tests_fuzz_fuzz_places_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_places_LDADD = libpack_exec.a $(EXEC_LIBS)
tests_fuzz_fuzz_shape_SOURCES = tests/fuzz/fuzz_shape.c $(FUZZ_MAIN)
tests_fuzz_fuzz_shape_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_shape_LDADD = libpack_exec.a $(EXEC_LIBS)
EXTRA_DIST += tests/fuzz/corpus/arguments tests/fuzz/corpus/places tests/fuzz/corpus/shape
