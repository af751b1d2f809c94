#pragma once
/*
 * A pack: the tools, resources and prompts that one part of the product registers. The core
 * (transport, era, revision, dispatch) knows packs, never their contents. The product links
 * pack_exec; a test binary also links pack_conformance. Descriptors are constant; handlers run on
 * the exchange's home thread and answer their mcp_request exactly once, at once or later.
 */
#include <stdbool.h>

#include "server/exchange.h"
#include "state/base/json.h"

struct mcp_request; /* one JSON-RPC request being served */
struct mcp;         /* the core */
struct mcp_tasks;   /* task.h */

/* Whether a call may be answered with a task, which clients have to ask for. */
enum mcp_task_use {
    MCP_TASK_NEVER,
    MCP_TASK_MAY,
    MCP_TASK_MUST /* the tool can't be served otherwise: clients without tasks get -32021 */
};

struct mcp_tool {
    const char *name;
    /* The whole Tool object as JSON text (name, title, description, inputSchema, outputSchema,
     * annotations) made once at start-up; the core strips what a revision does not know. */
    char *(*describe)(void *pack_arg); /* malloc'd */
    /* arguments: an object, never NULL, borrowed until the request is answered. */
    void (*call)(struct mcp_request *rq, const cJSON *arguments, void *pack_arg);
    /* Modern clients without one of these capabilities get -32021; NULL: none needed. E.g.
     * "sampling". */
    const char *required_capability;
    enum mcp_task_use task;
};

struct mcp_prompt {
    const char *name;
    const char *descriptor; /* JSON text: name, title, description, arguments */
    void (*get)(struct mcp_request *rq, const cJSON *arguments, void *pack_arg);
};

struct mcp_pack {
    const char *name;
    const char *instructions; /* for the model; NULL: none */
    const struct mcp_tool *tools;
    size_t n_tools;
    const struct mcp_prompt *prompts;
    size_t n_prompts;
    const char *resource_prefix;    /* only its resources have such uris; NULL: none */
    const char *resource_templates; /* JSON array text; NULL: none */
    /* Answers resources/list with this pack's resources. cursor NULL: from the start. May be NULL.
     */
    void (*list_resources)(struct mcp_request *rq, const char *cursor, void *pack_arg);
    /* True when the uri is this pack's: then it answers (mcp_reply_result or
     * mcp_reply_no_resource). */
    bool (*read_resource)(struct mcp_request *rq, const char *uri, void *pack_arg);
    /* True when the reference is this pack's: then it answers. ref: the request's params. */
    bool (*complete)(struct mcp_request *rq, const cJSON *params, void *pack_arg);
    /* advertised listChanged: then mcp_list_changed() is called when the list changes */
    /* NULL: it has no tasks. At most one pack has. */
    const struct mcp_tasks *tasks;
    /* subscriptions/listen: takes from these arrays of strings (each may be NULL) what the caller
     * can't follow, then calls mcp_listen_screened(), at once or later. NULL: everything can be
     * followed. */
    void (*screen)(struct mcp_request *rq, cJSON *uris, cJSON *task_ids, void *pack_arg);
    /* Somebody follows this uri from now on (or nobody any more): mcp_resource_updated() is to be
     * called when it changes. Any thread; must not call back. May be NULL. */
    void (*watch_resource)(const char *uri, bool is_on, void *pack_arg);
    bool tools_list_changed, prompts_list_changed, resources_list_changed;
    /* Resources come and go with what a client does: only those that ask (subscriptions/listen) are
     * told, by mcp_resources_changed(). */
    bool resources_come_and_go;
    void *arg; /* passed as pack_arg */
};

/* ---- who asks ---- */
const char *mcp_request_principal(const struct mcp_request *rq); /* never NULL */
const char *mcp_request_session(
    const struct mcp_request *rq); /* session id, NULL in the modern era */
bool mcp_request_is_modern(const struct mcp_request *rq);
bool mcp_request_has_structured(
    const struct mcp_request *rq); /* revision knows structuredContent (06-18+) */
bool mcp_request_has_resource_link(const struct mcp_request *rq); /* 06-18+ */
const char *mcp_request_client(const struct mcp_request *rq);     /* for logs; NULL: unknown */
const cJSON *mcp_request_params(const struct mcp_request *rq); /* the whole params object or NULL */
bool mcp_request_client_has(const struct mcp_request *rq,
                            const char *capability); /* "elicitation" */
struct home *mcp_request_home(const struct mcp_request *rq);
bool mcp_request_is_live(const struct mcp_request *rq); /* neither answered, cancelled nor gone */

/* ---- answering: exactly once; the request may be freed by it unless a reference is held ---- */
struct mcp_request *mcp_request_ref(struct mcp_request *rq);
void mcp_request_unref(struct mcp_request *rq);
/* result: an object, taken. The revision's decorations (resultType, serverInfo) are added by the
 * core. */
void mcp_reply_result(struct mcp_request *rq, cJSON *result);
/* A JSON-RPC error. data: taken, may be NULL. */
void mcp_reply_error(struct mcp_request *rq, int code, const char *message, cJSON *data);
/* A tool result: text is the content block; structured (taken, may be NULL) goes out where the
 * revision knows it. text NULL: the printed form of structured. blocks: array of further content
 * (resource_link, image), taken, may be NULL; what the revision does not know is left out. */
void mcp_reply_tool(struct mcp_request *rq, const char *text, cJSON *structured, cJSON *blocks,
                    bool is_error);
/* The same result, not sent: for a task. */
cJSON *mcp_tool_result(const struct mcp_request *rq, const char *text, cJSON *structured,
                       cJSON *links, bool is_error);
/* A tool error for the model: isError with this text. */
void mcp_reply_tool_error(struct mcp_request *rq, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* For what this replica did not begin and another could: answers 503 with this text when a load
 * balancer promised to ask the next one then. False: nobody did, answer in another way. */
MUST_USE bool mcp_reply_elsewhere(struct mcp_request *rq, const char *text);
/* resources/read of an unknown uri: -32002 or -32602 as the revision says, with data.uri. */
void mcp_reply_no_resource(struct mcp_request *rq, const char *uri);

/* ---- while a request is under way ---- */
/* Called once when the request is cancelled (notifications/cancelled; in the modern era also when
 * the client goes: before 2026-07-28 a lost connection cancels nothing and the answer is dropped).
 * The handler ends its work and does not answer; the request is freed afterwards unless a reference
 * is held. NULL takes it off. A handler that sets none answers as if nothing had happened, and the
 * answer is dropped. With a reference held, answering a cancelled request does nothing. */
void mcp_request_on_cancel(struct mcp_request *rq, void (*fn)(void *arg), void *arg);
bool mcp_request_wants_progress(const struct mcp_request *rq);
/* notifications/progress on the request's stream; a value not above the last one is dropped;
 * message may be NULL; total < 0: unknown. */
void mcp_progress(struct mcp_request *rq, double progress, double total, const char *message);
/* notifications/message at this level (RFC 5424 name) if the client asked for it. data taken. */
void mcp_log(struct mcp_request *rq, const char *level, const char *logger, cJSON *data);

/* ---- asking the client (fixtures today; confirmation and input later) ---- */
/* Legacy eras: sends a server request on the request's stream; fn is called exactly once with the
 * result (borrowed), or NULL on error, after some minutes, or after the client cancelled or went.
 * params taken. False (fn is not called): the client did not declare what the method needs, has no
 * session or takes no stream, or too many questions are open. */
bool mcp_ask(struct mcp_request *rq, const char *method, cJSON *params,
             void (*fn)(struct mcp_request *rq, const cJSON *result, void *arg), void *arg);
/* Modern era: answers with resultType input_required. input_requests taken (object key -> {method,
 * params}), state may be NULL. Retries arrive as new calls; mcp_input_response() reads the answer
 * of a key. */
void mcp_reply_input_required(struct mcp_request *rq, cJSON *input_requests, const char *state);
const cJSON *mcp_input_response(const struct mcp_request *rq, const char *key);
const char *mcp_request_state(const struct mcp_request *rq); /* the echoed requestState or NULL */
/* A requestState the client can't change: payload with a MAC that binds principal, method, the name
 * or uri asked for, and a short expiry. malloc'd. */
char *mcp_state_sign(const struct mcp_request *rq, const char *payload);
/* The payload of the echoed requestState, malloc'd; NULL: absent, tampered with, expired or of
 * another principal or request. */
char *mcp_state_verify(const struct mcp_request *rq);

/* A cursor of a list, signed: the place in it can be read back by requests of the same principal
 * and method (and tool) alone, on every server that has the same key, and for ever. malloc'd. */
char *mcp_cursor_sign(const struct mcp_request *rq, const char *place);
/* The place, malloc'd; NULL: none of ours. */
char *mcp_cursor_read(const struct mcp_request *rq, const char *cursor);

/* ---- fan-out, from any thread: to GET streams, SSE connections and listen streams ---- */
enum mcp_list { MCP_LIST_TOOLS, MCP_LIST_PROMPTS, MCP_LIST_RESOURCES };
void mcp_list_changed(struct mcp *m, enum mcp_list which);
/* To those of this principal's (NULL: everybody's) listen streams that asked for it. */
void mcp_resources_changed(struct mcp *m, const char *principal);
/* To those of this principal's clients (NULL: everybody's) that subscribed to exactly this uri. */
void mcp_resource_updated(struct mcp *m, const char *principal, const char *uri);
/* The pack's `screen` is done. */
void mcp_listen_screened(struct mcp_request *rq);
struct mcp *mcp_request_core(const struct mcp_request *rq);
