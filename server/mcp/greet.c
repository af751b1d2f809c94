/* How sessions begin, and the small methods that keep or change something of them. */
#include <stdatomic.h>
#include <string.h>

#include "server/mcp/hub.h"
#include "server/mcp/listen.h"
#include "server/mcp/methods.h"
#include "server/mcp/notify.h"
#include "server/mcp/registry.h"
#include "server/mcp/session_gate.h"
#include "state/base/log.h"
#include "state/base/utf8.h"

/* Of the name and of the version that a client gives itself: kept for as long as its session. */
#define CLIENT_PART_MAX 64

static void append_cut(struct buf *b, const char *s)
{
    buf_append(b, s, utf8_cut(s, strlen(s), CLIENT_PART_MAX));
}

/* "name/version"; NULL: not said. */
static char *describe_client(const cJSON *info)
{
    const char *name, *version;
    struct buf b = {0};

    if (!json_get_str(info, "name", &name))
        return NULL;
    append_cut(&b, name);
    if (json_get_str(info, "version", &version)) {
        buf_append_char(&b, '/');
        append_cut(&b, version);
    }
    return buf_steal(&b);
}

/* What we may ever ask for, without settings: it is kept as long as the session. */
static char *known_capabilities(const cJSON *declared)
{
    static const char *const names[] = {"roots", "sampling", "elicitation"};
    CLEANUP(json_deletep) cJSON *known = cJSON_CreateObject();

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (cJSON_IsObject(json_get(declared, names[i])))
            cJSON_AddObjectToObject(known, names[i]);
    }
    return json_print(known);
}

/* NULL: answered with an error. */
static struct session *begin_session(struct mcp_request *rq, const struct mcp_revision *rev)
{
    CLEANUP(free_p) char *client = describe_client(json_get(rq->message.params, "clientInfo"));
    CLEANUP(free_p)
    char *capabilities = known_capabilities(json_get(rq->message.params, "capabilities"));
    struct session *session;
    int r = session_create(rq->core->sessions, mcp_request_principal(rq), rev->name, client,
                           capabilities, &session);

    if (r == SESSION_OK) {
        LOG_INFO("session_created", LOG_STR("session", session->id), LOG_STR("revision", rev->name),
                 LOG_STR("client", client));
        return session;
    }
    if (r < 0)
        LOG_WARN("session_not_created", LOG_ERRNO(r));
    request_fail(rq, 503, JSONRPC_REFUSED,
                 r < 0 ? "The session can't be stored" : "Too many sessions: try again later",
                 NULL);
    return NULL;
}

/* ---- answers that wait until other replicas can know ---- */

struct reply {
    struct mcp_request *rq; /* a reference */
    const char *text;       /* borrowed from what never goes */
};

static void on_told(void *arg)
{
    struct reply *r = arg;
    request_reply_text(r->rq, r->text);
    mcp_request_unref(r->rq);
    free(r);
}

static void reply_when_told(struct mcp_request *rq, enum call_session what, struct session *session,
                            const char *text)
{
    struct reply *r = xcalloc(1, sizeof(*r));
    r->rq = mcp_request_ref(rq);
    r->text = text;
    const struct session_wait wait = {.home = mcp_request_home(rq), .fn = on_told, .arg = r};
    session_gate_tell(rq->core, what, session, &wait);
}

void method_initialize(struct mcp_request *rq)
{
    const char *wanted;

    if (rq->outlet->is_batch) {
        request_fail(rq, 400, JSONRPC_INVALID_REQUEST, "initialize must not be in a batch", NULL);
        return;
    }
    if (!json_get_str(rq->message.params, "protocolVersion", &wanted)) {
        request_refuse_params(rq, "params.protocolVersion: a string is needed");
        return;
    }
    const struct mcp_revision *rev = revision_negotiate(wanted);
    CLEANUP(session_unrefp) struct session *session = begin_session(rq, rev);
    if (!session)
        return;
    if (rq->outlet->channel)
        hub_set_channel_session(rq->core->hub, rq->outlet->channel, session);
    else
        memcpy(rq->outlet->session_id, session->id, sizeof session->id);
    reply_when_told(rq, CALL_SESSION_MADE, session,
                    registry_text(rq->core->registry, rev, REGISTRY_HELLO));
}

void method_discover(struct mcp_request *rq)
{
    request_reply_text(rq, registry_text(rq->core->registry, rq->rev, REGISTRY_HELLO));
}

void method_ping(struct mcp_request *rq)
{
    request_reply_text(rq, "{}");
}

void method_set_level(struct mcp_request *rq)
{
    const char *level;
    int number = -1;

    if (json_get_str(rq->message.params, "level", &level))
        number = log_level_number(level);
    if (number < 0) {
        request_refuse_params(rq, "params.level: one of debug, info, notice, warning, error, "
                                  "critical, alert, emergency");
        return;
    }
    if (!rq->session) {
        request_reply_text(rq, "{}");
        return;
    }
    atomic_store(&rq->session->log_level, number);
    reply_when_told(rq, CALL_SESSION_LEVEL, rq->session, "{}");
}

/* NULL: answered with an error. */
static const char *need_uri(struct mcp_request *rq)
{
    const char *uri = NULL;

    if (!json_get_str(rq->message.params, "uri", &uri))
        request_refuse_params(rq, "params.uri: a string is needed");
    return uri;
}

static bool is_of_a_pack(const struct registry *r, const char *uri)
{
    const struct mcp_pack *pack;

    for (size_t i = 0; (pack = registry_pack(r, i)); i++) {
        const char *prefix = pack->resource_prefix;
        if (prefix && strncmp(uri, prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

/* Who subscribed to what a pack does not tell of is not left waiting for it. */
static void subscribed(struct mcp_request *rq)
{
    const char *uri = need_uri(rq);
    cJSON *data;

    if (json_get(rq->listen, LISTEN_URIS)->child || !is_of_a_pack(rq->core->registry, uri)) {
        request_reply_text(rq, "{}");
        return;
    }
    if (rq->session)
        hub_unsubscribe(rq->core->hub, rq->session, uri);
    data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "uri", uri);
    mcp_reply_error(rq, rq->rev->no_resource_code,
                    "Resource not found, or not one that tells when it changes", data);
}

/* Any other uri can be subscribed to; packs look at it, so that they have what they will tell of.
 */
void method_subscribe(struct mcp_request *rq)
{
    const char *uri = need_uri(rq);

    if (!uri)
        return;
    if (rq->session && !hub_subscribe(rq->core->hub, rq->session, uri)) {
        request_refuse_params(rq, "Too many subscriptions, or params.uri is too long");
        return;
    }
    cJSON *wanted = cJSON_CreateObject();
    cJSON *uris = cJSON_AddArrayToObject(wanted, LISTEN_URIS);
    cJSON_AddItemToArray(uris, cJSON_CreateString(uri));
    listen_screen(rq, wanted, subscribed);
}

void method_unsubscribe(struct mcp_request *rq)
{
    const char *uri = need_uri(rq);

    if (!uri)
        return;
    if (rq->session)
        hub_unsubscribe(rq->core->hub, rq->session, uri);
    request_reply_text(rq, "{}");
}
