# Unit tests of the keeper, its wire and its client.
KEEPER_TESTS = \
	tests/unit/test_cgroup \
	tests/unit/test_journal_writer \
	tests/unit/test_keeper \
	tests/unit/test_keeper_life \
	tests/unit/test_keeper_limits \
	tests/unit/test_keeper_sandbox \
	tests/unit/test_keeper_wire \
	tests/unit/test_procfs \
	tests/unit/test_sandbox_wrap \
	tests/unit/test_waiting
check_PROGRAMS += $(KEEPER_TESTS)
TESTS += $(KEEPER_TESTS)
KEEPER_FIXTURE = tests/unit/keeper_fixture.c tests/unit/keeper_fixture.h tests/unit/temp_dir.h
tests_unit_test_journal_writer_SOURCES = tests/unit/test_journal_writer.c \
	tests/unit/random.h tests/unit/temp_dir.h
tests_unit_test_journal_writer_LDADD = $(KEEPER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_keeper_SOURCES = tests/unit/test_keeper.c $(KEEPER_FIXTURE)
tests_unit_test_keeper_LDADD = libkeeper.a $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_keeper_sandbox_SOURCES = tests/unit/test_keeper_sandbox.c $(KEEPER_FIXTURE)
tests_unit_test_keeper_sandbox_LDADD = libkeeper.a $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_keeper_life_SOURCES = tests/unit/test_keeper_life.c $(KEEPER_FIXTURE)
tests_unit_test_keeper_life_LDADD = libkeeper.a $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_keeper_wire_SOURCES = tests/unit/test_keeper_wire.c
tests_unit_test_keeper_wire_LDADD = $(KEEPER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cgroup_SOURCES = tests/unit/test_cgroup.c tests/unit/temp_dir.h
tests_unit_test_cgroup_LDADD = $(KEEPER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_keeper_limits_SOURCES = tests/unit/test_keeper_limits.c $(KEEPER_FIXTURE)
tests_unit_test_keeper_limits_LDADD = libkeeper.a $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_procfs_SOURCES = tests/unit/test_procfs.c
tests_unit_test_procfs_LDADD = $(KEEPER_LIBS) $(CMOCKA_LIBS)
tests_unit_test_waiting_SOURCES = tests/unit/test_waiting.c $(KEEPER_FIXTURE)
tests_unit_test_waiting_LDADD = libkeeper.a $(EXEC_LIBS) $(CMOCKA_LIBS)

# Of the network proxy.
EGRESS_TESTS = \
	tests/unit/test_egress \
	tests/unit/test_egress_parse \
	tests/unit/test_egress_rules
check_PROGRAMS += $(EGRESS_TESTS)
TESTS += $(EGRESS_TESTS)
tests_unit_test_egress_parse_SOURCES = tests/unit/test_egress_parse.c tests/unit/random.h
tests_unit_test_egress_parse_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_egress_rules_SOURCES = tests/unit/test_egress_rules.c tests/unit/random.h
tests_unit_test_egress_rules_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_egress_SOURCES = tests/unit/test_egress.c tests/unit/temp_dir.h
tests_unit_test_egress_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_sandbox_wrap_SOURCES = tests/unit/test_sandbox_wrap.c tests/unit/temp_dir.h
tests_unit_test_sandbox_wrap_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
