# Unit tests of http.
http_tests = tests/unit/test_http tests/unit/test_http_guard tests/unit/test_http_stream \
    tests/unit/test_http_server
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)
check_LIBRARIES += libhttpfixture.a
libhttpfixture_a_SOURCES = tests/unit/http_fixture.c tests/unit/http_fixture.h
HTTP_TEST_LIBS = libhttpfixture.a libhttp.a libexchange.a $(STATE_LIBS) $(H2O_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_SOURCES = tests/unit/test_http.c
tests_unit_test_http_LDADD = $(HTTP_TEST_LIBS)
tests_unit_test_http_guard_SOURCES = tests/unit/test_http_guard.c
tests_unit_test_http_guard_LDADD = $(HTTP_TEST_LIBS)
tests_unit_test_http_server_SOURCES = tests/unit/test_http_server.c
tests_unit_test_http_server_LDADD = $(HTTP_TEST_LIBS)
tests_unit_test_http_stream_SOURCES = tests/unit/test_http_stream.c
tests_unit_test_http_stream_LDADD = $(HTTP_TEST_LIBS)
