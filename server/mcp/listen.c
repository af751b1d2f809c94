#include "server/mcp/listen.h"

#include <string.h>

#include "server/mcp/hub.h"
#include "server/mcp/methods.h"
#include "server/mcp/registry.h"

#define SUBSCRIPTION_ID "io.modelcontextprotocol/subscriptionId"

void listen_tag(const struct stream *s, cJSON *params)
{
    cJSON *meta = cJSON_GetObjectItemCaseSensitive(params, "_meta");

    if (!meta)
        meta = cJSON_AddObjectToObject(params, "_meta");
    cJSON_AddItemToObject(meta, SUBSCRIPTION_ID, cJSON_CreateRaw(s->id));
}

char *listen_result(const struct stream *s)
{
    CLEANUP(json_deletep) cJSON *result = cJSON_CreateObject();

    revision_newest()->decorate(registry_identity(s->core->registry), result, MCP_CACHE_NONE);
    listen_tag(s, result);
    CLEANUP(free_p) char *text = json_print(result);
    return jsonrpc_result(s->id, text);
}

/* What of `notifications` can be had, as the acknowledgement says it. NULL: malformed. */
static cJSON *honoured(const struct mcp_identity *who, const cJSON *asked)
{
    const struct {
        const char *key;
        bool is_offered;
    } lists[] = {
        {"toolsListChanged", who->tools_list_changed},
        {"promptsListChanged", who->prompts_list_changed},
        {"resourcesListChanged", who->resources_list_changed},
    };
    const cJSON *uris = json_get(asked, "resourceSubscriptions");
    const cJSON *uri;

    if (!cJSON_IsObject(asked) || (uris && !cJSON_IsArray(uris)))
        return NULL;
    cJSON_ArrayForEach(uri, uris)
    {
        if (!cJSON_IsString(uri))
            return NULL;
    }
    CLEANUP(json_deletep) cJSON *o = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const cJSON *v = json_get(asked, lists[i].key);
        if (v && !cJSON_IsBool(v))
            return NULL;
        if (cJSON_IsTrue(v) && lists[i].is_offered)
            cJSON_AddTrueToObject(o, lists[i].key);
    }
    if (uris)
        cJSON_AddItemToObject(o, "resourceSubscriptions", cJSON_CreateArray());
    return TAKE_PTR(o);
}

/* Subscribes; what is too many or too long is not honoured. */
static void subscribe(struct stream *s, const cJSON *asked, cJSON *subset)
{
    cJSON *granted = cJSON_GetObjectItemCaseSensitive(subset, "resourceSubscriptions");
    const cJSON *uri;

    cJSON_ArrayForEach(uri, json_get(asked, "resourceSubscriptions"))
    {
        if (hub_subscribe_listen(s->core->hub, s, uri->valuestring))
            cJSON_AddItemToArray(granted, cJSON_CreateString(uri->valuestring));
    }
    s->wants[MCP_LIST_TOOLS] = json_get(subset, "toolsListChanged");
    s->wants[MCP_LIST_PROMPTS] = json_get(subset, "promptsListChanged");
    s->wants[MCP_LIST_RESOURCES] = json_get(subset, "resourcesListChanged");
}

static void acknowledge(struct stream *s, cJSON *subset)
{
    cJSON *params = cJSON_CreateObject();

    cJSON_AddItemToObject(params, "notifications", subset);
    listen_tag(s, params);
    CLEANUP(free_p)
    char *text = jsonrpc_notification("notifications/subscriptions/acknowledged", params);
    stream_write(s, "message", text);
}

void method_listen(struct mcp_request *rq)
{
    struct mcp *core = rq->core;
    const cJSON *asked = json_get(rq->message.params, "notifications");
    CLEANUP(json_deletep) cJSON *subset = honoured(registry_identity(core->registry), asked);

    if (!subset) {
        request_refuse_params(rq, "notifications: an object of booleans and resourceSubscriptions, "
                                  "an array of strings");
        return;
    }
    if (!rq->outlet->accepts_stream) {
        request_fail(rq, 406, JSONRPC_INVALID_REQUEST, "Accept must list text/event-stream", NULL);
        return;
    }
    struct stream *s = stream_open(core, rq->outlet->x, STREAM_LISTEN, xstrdup(rq->id));
    if (!s) {
        request_fail(rq, 503, JSONRPC_INTERNAL_ERROR, "Too many open streams", NULL);
        return;
    }
    stream_ref(s);
    subscribe(s, asked, subset);
    acknowledge(s, TAKE_PTR(subset));
    exchange_unref(request_release_exchange(rq));
    if (!hub_add(core->hub, s, NULL))
        stream_post_end(s);
    stream_unref(s);
}
