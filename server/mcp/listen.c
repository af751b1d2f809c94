#include "server/mcp/listen.h"

#include <string.h>

#include "server/mcp/follow.h"
#include "server/mcp/hub.h"
#include "server/mcp/methods.h"
#include "server/mcp/registry.h"
#include "server/mcp/subscription.h"
#include "server/mcp/task_words.h"

#define SUBSCRIPTION_ID "io.modelcontextprotocol/subscriptionId"
#define TASK_IDS        "taskIds"

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

/* Whether v is absent or an array of strings. */
static bool is_strings(const cJSON *v)
{
    const cJSON *it;

    if (v && !cJSON_IsArray(v))
        return false;
    cJSON_ArrayForEach(it, v)
    {
        if (!cJSON_IsString(it))
            return false;
    }
    return true;
}

/* Not more than one stream can have. */
static cJSON *copy_strings(const cJSON *v)
{
    cJSON *copy = cJSON_CreateArray();
    const cJSON *it;

    cJSON_ArrayForEach(it, v)
    {
        if (cJSON_GetArraySize(copy) == SUBSCRIPTIONS_EACH)
            break;
        cJSON_AddItemToArray(copy, cJSON_CreateString(it->valuestring));
    }
    return copy;
}

/* What of `notifications` can be had, as far as is known yet. NULL: malformed. */
static cJSON *read_asked(const struct mcp_identity *who, const cJSON *asked)
{
    const struct {
        const char *key;
        bool is_offered;
    } lists[] = {
        {"toolsListChanged", who->tools_list_changed},
        {"promptsListChanged", who->prompts_list_changed},
        {"resourcesListChanged", who->resources_list_changed || who->resources_come_and_go},
    };
    const cJSON *uris = json_get(asked, LISTEN_URIS), *task_ids = json_get(asked, TASK_IDS);

    if (!cJSON_IsObject(asked) || !is_strings(uris) || !is_strings(task_ids))
        return NULL;
    CLEANUP(json_deletep) cJSON *o = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const cJSON *v = json_get(asked, lists[i].key);
        if (v && !cJSON_IsBool(v))
            return NULL;
        if (cJSON_IsTrue(v) && lists[i].is_offered)
            cJSON_AddTrueToObject(o, lists[i].key);
    }
    if (uris)
        cJSON_AddItemToObject(o, LISTEN_URIS, copy_strings(uris));
    if (task_ids && who->has_tasks)
        cJSON_AddItemToObject(o, TASK_IDS, copy_strings(task_ids));
    return TAKE_PTR(o);
}

static bool subscribe_uri(struct stream *s, const char *uri)
{
    return hub_subscribe_listen(s->core->hub, s, uri);
}

/* Subscribes to each; takes out what is too many or too long, or there twice. */
static void subscribe_each(struct stream *s, cJSON *names,
                           bool (*subscribe)(struct stream *s, const char *name))
{
    cJSON *next;

    for (cJSON *it = names ? names->child : NULL; it; it = next) {
        next = it->next;
        if (!subscribe(s, it->valuestring))
            cJSON_Delete(cJSON_DetachItemViaPointer(names, it));
    }
}

static void subscribe(struct stream *s, cJSON *subset)
{
    s->wants[MCP_LIST_TOOLS] = json_get(subset, "toolsListChanged");
    s->wants[MCP_LIST_PROMPTS] = json_get(subset, "promptsListChanged");
    s->wants[MCP_LIST_RESOURCES] = json_get(subset, "resourcesListChanged");
    subscribe_each(s, cJSON_GetObjectItemCaseSensitive(subset, LISTEN_URIS), subscribe_uri);
    subscribe_each(s, cJSON_GetObjectItemCaseSensitive(subset, TASK_IDS), follow_add);
}

static void write_notification(struct stream *s, const char *method, cJSON *params)
{
    listen_tag(s, params);
    CLEANUP(free_p) char *text = jsonrpc_notification(method, params);
    stream_write(s, "message", text);
}

static void acknowledge(struct stream *s, const cJSON *subset)
{
    cJSON *params = cJSON_CreateObject();

    cJSON_AddItemToObject(params, "notifications", cJSON_Duplicate(subset, true));
    write_notification(s, "notifications/subscriptions/acknowledged", params);
}

/* What happened between the client's last look and now has no other way to be told. */
static void tell_how_things_stand(struct stream *s, const cJSON *subset)
{
    const cJSON *uri;

    cJSON_ArrayForEach(uri, json_get(subset, LISTEN_URIS))
    {
        cJSON *params = cJSON_CreateObject();
        cJSON_AddStringToObject(params, "uri", uri->valuestring);
        write_notification(s, "notifications/resources/updated", params);
    }
    follow_look_all(s);
}

static void open_stream(struct mcp_request *rq)
{
    struct mcp *core = rq->core;
    CLEANUP(json_deletep) cJSON *subset = TAKE_PTR(rq->listen);
    struct stream *s = NULL;

    if (!rq->outlet->is_streaming) /* it is when screening took so long that it was committed */
        s = stream_open(core, rq->outlet->x, STREAM_LISTEN, xstrdup(rq->id));
    if (!s) {
        request_fail(rq, 503, JSONRPC_INTERNAL_ERROR, "Too many open streams", NULL);
        return;
    }
    stream_ref(s);
    s->has_elicitation = mcp_request_client_has(rq, "elicitation");
    exchange_unref(request_release_exchange(rq));
    subscribe(s, subset);
    acknowledge(s, subset);
    if (hub_add(core->hub, s, NULL))
        tell_how_things_stand(s, subset);
    else
        stream_post_end(s);
    stream_unref(s);
}

/* Each pack has its turn. */
static void screen(struct mcp_request *rq)
{
    const struct mcp_pack *pack;

    while ((pack = registry_pack(rq->core->registry, rq->list_pack)) && !pack->screen)
        rq->list_pack++;
    if (!pack) {
        rq->on_screened(rq);
        return;
    }
    rq->list_pack++;
    pack->screen(rq, cJSON_GetObjectItemCaseSensitive(rq->listen, LISTEN_URIS),
                 cJSON_GetObjectItemCaseSensitive(rq->listen, TASK_IDS), pack->arg);
}

void listen_screen(struct mcp_request *rq, cJSON *wanted, void (*done)(struct mcp_request *rq))
{
    rq->listen = wanted;
    rq->on_screened = done;
    screen(rq);
}

void mcp_listen_screened(struct mcp_request *rq)
{
    if (rq->state == REQUEST_OPEN)
        screen(rq);
}

void method_listen(struct mcp_request *rq)
{
    const struct mcp_identity *who = registry_identity(rq->core->registry);
    const cJSON *asked = json_get(rq->message.params, "notifications");

    rq->listen = read_asked(who, asked);
    if (!rq->listen)
        request_refuse_params(rq, "notifications: an object of booleans, and of " LISTEN_URIS
                                  " and " TASK_IDS ", arrays of strings");
    else if (json_get(asked, TASK_IDS) && !request_declares_tasks(rq))
        request_fail_no_tasks(rq);
    else if (!rq->outlet->accepts_stream)
        request_fail(rq, 406, JSONRPC_INVALID_REQUEST, "Accept must list text/event-stream", NULL);
    else
        listen_screen(rq, TAKE_PTR(rq->listen), open_stream);
}
