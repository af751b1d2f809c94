# Fuzz targets of mcp.
FUZZ_TARGETS += tests/fuzz/fuzz_header_codec tests/fuzz/fuzz_mcp tests/fuzz/fuzz_state_token
tests_fuzz_fuzz_header_codec_SOURCES = tests/fuzz/fuzz_header_codec.c $(FUZZ_MAIN)
tests_fuzz_fuzz_header_codec_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_header_codec_LDADD = libmcp.a $(STATE_LIBS)
tests_fuzz_fuzz_mcp_SOURCES = tests/fuzz/fuzz_mcp.c \
    tests/unit/mcp_test_pack.c tests/unit/mcp_test_pack.h \
    tests/unit/memory_exchange.c tests/unit/memory_exchange.h $(FUZZ_MAIN)
tests_fuzz_fuzz_mcp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_mcp_LDADD = $(MCP_LIBS)
tests_fuzz_fuzz_state_token_SOURCES = tests/fuzz/fuzz_state_token.c $(FUZZ_MAIN)
tests_fuzz_fuzz_state_token_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_state_token_LDADD = libmcp.a $(STATE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/header_codec tests/fuzz/corpus/mcp tests/fuzz/corpus/state_token
