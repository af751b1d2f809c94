# tests/conformance/: the protocol's own suite, run by tests/conformance/run against a binary with
# its fixtures, and against the product.
check_PROGRAMS += tests/conformance/mcp-execd-conformance
tests_conformance_mcp_execd_conformance_SOURCES = \
    tests/conformance/ask.c \
    tests/conformance/content.c \
    tests/conformance/fixtures.h \
    tests/conformance/input.c \
    tests/conformance/live.c \
    tests/conformance/main.c \
    tests/conformance/pack_conformance.c tests/conformance/pack_conformance.h \
    tests/conformance/resources.c \
    tests/conformance/tasks.c
tests_conformance_mcp_execd_conformance_LDADD = libmcp.a libhttp.a libexchange.a $(EXEC_LIBS) $(H2O_LIBS) $(SSL_LIBS)
EXTRA_DIST += \
    tests/conformance/.npmrc \
    tests/conformance/fixtures.yml \
    tests/conformance/package-lock.json \
    tests/conformance/package.json \
    tests/conformance/product-2025.yml \
    tests/conformance/product-2026.yml \
    tests/conformance/run
