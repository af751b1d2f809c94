# server/mcp/: exchanges to MCP. Knows no h2o.
noinst_LIBRARIES += libmcp.a
libmcp_a_SOURCES = server/mcp/pack.h
MCP_LIBS = libmcp.a $(EXEC_LIBS)
