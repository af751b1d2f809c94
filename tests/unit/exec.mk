# Unit tests of the keeper, its wire and its client.
KEEPER_FIXTURE = tests/unit/keeper_fixture.c tests/unit/keeper_fixture.h
check_PROGRAMS += tests/unit/test_keeper
TESTS += tests/unit/test_keeper
tests_unit_test_keeper_SOURCES = tests/unit/test_keeper.c $(KEEPER_FIXTURE)
tests_unit_test_keeper_LDADD = libkeeper.a $(EXEC_LIBS) $(CMOCKA_LIBS)
