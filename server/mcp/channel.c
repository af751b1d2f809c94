/*
 * HTTP+SSE, the transport of 2024-11-05: a GET opens a channel, its first event names where to POST
 * messages, each POST is answered with 202 and everything else goes out on the channel. Clients
 * negotiate any revision with sessions over it. The channel's end ends its session.
 */
#include <string.h>

#include "server/mcp/hub.h"
#include "server/mcp/request.h"
#include "server/mcp/transport.h"

#define PARAMETER "sessionId="

char *channel_id(const struct exchange *x)
{
    const char *at = exchange_query(x);

    while (strncmp(at, PARAMETER, strlen(PARAMETER)) != 0) {
        at = strchr(at, '&');
        if (!at)
            return NULL;
        at++;
    }
    at += strlen(PARAMETER);
    return xstrndup(at, strcspn(at, "&"));
}

void channel_open(const struct incoming *in)
{
    char id[ID_MAX + 1];
    struct buf endpoint = {0};

    id_make(in->core->config->replica_id, id);
    struct stream *s = stream_open(in->core, in->x, STREAM_CHANNEL, xstrdup(id));
    if (!s) {
        transport_refuse(in->x, 503, JSONRPC_INTERNAL_ERROR, "Too many open streams");
        return;
    }
    buf_printf(&endpoint, "%s?" PARAMETER "%s", exchange_path(in->x), id);
    stream_write(s, "endpoint", endpoint.data);
    buf_deinit(&endpoint);
    if (!hub_add(in->core->hub, s, NULL))
        stream_post_end(s);
}

static void run(const struct incoming *in, struct stream *channel, struct session *session,
                struct jsonrpc_message *message)
{
    struct outlet *outlet = outlet_new_channel(in->x, channel);
    struct legacy_context c = {
        .core = in->core,
        .rev = session ? revision_negotiate(session->revision) : revision_oldest(),
        .session = session,
        .scope = channel->id,
        .outlet = outlet,
    };
    size_t len;
    const char *text = exchange_body(in->x, &len);

    if (cJSON_IsArray(message->tree)) {
        outlet->is_batch = true;
        legacy_run_batch(&c, TAKE_PTR(message->tree), text, len);
    } else {
        legacy_run(&c, message);
    }
    outlet_seal(outlet);
    outlet_unref(outlet);
}

/* NULL: it can be run. */
static const char *find_problem(const struct session *session,
                                const struct jsonrpc_message *message)
{
    int n = cJSON_GetArraySize(message->tree);

    if (!cJSON_IsArray(message->tree))
        return message->kind == JSONRPC_INVALID ? "Not a JSON-RPC message" : NULL;
    if (!session || !revision_negotiate(session->revision)->has_batch)
        return "The revision of this session has no batches";
    if (n == 0)
        return "Empty batch";
    return n > LEGACY_BATCH_MAX ? "Too many messages in one batch" : NULL;
}

static void serve(const struct incoming *in, struct stream *channel,
                  struct jsonrpc_message *message)
{
    CLEANUP(session_unrefp)
    struct session *session = hub_find_channel_session(in->core->hub, channel);
    const char *problem = find_problem(session, message);

    if (problem) {
        transport_refuse(in->x, 400, JSONRPC_INVALID_REQUEST, problem);
    } else if (!stream_begin_request(channel)) {
        transport_refuse(in->x, 429, JSONRPC_REFUSED, "Too many requests under way");
    } else {
        transport_accept(in->x, 202);
        run(in, channel, session, message);
    }
}

void channel_message(const struct incoming *in, const char *id, cJSON *tree)
{
    struct stream *channel = hub_find_channel(in->core->hub, id, exchange_principal(in->x));
    size_t len;
    const char *text = exchange_body(in->x, &len);
    struct jsonrpc_message message = jsonrpc_read(tree, text, len);

    if (channel) {
        serve(in, channel, &message);
        stream_unref(channel);
    } else {
        transport_refuse(in->x, 404, JSONRPC_SESSION_NOT_FOUND, "Session not found");
    }
    jsonrpc_message_deinit(&message);
}
