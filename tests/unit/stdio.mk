# Unit tests of stdio.
stdio_tests = tests/unit/test_line_splitter tests/unit/test_stdio
check_PROGRAMS += $(stdio_tests)
TESTS += $(stdio_tests)
STDIO_TEST_LIBS = libstdio.a libmcp.a libexchange.a $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_line_splitter_SOURCES = tests/unit/test_line_splitter.c
tests_unit_test_line_splitter_LDADD = $(STDIO_TEST_LIBS)
tests_unit_test_stdio_SOURCES = tests/unit/test_stdio.c
tests_unit_test_stdio_LDADD = $(STDIO_TEST_LIBS)
