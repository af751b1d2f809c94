/* The fan-out of what changed. */
#include <string.h>

#include "server/mcp/hub_impl.h"
#include "server/mcp/jsonrpc.h"
#include "server/mcp/listen.h"
#include "state/base/map.h"

/* Each message goes to one stream of a session: the newest. */
static struct stream *newest_stream(const struct peer *p)
{
    return list_is_empty(&p->streams) ? NULL
                                      : CONTAINER_OF(p->streams.prev, struct stream, peer_link);
}

static void post_notification(struct stream *s, const char *method, const char *uri)
{
    cJSON *params = cJSON_CreateObject();

    if (uri)
        cJSON_AddStringToObject(params, "uri", uri);
    if (s->kind == STREAM_LISTEN)
        listen_tag(s, params);
    stream_post(s, jsonrpc_notification(method, params));
}

static void list_changed_each(const char *id, void *value, void *arg)
{
    struct stream *s = newest_stream(value);

    if (s)
        post_notification(s, arg, NULL);
}

static const char *const list_methods[] = {
    [MCP_LIST_TOOLS] = "notifications/tools/list_changed",
    [MCP_LIST_PROMPTS] = "notifications/prompts/list_changed",
    [MCP_LIST_RESOURCES] = "notifications/resources/list_changed",
};

/* Under the lock. */
static void tell_listeners(struct hub *h, enum mcp_list which, const char *principal)
{
    list_for_each (it, &h->streams) {
        struct stream *s = CONTAINER_OF(it, struct stream, hub_link);
        if (s->kind == STREAM_LISTEN && s->wants[which] &&
            (!principal || strcmp(s->principal, principal) == 0))
            post_notification(s, list_methods[which], NULL);
    }
}

void hub_list_changed(struct hub *h, enum mcp_list which)
{
    LOCKED(h);

    map_each(h->peers, list_changed_each, (void *)list_methods[which]);
    tell_listeners(h, which, NULL);
}

void hub_resources_changed(struct hub *h, const char *principal)
{
    LOCKED(h);

    tell_listeners(h, MCP_LIST_RESOURCES, principal);
}

struct update {
    const char *principal; /* borrowed; NULL: everybody's */
    const char *uri;       /* borrowed; of a task its id */
};

static void updated_each(struct subscription *sub, void *arg)
{
    const struct update *u = arg;
    struct stream *s = sub->stream ? sub->stream : newest_stream(sub->peer);

    if (s && (!u->principal || strcmp(s->principal, u->principal) == 0))
        post_notification(s, "notifications/resources/updated", u->uri);
}

void hub_resource_updated(struct hub *h, const char *principal, const char *uri)
{
    struct update u = {.principal = principal, .uri = uri};
    LOCKED(h);

    subscription_each(h->subscriptions, uri, updated_each, &u);
}

void hub_follow_task(struct hub *h, const struct session *session, const char *id)
{
    LOCKED(h);
    const struct peer *p = map_find(h->peers, session->id);
    struct stream *s = p ? newest_stream(p) : NULL;

    if (s)
        stream_post_follow(s, id);
}

static void task_changed_each(struct subscription *sub, void *arg)
{
    const struct update *u = arg;

    if (strcmp(sub->stream->principal, u->principal) == 0)
        stream_post_task(sub->stream, u->uri);
}

void hub_task_changed(struct hub *h, const char *principal, const char *id)
{
    struct update u = {.principal = principal, .uri = id};
    LOCKED(h);

    subscription_each(h->tasks, id, task_changed_each, &u);
}
