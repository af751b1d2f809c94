# Unit tests of the reactor's side of exec/.
check_PROGRAMS += tests/unit/test_queue tests/unit/test_service
TESTS += tests/unit/test_queue tests/unit/test_service
tests_unit_test_queue_SOURCES = tests/unit/test_queue.c
tests_unit_test_queue_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
# Brings its own keeper_client_*: the linker takes them before the library's.
tests_unit_test_service_SOURCES = tests/unit/test_service.c \
	tests/unit/fake_keeper.c tests/unit/fake_keeper.h
tests_unit_test_service_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
