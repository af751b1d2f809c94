# Fuzz targets of config.
FUZZ_TARGETS += tests/fuzz/fuzz_yaml
tests_fuzz_fuzz_yaml_SOURCES = tests/fuzz/fuzz_yaml.c $(FUZZ_MAIN)
tests_fuzz_fuzz_yaml_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_yaml_LDADD = $(STATE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/yaml
FUZZ_TARGETS += tests/fuzz/fuzz_redis_url
tests_fuzz_fuzz_redis_url_SOURCES = tests/fuzz/fuzz_redis_url.c $(FUZZ_MAIN)
tests_fuzz_fuzz_redis_url_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_redis_url_LDADD = $(STATE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/redis_url
