# Unit tests of http.
http_tests = tests/unit/test_http
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)
check_LIBRARIES += libhttpfixture.a
libhttpfixture_a_SOURCES = tests/unit/http_fixture.c tests/unit/http_fixture.h
HTTP_TEST_LIBS = libhttpfixture.a libhttp.a $(STATE_LIBS) $(H2O_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_SOURCES = tests/unit/test_http.c
tests_unit_test_http_LDADD = $(HTTP_TEST_LIBS)
