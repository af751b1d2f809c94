# Fuzz targets of --doctor.
FUZZ_TARGETS += tests/fuzz/fuzz_nginx_conf
tests_fuzz_fuzz_nginx_conf_SOURCES = tests/fuzz/fuzz_nginx_conf.c $(FUZZ_MAIN)
tests_fuzz_fuzz_nginx_conf_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_nginx_conf_LDADD = $(DOCTOR_LIBS)
EXTRA_DIST += tests/fuzz/corpus/nginx_conf
