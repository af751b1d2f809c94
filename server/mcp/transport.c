#include "server/mcp/transport.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "server/mcp/era.h"
#include "server/mcp/request.h"
#include "server/mcp/session_gate.h"

#define ALLOW     "GET, POST, DELETE, OPTIONS"
#define ALLOW_SSE "GET, POST, OPTIONS"

void transport_refuse(struct exchange *x, int status, int code, const char *message)
{
    CLEANUP(free_p) char *text = jsonrpc_error(NULL, code, message, NULL);
    exchange_reply(x, status, "application/json", text, strlen(text), NULL, 0);
}

void transport_accept(struct exchange *x, int status)
{
    exchange_reply(x, status, NULL, NULL, 0, NULL, 0);
}

struct outlet *transport_outlet(const struct incoming *in)
{
    return outlet_new(in->x, in->accepts_json, in->accepts_stream);
}

/* ---- Accept and Content-Type (RFC 9110 sections 12.5.1 and 8.3) ---- */

/* Whether the media type that begins s, without its parameters, is `type`. */
static bool is_media_type(const char *s, const char *type)
{
    size_t len = strlen(type);

    if (strncasecmp(s, type, len) != 0)
        return false;
    s += len;
    while (*s == ' ' || *s == '\t')
        s++;
    return *s == '\0' || *s == ';' || *s == ',';
}

static void read_accept(void *arg, const char *name, const char *value)
{
    struct incoming *in = arg;

    if (strcmp(name, "accept") != 0)
        return;
    while (*value) {
        while (*value == ' ' || *value == '\t' || *value == ',')
            value++;
        bool is_any = is_media_type(value, "*/*");
        in->accepts_json |= is_any || is_media_type(value, "application/json") ||
                            is_media_type(value, "application/*");
        in->accepts_stream |=
            is_any || is_media_type(value, "text/event-stream") || is_media_type(value, "text/*");
        value += strcspn(value, ",");
    }
}

static struct incoming read_incoming(struct mcp *m, struct exchange *x)
{
    struct incoming in = {
        .core = m,
        .x = x,
        .version = exchange_header(x, "mcp-protocol-version", NULL),
        .session_id = exchange_header(x, "mcp-session-id", NULL),
    };

    if (exchange_header(x, "accept", NULL))
        exchange_each_header(x, "accept", read_accept, &in);
    else
        in.accepts_json = in.accepts_stream = true;
    return in;
}

/* ---- POST ---- */

static bool has_claim(const cJSON *message)
{
    return json_get(json_get(json_get(message, "params"), "_meta"), META_VERSION);
}

static enum era_body body_kind(const cJSON *tree, const struct jsonrpc_message *message)
{
    if (cJSON_IsArray(tree))
        return ERA_BODY_BATCH;
    switch (message->kind) {
    case JSONRPC_REQUEST:
        return ERA_BODY_REQUEST;
    case JSONRPC_NOTIFICATION:
        return ERA_BODY_NOTIFICATION;
    case JSONRPC_RESPONSE:
        return ERA_BODY_RESPONSE;
    case JSONRPC_INVALID:
        break;
    }
    return ERA_BODY_NONE;
}

static struct era_verdict classify(const struct incoming *in, const cJSON *tree,
                                   const struct jsonrpc_message *message)
{
    struct era_input input = {
        .method = ERA_POST,
        .version = in->version,
        .body = body_kind(tree, message),
        .has_claim = has_claim(tree),
        .rpc_method = message->method,
    };
    const cJSON *element;

    if (input.body == ERA_BODY_BATCH) {
        input.is_empty = cJSON_GetArraySize(tree) == 0;
        cJSON_ArrayForEach(element, tree) input.has_claim |= has_claim(element);
    }
    return era_classify(&input);
}

/* A refusal that says which request it is about, when that could be read. */
static void refuse(const struct incoming *in, const struct jsonrpc_message *message,
                   const struct era_verdict *verdict)
{
    CLEANUP(free_p)
    char *text = jsonrpc_error_about(message, verdict->code, verdict->message);

    exchange_reply(in->x, 400, "application/json", text, strlen(text), NULL, 0);
}

/* A request that another replica can serve as well, while this one is about to go and a load
 * balancer has promised to ask that one. Notifications and answers are about what is under way
 * here. */
static bool goes_elsewhere(const struct incoming *in, enum era era)
{
    bool is_request = era == ERA_MODERN_REQUEST || era == ERA_LEGACY_REQUEST ||
                      era == ERA_LEGACY_INITIALIZE || era == ERA_LEGACY_BATCH;
    if (!is_request || !atomic_load_explicit(&in->core->is_draining, memory_order_relaxed) ||
        !exchange_header(in->x, BALANCER_HEADER, NULL))
        return false;
    transport_refuse(in->x, 503, JSONRPC_REFUSED, "The server is shutting down");
    return true;
}

/* tree: taken. */
static void serve_message(const struct incoming *in, cJSON *tree)
{
    size_t len;
    const char *text = exchange_body(in->x, &len);
    struct jsonrpc_message message = jsonrpc_read(tree, text, len); /* of an array: just the tree */
    struct era_verdict verdict = classify(in, tree, &message);
    if (goes_elsewhere(in, verdict.era)) {
        jsonrpc_message_deinit(&message);
        return;
    }
    switch (verdict.era) {
    case ERA_MODERN_REQUEST:
        modern_request(in, &message);
        break;
    case ERA_LEGACY_REQUEST:
        legacy_request(in, &message);
        break;
    case ERA_LEGACY_INITIALIZE:
        legacy_initialize(in, &message);
        break;
    case ERA_LEGACY_NOTIFICATION:
        legacy_notification(in, &message);
        break;
    case ERA_LEGACY_RESPONSE:
        legacy_response(in, &message);
        break;
    case ERA_LEGACY_BATCH:
        legacy_batch(in, TAKE_PTR(message.tree));
        break;
    case ERA_MODERN_NOTIFICATION:
        transport_accept(in->x, 202);
        break;
    case ERA_REFUSED:
        refuse(in, &message, &verdict);
        break;
    case ERA_SESSION_STREAM:
    case ERA_SESSION_END:
    case ERA_CHANNEL_OPEN:
    case ERA_CHANNEL_MESSAGE:
    case ERA_METHOD_NOT_ALLOWED:
        abort(); /* not with a body */
    }
    jsonrpc_message_deinit(&message);
}

static bool has_json_content(struct exchange *x)
{
    const char *type = exchange_header(x, "content-type", NULL);
    return type && is_media_type(type, "application/json");
}

static void serve_post(const struct incoming *in)
{
    CLEANUP(free_p) char *channel = channel_id(in->x);
    CLEANUP(json_deletep) cJSON *tree = NULL;
    size_t len, error_at;

    if (!has_json_content(in->x)) {
        transport_refuse(in->x, 415, JSONRPC_INVALID_REQUEST,
                         "Content-Type must be application/json");
        return;
    }
    if (!channel && !in->accepts_json && !in->accepts_stream) {
        transport_refuse(in->x, 406, JSONRPC_INVALID_REQUEST,
                         "Accept must list application/json and text/event-stream");
        return;
    }
    const char *body = exchange_body(in->x, &len);
    enum json_error e = json_parse(body, len, &tree, &error_at);
    if (e != JSON_OK) {
        struct buf message = {0};
        buf_printf(&message, "Parse error at byte %zu: %s", error_at, json_error_name(e));
        transport_refuse(in->x, 400, JSONRPC_PARSE_ERROR, message.data);
        buf_deinit(&message);
    } else if (channel) {
        channel_message(in, channel, TAKE_PTR(tree));
    } else {
        serve_message(in, TAKE_PTR(tree));
    }
}

/* ---- other methods ---- */

static void not_allowed(struct exchange *x, const char *allow)
{
    const struct exchange_header headers[] = {{"allow", allow}};
    CLEANUP(free_p)
    char *text = jsonrpc_error(NULL, JSONRPC_REFUSED, "Method not allowed", NULL);

    exchange_reply(x, 405, "application/json", text, strlen(text), headers, ARRAY_LEN(headers));
}

static void serve_without_body(const struct incoming *in, enum era_method method)
{
    struct era_input input = {
        .method = method,
        .has_session = in->session_id,
        .accepts_stream = in->accepts_stream,
    };
    enum era era = era_classify(&input).era;

    if (era == ERA_SESSION_STREAM)
        legacy_open_stream(in);
    else if (era == ERA_CHANNEL_OPEN)
        channel_open(in);
    else if (era == ERA_SESSION_END)
        legacy_end_session(in);
    else
        not_allowed(in->x, ALLOW);
}

static void serve_options(struct exchange *x, const char *allow)
{
    const struct exchange_header headers[] = {{"allow", allow}};
    exchange_reply(x, 204, NULL, NULL, 0, headers, ARRAY_LEN(headers));
}

static void serve(struct exchange *x, void *arg)
{
    struct incoming in = read_incoming(arg, x);
    const char *method = exchange_method(x);

    if (strcmp(method, "POST") == 0)
        serve_post(&in);
    else if (strcmp(method, "GET") == 0)
        serve_without_body(&in, ERA_GET);
    else if (strcmp(method, "DELETE") == 0)
        serve_without_body(&in, ERA_DELETE);
    else if (strcmp(method, "OPTIONS") == 0)
        serve_options(x, ALLOW);
    else
        serve_without_body(&in, ERA_OTHER);
}

void mcp_serve(struct exchange *x, void *arg)
{
    const struct incoming in = read_incoming(arg, x);
    if (!session_gate_holds(&in, serve))
        serve(x, arg);
}

void mcp_serve_sse(struct exchange *x, void *arg)
{
    struct incoming in = read_incoming(arg, x);
    const char *method = exchange_method(x);
    CLEANUP(free_p) char *channel = channel_id(x);

    if (strcmp(method, "GET") == 0 && in.accepts_stream)
        channel_open(&in);
    else if (strcmp(method, "POST") == 0 && channel)
        serve_post(&in);
    else if (strcmp(method, "OPTIONS") == 0)
        serve_options(x, ALLOW_SSE);
    else
        not_allowed(x, ALLOW_SSE);
}
