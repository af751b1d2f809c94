# Unit tests of state.
state_tests = \
    tests/unit/test_buf \
    tests/unit/test_clock \
    tests/unit/test_execution \
    tests/unit/test_fd \
    tests/unit/test_id \
    tests/unit/test_journal \
    tests/unit/test_journal_end \
    tests/unit/test_json \
    tests/unit/test_list \
    tests/unit/test_log \
    tests/unit/test_map \
    tests/unit/test_metrics \
    tests/unit/test_mirror \
    tests/unit/test_mirror_faults \
    tests/unit/test_mirror_hasher \
    tests/unit/test_record \
    tests/unit/test_redis \
    tests/unit/test_redis_places \
    tests/unit/test_replica \
    tests/unit/test_peer_message \
    tests/unit/test_session \
    tests/unit/test_session_shared \
    tests/unit/test_shadow_file \
    tests/unit/test_spec \
    tests/unit/test_utf8
check_PROGRAMS += $(state_tests)
TESTS += $(state_tests)
tests_unit_test_buf_SOURCES = tests/unit/test_buf.c tests/unit/random.h
tests_unit_test_buf_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_clock_SOURCES = tests/unit/test_clock.c
tests_unit_test_clock_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_execution_SOURCES = tests/unit/test_execution.c
tests_unit_test_execution_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_fd_SOURCES = tests/unit/test_fd.c tests/unit/temp_dir.h
tests_unit_test_fd_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_id_SOURCES = tests/unit/test_id.c
tests_unit_test_id_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_journal_SOURCES = tests/unit/test_journal.c \
    tests/unit/journal_file.c tests/unit/journal_file.h tests/unit/random.h tests/unit/temp_dir.h
tests_unit_test_journal_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_journal_end_SOURCES = tests/unit/test_journal_end.c \
    tests/unit/exit_equal.h tests/unit/journal_file.c tests/unit/journal_file.h tests/unit/temp_dir.h
tests_unit_test_journal_end_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_json_SOURCES = tests/unit/test_json.c
tests_unit_test_json_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_list_SOURCES = tests/unit/test_list.c
tests_unit_test_list_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_log_SOURCES = tests/unit/test_log.c tests/unit/temp_dir.h
tests_unit_test_log_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_map_SOURCES = tests/unit/test_map.c tests/unit/random.h
tests_unit_test_map_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_metrics_SOURCES = tests/unit/test_metrics.c
tests_unit_test_metrics_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_session_SOURCES = tests/unit/test_session.c tests/unit/temp_dir.h
tests_unit_test_session_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_spec_SOURCES = tests/unit/test_spec.c tests/unit/temp_dir.h
tests_unit_test_spec_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_utf8_SOURCES = tests/unit/test_utf8.c tests/unit/random.h
tests_unit_test_utf8_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_shadow_file_SOURCES = tests/unit/test_shadow_file.c tests/unit/random.h \
    tests/unit/temp_dir.h
tests_unit_test_shadow_file_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
redis_server = tests/unit/redis_server.c tests/unit/redis_server.h tests/unit/temp_dir.h
tests_unit_test_redis_SOURCES = tests/unit/test_redis.c $(redis_server)
tests_unit_test_redis_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_record_SOURCES = tests/unit/test_record.c tests/unit/exit_equal.h tests/unit/random.h
tests_unit_test_record_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_peer_message_SOURCES = tests/unit/test_peer_message.c
tests_unit_test_peer_message_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
mirror_fixture = tests/unit/mirror_fixture.c tests/unit/mirror_fixture.h $(redis_server) \
    tests/unit/journal_file.c tests/unit/journal_file.h tests/unit/random.h
tests_unit_test_mirror_SOURCES = tests/unit/test_mirror.c $(mirror_fixture)
tests_unit_test_mirror_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mirror_faults_SOURCES = tests/unit/test_mirror_faults.c $(mirror_fixture)
tests_unit_test_mirror_faults_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mirror_hasher_SOURCES = tests/unit/test_mirror_hasher.c \
    tests/unit/journal_file.c tests/unit/journal_file.h tests/unit/temp_dir.h
tests_unit_test_mirror_hasher_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_session_shared_SOURCES = tests/unit/test_session_shared.c tests/unit/temp_dir.h
tests_unit_test_session_shared_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_redis_places_SOURCES = tests/unit/test_redis_places.c $(redis_server)
tests_unit_test_redis_places_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_replica_SOURCES = tests/unit/test_replica.c $(redis_server)
tests_unit_test_replica_LDADD = $(STATE_LIBS) $(CMOCKA_LIBS)
