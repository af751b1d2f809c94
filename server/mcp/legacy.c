/* Sessions of Streamable HTTP, revisions 2025-03-26 to 2025-11-25, and what all messages before
 * 2026-07-28 have in common whichever transport brought them. */
#include <string.h>

#include "server/mcp/ask.h"
#include "server/mcp/dispatch.h"
#include "server/mcp/hub.h"
#include "server/mcp/live.h"
#include "server/mcp/request.h"
#include "server/mcp/session_gate.h"
#include "server/mcp/transport.h"
#include "state/base/log.h"

/* ---- messages ---- */

static void run_request(const struct legacy_context *c, struct jsonrpc_message *message)
{
    const struct mcp_method *method = method_find(c->core, c->rev, message->method);
    const cJSON *params = message->params;
    struct mcp_request *rq = request_new(&(struct request_spec){
        .core = c->core,
        .rev = c->rev,
        .outlet = c->outlet,
        .session = c->session,
        .message = message,
    });

    if (params && !cJSON_IsObject(params))
        request_refuse_params(rq, "params: an object is needed");
    else if (!method)
        request_fail(rq, 200, JSONRPC_METHOD_NOT_FOUND, "Method not found", NULL);
    else
        dispatch(rq, method);
}

static void answer_invalid(const struct legacy_context *c, const struct jsonrpc_message *message)
{
    outlet_expect(c->outlet);
    outlet_answer(c->outlet, 400,
                  jsonrpc_error_about(message, JSONRPC_INVALID_REQUEST, "Not a JSON-RPC message"));
}

void legacy_run(const struct legacy_context *c, struct jsonrpc_message *message)
{
    switch (message->kind) {
    case JSONRPC_REQUEST:
        run_request(c, message);
        break;
    case JSONRPC_NOTIFICATION:
        if (c->scope && strcmp(message->method, "notifications/cancelled") == 0)
            live_cancel(c->core->live, c->scope, message);
        break;
    case JSONRPC_RESPONSE:
        if (c->scope)
            asks_answer(c->core->asks, c->scope, message);
        break;
    case JSONRPC_INVALID:
        answer_invalid(c, message);
        break;
    }
    jsonrpc_message_deinit(message);
}

void legacy_run_batch(const struct legacy_context *c, cJSON *tree, const char *text, size_t len)
{
    CLEANUP(json_deletep) cJSON *owned = tree;
    struct json_span at;
    size_t pos = 0;

    while (json_next_element(text, len, &pos, &at)) {
        cJSON *element = cJSON_DetachItemFromArray(owned, 0);
        struct jsonrpc_message message = jsonrpc_read(element, text + at.offset, at.len);
        legacy_run(c, &message);
    }
}

/* ---- sessions ---- */

#define NO_SESSION                                                                     \
    "No session: initialize first (over HTTP then send its Mcp-Session-Id, once), or " \
    "send what 2026-07-28 wants in params._meta"

/* What is wrong with the way a request names its session. */
struct problem {
    int status, code;
    const char *message;
};

/* With a reference; NULL: *ret_problem says why. */
static struct session *find_session(const struct incoming *in, struct problem *ret_problem)
{
    const struct mcp_revision *header = in->version ? revision_find(in->version) : NULL;
    size_t count = 0;
    struct session *session = NULL;

    (void)exchange_header(in->x, "mcp-session-id", &count);
    if (count != 1)
        *ret_problem = (struct problem){400, JSONRPC_REFUSED, NO_SESSION};
    else if (in->version && (!header || header->is_modern))
        *ret_problem = (struct problem){400, JSONRPC_REFUSED,
                                        "MCP-Protocol-Version names no revision with sessions"};
    else if (!(session =
                   session_find(in->core->sessions, in->session_id, exchange_principal(in->x))))
        *ret_problem = (struct problem){404, JSONRPC_SESSION_NOT_FOUND, "Session not found"};
    return session;
}

/* With a reference; NULL: refused. For messages that have no id to echo. */
static struct session *need_session(const struct incoming *in)
{
    struct problem problem;
    struct session *session = find_session(in, &problem);

    if (!session)
        transport_refuse(in->x, problem.status, problem.code, problem.message);
    return session;
}

static struct legacy_context context(const struct incoming *in, struct session *session,
                                     struct outlet *outlet)
{
    return (struct legacy_context){
        .core = in->core,
        .rev = session ? revision_negotiate(session->revision) : revision_oldest(),
        .session = session,
        .scope = session ? session->id : NULL,
        .outlet = outlet,
    };
}

void legacy_initialize(const struct incoming *in, struct jsonrpc_message *message)
{
    struct outlet *outlet = transport_outlet(in);
    struct legacy_context c = context(in, NULL, outlet);

    legacy_run(&c, message);
    outlet_seal(outlet);
    outlet_unref(outlet);
}

void legacy_request(const struct incoming *in, struct jsonrpc_message *message)
{
    struct problem problem;
    CLEANUP(session_unrefp) struct session *session = find_session(in, &problem);
    struct outlet *outlet = transport_outlet(in);
    struct legacy_context c = context(in, session, outlet);

    if (session) {
        legacy_run(&c, message);
    } else {
        outlet_expect(outlet);
        outlet_answer(outlet, problem.status,
                      jsonrpc_error_about(message, problem.code, problem.message));
    }
    outlet_seal(outlet);
    outlet_unref(outlet);
}

/* A message that nothing answers to. */
static void run_silent(const struct incoming *in, struct jsonrpc_message *message)
{
    CLEANUP(session_unrefp) struct session *session = need_session(in);

    if (!session)
        return;
    struct legacy_context c = context(in, session, NULL);
    legacy_run(&c, message);
    transport_accept(in->x, 202);
}

void legacy_notification(const struct incoming *in, struct jsonrpc_message *message)
{
    run_silent(in, message);
}

void legacy_response(const struct incoming *in, struct jsonrpc_message *message)
{
    run_silent(in, message);
}

void legacy_batch(const struct incoming *in, cJSON *tree)
{
    CLEANUP(json_deletep) cJSON *owned = tree;
    CLEANUP(session_unrefp) struct session *session = need_session(in);

    if (!session)
        return;
    if (!revision_negotiate(session->revision)->has_batch) {
        transport_refuse(in->x, 400, JSONRPC_INVALID_REQUEST,
                         "The revision of this session has no batches");
        return;
    }
    if (cJSON_GetArraySize(owned) > LEGACY_BATCH_MAX) {
        transport_refuse(in->x, 400, JSONRPC_INVALID_REQUEST, "Too many messages in one batch");
        return;
    }
    struct outlet *outlet = transport_outlet(in);
    struct legacy_context c = context(in, session, outlet);
    size_t len;
    const char *text = exchange_body(in->x, &len);
    outlet->is_batch = true;
    legacy_run_batch(&c, TAKE_PTR(owned), text, len);
    outlet_seal(outlet);
    outlet_unref(outlet);
}

static void on_end_told(void *arg)
{
    struct exchange *x = arg;
    transport_accept(x, 204);
    exchange_unref(x);
}

void legacy_end_session(const struct incoming *in)
{
    CLEANUP(session_unrefp) struct session *session = need_session(in);

    if (!session)
        return;
    if (session_end(in->core->sessions, session->id, session->principal))
        LOG_INFO("session_ended", LOG_STR("session", session->id));
    hub_end_session(in->core->hub, session->id);
    asks_end(in->core->asks, session->id);
    const struct session_wait wait = {
        .home = exchange_home(in->x), .fn = on_end_told, .arg = exchange_ref(in->x)};
    session_gate_tell(in->core, CALL_SESSION_ENDED, session, &wait);
}

void legacy_open_stream(const struct incoming *in)
{
    CLEANUP(session_unrefp) struct session *session = need_session(in);

    if (!session)
        return;
    if (!in->accepts_stream) {
        transport_refuse(in->x, 406, JSONRPC_INVALID_REQUEST, "Accept must list text/event-stream");
        return;
    }
    struct stream *s = stream_open(in->core, in->x, STREAM_SESSION, NULL);
    if (!s)
        transport_refuse(in->x, 503, JSONRPC_INTERNAL_ERROR, "Too many open streams");
    else if (!hub_add(in->core->hub, s, session))
        stream_post_end(s);
}
