# server/: what speaks. May include everything below.
noinst_LIBRARIES += libexchange.a
libexchange_a_SOURCES = server/exchange.c server/exchange.h server/exchange_ops.h
include server/auth/local.mk
include server/doctor/local.mk
include server/http/local.mk
include server/mcp/local.mk
include server/stdio/local.mk

bin_PROGRAMS += mcp-execd
mcp_execd_SOURCES = server/front.c server/front.h server/main.c
# An exchange is made in http/ and used in mcp/: the order resolves both.
mcp_execd_LDADD = libdoctor.a libkeeper.a libauth.a libpack_exec.a libstdio.a libmcp.a $(HTTP_LIBS)
