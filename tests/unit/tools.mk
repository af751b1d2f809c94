# Unit tests of the product's pack: its parts alone, then in the real core over a scripted reactor.
tools_tests = \
    tests/unit/test_arguments \
    tests/unit/test_confirm \
    tests/unit/test_file_path \
    tests/unit/test_file_read \
    tests/unit/test_file_root \
    tests/unit/test_file_tools \
    tests/unit/test_file_write \
    tests/unit/test_output \
    tests/unit/test_places \
    tests/unit/test_resources \
    tests/unit/test_start \
    tests/unit/test_task_exec \
    tests/unit/test_text_shape \
    tests/unit/test_tool_views \
    tests/unit/test_tools \
    tests/unit/test_until
check_PROGRAMS += $(tools_tests)
TESTS += $(tools_tests)
TOOLS_TEST_LIBS = libpack_exec.a $(EXEC_LIBS) $(CMOCKA_LIBS)

check_LIBRARIES += libpackfixture.a
libpackfixture_a_SOURCES = \
    tests/unit/json_schema.c tests/unit/json_schema.h \
    tests/unit/pack_fixture.c tests/unit/pack_fixture.h
PACK_TEST_LIBS = libpackfixture.a libmcpfixture.a libpack_exec.a libmcp.a $(EXEC_LIBS) -lm \
    $(CMOCKA_LIBS)

tests_unit_test_arguments_SOURCES = tests/unit/test_arguments.c
tests_unit_test_arguments_LDADD = $(TOOLS_TEST_LIBS)
tests_unit_test_confirm_SOURCES = tests/unit/test_confirm.c \
    tests/unit/journal_file.c tests/unit/journal_file.h
tests_unit_test_confirm_LDADD = $(PACK_TEST_LIBS)
tests_unit_test_file_path_SOURCES = tests/unit/test_file_path.c tests/unit/random.h
tests_unit_test_file_path_LDADD = $(TOOLS_TEST_LIBS)
tests_unit_test_file_read_SOURCES = tests/unit/test_file_read.c tests/unit/random.h tests/unit/temp_dir.h
tests_unit_test_file_read_LDADD = $(TOOLS_TEST_LIBS)
tests_unit_test_file_root_SOURCES = tests/unit/test_file_root.c tests/unit/random.h tests/unit/temp_dir.h
tests_unit_test_file_root_LDADD = $(TOOLS_TEST_LIBS)
tests_unit_test_file_tools_SOURCES = tests/unit/test_file_tools.c \
    tests/unit/journal_file.c tests/unit/journal_file.h
tests_unit_test_file_tools_LDADD = $(PACK_TEST_LIBS)
tests_unit_test_file_write_SOURCES = tests/unit/test_file_write.c tests/unit/temp_dir.h
tests_unit_test_file_write_LDADD = $(TOOLS_TEST_LIBS)
tests_unit_test_output_SOURCES = tests/unit/test_output.c \
    tests/unit/journal_file.c tests/unit/journal_file.h tests/unit/random.h tests/unit/temp_dir.h
tests_unit_test_output_LDADD = $(TOOLS_TEST_LIBS)
tests_unit_test_places_SOURCES = tests/unit/test_places.c
tests_unit_test_places_LDADD = $(TOOLS_TEST_LIBS)
tests_unit_test_resources_SOURCES = tests/unit/test_resources.c \
    tests/unit/journal_file.c tests/unit/journal_file.h
tests_unit_test_resources_LDADD = $(PACK_TEST_LIBS)
tests_unit_test_start_SOURCES = tests/unit/test_start.c tests/unit/temp_dir.h
tests_unit_test_start_LDADD = $(TOOLS_TEST_LIBS)
tests_unit_test_task_exec_SOURCES = tests/unit/test_task_exec.c \
    tests/unit/journal_file.c tests/unit/journal_file.h
tests_unit_test_task_exec_LDADD = $(PACK_TEST_LIBS)
tests_unit_test_text_shape_SOURCES = tests/unit/test_text_shape.c tests/unit/random.h
tests_unit_test_text_shape_LDADD = $(TOOLS_TEST_LIBS)
tests_unit_test_tool_views_SOURCES = tests/unit/test_tool_views.c \
    tests/unit/journal_file.c tests/unit/journal_file.h
tests_unit_test_tool_views_LDADD = $(PACK_TEST_LIBS)
tests_unit_test_tools_SOURCES = tests/unit/test_tools.c \
    tests/unit/journal_file.c tests/unit/journal_file.h
tests_unit_test_tools_LDADD = $(PACK_TEST_LIBS)
tests_unit_test_until_SOURCES = tests/unit/test_until.c \
    tests/unit/journal_file.c tests/unit/journal_file.h tests/unit/temp_dir.h
tests_unit_test_until_LDADD = $(TOOLS_TEST_LIBS)
