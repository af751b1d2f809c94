#pragma once
/*
 * The rules of HTTP for MCP: methods, content types, what is accepted; then the era decides who
 * serves a message (legacy.c, modern.c, channel.c, session_stream.c). Home thread.
 */
#include "server/mcp/core.h"
#include "server/mcp/jsonrpc.h"
#include "server/mcp/outlet.h"
#include "server/mcp/revision.h"

/* One HTTP request as all of these files see it. Strings are borrowed from the exchange. */
struct incoming {
    struct mcp *core;
    struct exchange *x;
    const char *version;    /* MCP-Protocol-Version; NULL: absent */
    const char *session_id; /* Mcp-Session-Id; NULL: absent */
    bool accepts_json, accepts_stream;
};

/* A reply with a JSON-RPC error that has no id. */
void transport_refuse(struct exchange *x, int status, int code, const char *message);
/* A reply without a body. */
void transport_accept(struct exchange *x, int status);
/* The answers of a POST. */
struct outlet *transport_outlet(const struct incoming *in);

/* modern.c: a request, message taken. */
void modern_request(const struct incoming *in, struct jsonrpc_message *message);

/* legacy.c: sessions of Streamable HTTP. message, tree: taken. */
void legacy_initialize(const struct incoming *in, struct jsonrpc_message *message);
void legacy_request(const struct incoming *in, struct jsonrpc_message *message);
void legacy_notification(const struct incoming *in, struct jsonrpc_message *message);
void legacy_response(const struct incoming *in, struct jsonrpc_message *message);
void legacy_batch(const struct incoming *in, cJSON *tree);
void legacy_end_session(const struct incoming *in);
void legacy_open_stream(const struct incoming *in);

/* Where the messages of one legacy POST belong. */
struct legacy_context {
    struct mcp *core;
    const struct mcp_revision *rev;
    struct session *session; /* borrowed; NULL: a channel before initialize */
    const char *scope;       /* of request ids; NULL: there are none to name */
    struct outlet *outlet;   /* borrowed */
};
/* Runs one message of any kind; taken. */
void legacy_run(const struct legacy_context *c, struct jsonrpc_message *message);
/* Runs all of an array; taken. text: what it was parsed from. */
void legacy_run_batch(const struct legacy_context *c, cJSON *tree, const char *text, size_t len);
/* Elements one batch may have. */
#define LEGACY_BATCH_MAX 50

/* channel.c: the transport of 2024-11-05. */
void channel_open(const struct incoming *in);
/* A POST that names a channel in its query; tree: taken. */
void channel_message(const struct incoming *in, const char *id, cJSON *tree);
/* The value of sessionId in the query, malloc'd; NULL: none. */
char *channel_id(const struct exchange *x);
