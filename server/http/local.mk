# server/http/: sockets to exchanges. Knows no MCP.
noinst_LIBRARIES += libhttp.a
libhttp_a_SOURCES = server/exchange.h
HTTP_LIBS = libhttp.a $(EXEC_LIBS) $(H2O_LIBS) $(SSL_LIBS)
