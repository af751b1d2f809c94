# Unit tests of the keeper, its wire and its client.
KEEPER_FIXTURE = tests/unit/keeper_fixture.c tests/unit/keeper_fixture.h
check_PROGRAMS += tests/unit/test_keeper tests/unit/test_keeper_life
TESTS += tests/unit/test_keeper tests/unit/test_keeper_life
tests_unit_test_keeper_SOURCES = tests/unit/test_keeper.c $(KEEPER_FIXTURE)
tests_unit_test_keeper_LDADD = libkeeper.a $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_keeper_life_SOURCES = tests/unit/test_keeper_life.c $(KEEPER_FIXTURE)
tests_unit_test_keeper_life_LDADD = libkeeper.a $(EXEC_LIBS) $(CMOCKA_LIBS)
