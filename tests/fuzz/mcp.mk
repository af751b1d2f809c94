# Fuzz targets of mcp.
FUZZ_TARGETS += tests/fuzz/fuzz_header_codec tests/fuzz/fuzz_mcp
tests_fuzz_fuzz_header_codec_SOURCES = tests/fuzz/fuzz_header_codec.c $(FUZZ_MAIN)
tests_fuzz_fuzz_header_codec_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_header_codec_LDADD = libmcp.a $(STATE_LIBS)
tests_fuzz_fuzz_mcp_SOURCES = tests/fuzz/fuzz_mcp.c \
    tests/unit/mcp_test_pack.c tests/unit/mcp_test_pack.h \
    tests/unit/memory_exchange.c tests/unit/memory_exchange.h $(FUZZ_MAIN)
tests_fuzz_fuzz_mcp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_mcp_LDADD = $(MCP_LIBS)
EXTRA_DIST += tests/fuzz/corpus/header_codec tests/fuzz/corpus/mcp
