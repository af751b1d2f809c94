# Unit tests of mcp: the core on exchanges in memory.
check_LIBRARIES += libmcpfixture.a
libmcpfixture_a_SOURCES = \
    tests/unit/mcp_fixture.c tests/unit/mcp_fixture.h \
    tests/unit/mcp_test_pack.c tests/unit/mcp_test_pack.h \
    tests/unit/memory_exchange.c tests/unit/memory_exchange.h
MCP_TEST_LIBS = libmcpfixture.a $(MCP_LIBS) $(CMOCKA_LIBS)

mcp_pure_tests = tests/unit/test_era tests/unit/test_header_codec tests/unit/test_jsonrpc \
    tests/unit/test_state_token
mcp_tests = tests/unit/test_mcp_channel tests/unit/test_mcp_legacy tests/unit/test_mcp_modern \
    tests/unit/test_mcp_packs tests/unit/test_mcp_request tests/unit/test_mcp_streams \
    tests/unit/test_mcp_tasks \
    tests/unit/test_mcp_threads
check_PROGRAMS += $(mcp_pure_tests) $(mcp_tests)
TESTS += $(mcp_pure_tests) $(mcp_tests)

tests_unit_test_era_SOURCES = tests/unit/test_era.c
tests_unit_test_era_LDADD = libmcp.a $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_header_codec_SOURCES = tests/unit/test_header_codec.c
tests_unit_test_header_codec_LDADD = libmcp.a $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_jsonrpc_SOURCES = tests/unit/test_jsonrpc.c
tests_unit_test_jsonrpc_LDADD = libmcp.a $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_state_token_SOURCES = tests/unit/test_state_token.c tests/unit/temp_dir.h
tests_unit_test_state_token_LDADD = libmcp.a $(STATE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mcp_legacy_SOURCES = tests/unit/test_mcp_legacy.c
tests_unit_test_mcp_legacy_LDADD = $(MCP_TEST_LIBS)
tests_unit_test_mcp_modern_SOURCES = tests/unit/test_mcp_modern.c
tests_unit_test_mcp_modern_LDADD = $(MCP_TEST_LIBS)
tests_unit_test_mcp_channel_SOURCES = tests/unit/test_mcp_channel.c
tests_unit_test_mcp_channel_LDADD = $(MCP_TEST_LIBS)
tests_unit_test_mcp_streams_SOURCES = tests/unit/test_mcp_streams.c
tests_unit_test_mcp_streams_LDADD = $(MCP_TEST_LIBS)
tests_unit_test_mcp_packs_SOURCES = tests/unit/test_mcp_packs.c
tests_unit_test_mcp_packs_LDADD = $(MCP_TEST_LIBS)
tests_unit_test_mcp_request_SOURCES = tests/unit/test_mcp_request.c
tests_unit_test_mcp_request_LDADD = $(MCP_TEST_LIBS)
tests_unit_test_mcp_tasks_SOURCES = tests/unit/test_mcp_tasks.c
tests_unit_test_mcp_tasks_LDADD = $(MCP_TEST_LIBS)
tests_unit_test_mcp_threads_SOURCES = tests/unit/test_mcp_threads.c
tests_unit_test_mcp_threads_LDADD = $(MCP_TEST_LIBS)
