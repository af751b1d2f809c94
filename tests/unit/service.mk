# Unit tests of the reactor's side of exec/.
SERVICE_TESTS = \
	tests/unit/test_announce \
	tests/unit/test_keeper_client \
	tests/unit/test_measurer \
	tests/unit/test_news \
	tests/unit/test_peers \
	tests/unit/test_peer_starts \
	tests/unit/test_queue \
	tests/unit/test_reactor \
	tests/unit/test_service \
	tests/unit/test_service_news \
	tests/unit/test_service_restart \
	tests/unit/test_session_share \
	tests/unit/test_shadow \
	tests/unit/test_workspaces
check_PROGRAMS += $(SERVICE_TESTS)
TESTS += $(SERVICE_TESTS)
tests_unit_test_news_SOURCES = tests/unit/test_news.c tests/unit/random.h
tests_unit_test_news_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_queue_SOURCES = tests/unit/test_queue.c
tests_unit_test_queue_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
# Brings its own keeper_client_*: the linker takes them before the library's.
SERVICE_FIXTURE = tests/unit/service_fixture.c tests/unit/service_fixture.h \
	tests/unit/fake_keeper.c tests/unit/fake_keeper.h
tests_unit_test_service_SOURCES = tests/unit/test_service.c $(SERVICE_FIXTURE)
tests_unit_test_service_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_service_news_SOURCES = tests/unit/test_service_news.c $(SERVICE_FIXTURE)
tests_unit_test_service_news_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_service_restart_SOURCES = tests/unit/test_service_restart.c $(SERVICE_FIXTURE)
tests_unit_test_service_restart_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_reactor_SOURCES = tests/unit/test_reactor.c tests/unit/temp_dir.h \
	tests/unit/fake_keeper.c tests/unit/fake_keeper.h
tests_unit_test_reactor_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_workspaces_SOURCES = tests/unit/test_workspaces.c $(SERVICE_FIXTURE)
tests_unit_test_workspaces_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_keeper_client_SOURCES = tests/unit/test_keeper_client.c tests/unit/temp_dir.h
tests_unit_test_keeper_client_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
REPLICA_FIXTURE = tests/unit/replica_fixture.c tests/unit/replica_fixture.h \
	tests/unit/redis_server.c tests/unit/redis_server.h tests/unit/temp_dir.h \
	tests/unit/fake_keeper.c tests/unit/fake_keeper.h
tests_unit_test_peers_SOURCES = tests/unit/test_peers.c tests/unit/journal_file.c \
	tests/unit/journal_file.h $(REPLICA_FIXTURE)
tests_unit_test_peer_starts_SOURCES = tests/unit/test_peer_starts.c tests/unit/journal_file.c \
	tests/unit/journal_file.h $(REPLICA_FIXTURE)
tests_unit_test_peer_starts_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_peers_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_shadow_SOURCES = tests/unit/test_shadow.c tests/unit/random.h $(REPLICA_FIXTURE)
tests_unit_test_shadow_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_session_share_SOURCES = tests/unit/test_session_share.c \
	tests/unit/redis_server.c tests/unit/redis_server.h tests/unit/temp_dir.h \
	tests/unit/fake_keeper.c tests/unit/fake_keeper.h
tests_unit_test_session_share_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_measurer_SOURCES = tests/unit/test_measurer.c tests/unit/temp_dir.h
tests_unit_test_measurer_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
tests_unit_test_announce_SOURCES = tests/unit/test_announce.c $(REPLICA_FIXTURE)
tests_unit_test_announce_LDADD = $(EXEC_LIBS) $(CMOCKA_LIBS)
