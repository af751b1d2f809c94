# server/mcp/: exchanges to MCP. Knows no h2o.
noinst_LIBRARIES += libmcp.a
libmcp_a_SOURCES = \
    server/mcp/ask.c server/mcp/ask.h \
    server/mcp/channel.c \
    server/mcp/core.h \
    server/mcp/session_gate.c server/mcp/session_gate.h \
    server/mcp/dispatch.c server/mcp/dispatch.h \
    server/mcp/era.c server/mcp/era.h \
    server/mcp/follow.c server/mcp/follow.h \
    server/mcp/greet.c \
    server/mcp/header_codec.c server/mcp/header_codec.h \
    server/mcp/hub.c server/mcp/hub.h server/mcp/hub_impl.h \
    server/mcp/hub_news.c \
    server/mcp/input.c \
    server/mcp/invoke.c \
    server/mcp/jsonrpc.c server/mcp/jsonrpc.h \
    server/mcp/legacy.c \
    server/mcp/listen.c server/mcp/listen.h \
    server/mcp/lists.c \
    server/mcp/live.c server/mcp/live.h \
    server/mcp/mcp.c server/mcp/mcp.h \
    server/mcp/methods.h \
    server/mcp/modern.c \
    server/mcp/notify.c server/mcp/notify.h \
    server/mcp/outlet.c server/mcp/outlet.h \
    server/mcp/pack.h \
    server/mcp/registry.c server/mcp/registry.h \
    server/mcp/request.c server/mcp/request.h \
    server/mcp/request_info.c \
    server/mcp/request_token.c server/mcp/request_token.h \
    server/mcp/revision.c server/mcp/revision.h \
    server/mcp/shard.c server/mcp/shard.h \
    server/mcp/state_key.c server/mcp/state_key.h \
    server/mcp/state_token.c server/mcp/state_token.h \
    server/mcp/stream.c server/mcp/stream.h \
    server/mcp/subscription.c server/mcp/subscription.h \
    server/mcp/task.c server/mcp/task.h \
    server/mcp/task_methods.c \
    server/mcp/task_words.h \
    server/mcp/transport.c server/mcp/transport.h
MCP_LIBS = libmcp.a $(EXEC_LIBS)
include server/mcp/pack_exec.mk
