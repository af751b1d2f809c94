#pragma once
/*
 * One JSON-RPC request being served: who asks, by which revision, where the answer goes. Made by
 * the transport, handed to a method, answered or cancelled once. Home thread; only the reference
 * count is for any thread, since `notifications/cancelled` finds requests of other threads. The
 * last reference is dropped at home.
 *
 * One reference belongs to the answer: mcp_reply_*() drops it, or cancelling does when the handler
 * asked to be told (mcp_request_on_cancel).
 */
#include "server/mcp/core.h"
#include "server/mcp/jsonrpc.h"
#include "server/mcp/outlet.h"
#include "server/mcp/revision.h"
#include "state/session.h"

/* The envelope: keys of params._meta in 2026-07-28. */
#define META_VERSION      "io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define META_CLIENT_INFO  "io.modelcontextprotocol/clientInfo"
#define META_LOG_LEVEL    "io.modelcontextprotocol/logLevel"

enum request_state { REQUEST_OPEN, REQUEST_ANSWERED, REQUEST_CANCELLED };

struct follow;
struct mcp_method;
struct mcp_task;
struct registry_tool;

struct mcp_request {
    _Atomic unsigned refs;
    enum request_state state;
    bool is_released; /* the answer's reference is gone */
    struct mcp *core; /* borrowed */
    const struct mcp_revision *rev;
    const struct mcp_method *method; /* set by dispatch */
    struct jsonrpc_message message;  /* owned; its text is the exchange's body */
    char *id;                        /* owned: raw token */
    struct outlet *outlet;           /* reference */
    struct session *session;         /* reference; NULL: none */

    struct list outlet_link, shard_link;
    char *live_key; /* owned; NULL: not in the table of live requests */
    struct list asks;

    void (*on_cancel)(void *arg);
    void *cancel_arg;

    int log_level;        /* RFC 5424 number: notifications up to it are wanted; -1: none */
    char *progress_token; /* owned: raw; NULL: none wanted */
    bool has_progress;    /* one was sent */
    double last_progress;
    uint64_t progress_credit_ms, progress_credited_ms; /* token bucket, see notify.c */

    const struct registry_tool *tool; /* tools/call: the tool once it is known */
    cJSON *empty_arguments;           /* owned: what a call without arguments is given */
    /* How mcp_reply_task() answers; set by the method. NULL: a task is no answer. */
    void (*tell_task)(struct mcp_request *rq, struct mcp_task *t);
    struct follow *follow; /* borrowed: a stream asks, not a client; NULL: a client does */
    cJSON *listen;         /* owned; what is to be followed, as far as is known */
    void (*on_screened)(struct mcp_request *rq); /* when each pack has seen that */
    uint64_t started_us;
    uint64_t parked_ms; /* when it was parked */
    size_t list_pack;   /* resources/list, subscriptions/listen: which pack's turn it is */
};

/* What a new request is made of. */
struct request_spec {
    struct mcp *core;
    const struct mcp_revision *rev;
    struct outlet *outlet;           /* borrowed: the request takes a reference */
    struct session *session;         /* borrowed: the request takes a reference; NULL: none */
    struct jsonrpc_message *message; /* JSONRPC_REQUEST; taken */
};

struct mcp_request *request_new(const struct request_spec *spec);
/* The handler returned without an answer: the request can now be cancelled and waits. */
void request_park(struct mcp_request *rq);
/* Waited for long: becomes an event stream, so that heartbeats flow. */
void request_commit_late(struct mcp_request *rq);
/* Ends it without an answer. Legal in every state. */
void request_cancel(struct mcp_request *rq);
/* The connection of its reply is lost: cancels where the revision says so. */
void request_client_gone(struct mcp_request *rq);

/* Answers beside mcp_reply_*(): a ready result, and an error with its own HTTP status. */
void request_reply_text(struct mcp_request *rq, const char *result);
void request_fail(struct mcp_request *rq, int status, int code, const char *message, cJSON *data);
/* -32602 naming what is wrong, HTTP status 200. */
void request_refuse_params(struct mcp_request *rq, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* -32021: the client did not declare `capability`. */
void request_fail_capability(struct mcp_request *rq, const char *capability);
/* The reply becomes somebody else's: the exchange with a reference. The request counts as
 * answered. */
struct exchange *request_release_exchange(struct mcp_request *rq);

/* What request ids are unique within: the session, or the channel when it has none; NULL: nothing
 * (modern). Borrowed. */
const char *request_scope(const struct mcp_request *rq);
