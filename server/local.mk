# server/: what speaks. May include everything below.
include server/auth/local.mk
include server/http/local.mk
include server/mcp/local.mk
