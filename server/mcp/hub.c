#include "server/mcp/hub.h"

#include <pthread.h>
#include <string.h>

#include "server/mcp/jsonrpc.h"
#include "server/mcp/listen.h"
#include "server/mcp/registry.h"
#include "server/mcp/subscription.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/map.h"

/* A session that has a stream or a subscription. */
struct peer {
    struct session *session;   /* reference */
    struct list streams;       /* struct stream.peer_link, oldest first */
    struct list subscriptions; /* struct subscription.owner_link */
};

struct hub {
    struct mcp *core; /* borrowed */
    pthread_mutex_t lock;
    struct list streams;                 /* struct stream.hub_link: all */
    struct map *channels;                /* id -> stream, borrowed */
    struct map *peers;                   /* session id -> peer, owned */
    struct subscriptions *subscriptions; /* owned */
    uint64_t swept_ms, touched_ms;
    bool is_draining;
};

/* How often sessions that ended by themselves are looked for among the peers. */
#define SWEEP_MS 60000
/* Sessions with an open stream are in use although nothing is requested. */
#define TOUCH_MS 5000

static void unlockp(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}
#define LOCKED(h)                                          \
    CLEANUP(unlockp) pthread_mutex_t *locked = &(h)->lock; \
    pthread_mutex_lock(locked)

struct hub *hub_new(struct mcp *m)
{
    struct hub *h = xcalloc(1, sizeof *h);

    h->core = m;
    pthread_mutex_init(&h->lock, NULL);
    list_init(&h->streams);
    h->channels = map_new();
    h->peers = map_new();
    h->subscriptions = subscriptions_new();
    return h;
}

static struct peer *peer_get(struct hub *h, struct session *session)
{
    struct peer *p = map_find(h->peers, session->id);

    if (p)
        return p;
    p = xcalloc(1, sizeof *p);
    p->session = session_ref(session);
    list_init(&p->streams);
    list_init(&p->subscriptions);
    map_set(h->peers, session->id, p);
    return p;
}

static void peer_drop(struct hub *h, struct peer *p)
{
    list_for_each_safe (it, next, &p->streams) {
        CONTAINER_OF(it, struct stream, peer_link)->peer = NULL;
        list_remove(it);
    }
    subscription_remove_all(h->subscriptions, &p->subscriptions);
    map_remove(h->peers, p->session->id);
    session_unref(p->session);
    free(p);
}

static void drop_each(const char *id, void *value, void *arg)
{
    peer_drop(arg, value);
}

struct hub *hub_free(struct hub *h)
{
    if (!h)
        return NULL;
    assert(list_is_empty(&h->streams));
    map_each(h->peers, drop_each, h);
    map_free(h->peers);
    map_free(h->channels);
    subscriptions_free(h->subscriptions);
    pthread_mutex_destroy(&h->lock);
    free(h);
    return NULL;
}

/* The stream goes to the session's list, the newest place. */
static void join(struct hub *h, struct stream *s, struct session *session)
{
    s->peer = peer_get(h, session);
    list_append(&s->peer->streams, &s->peer_link);
}

static void leave(struct hub *h, struct stream *s)
{
    struct peer *p = s->peer;

    if (!p)
        return;
    list_remove(&s->peer_link);
    s->peer = NULL;
    if (list_is_empty(&p->streams) && list_is_empty(&p->subscriptions))
        peer_drop(h, p);
}

bool hub_add(struct hub *h, struct stream *s, struct session *session)
{
    LOCKED(h);

    if (h->is_draining)
        return false;
    list_append(&h->streams, &s->hub_link);
    if (s->kind == STREAM_CHANNEL)
        map_set(h->channels, s->id, s);
    if (session)
        join(h, s, session);
    return true;
}

/* Takes the session from its channel, with a reference; NULL: there is none. */
static struct session *part(struct hub *h, struct stream *channel)
{
    if (!channel->peer)
        return NULL;
    struct session *session = session_ref(channel->peer->session);
    peer_drop(h, channel->peer);
    return session;
}

/* The session of a channel lives as long as the channel. Without the lock: its file goes too.
 * NULL is legal. */
static void end_session(struct hub *h, struct session *session)
{
    if (session && session_end(h->core->sessions, session->id, session->principal))
        LOG_INFO("session_ended", LOG_STR("session", session->id));
}

static struct session *remove_locked(struct hub *h, struct stream *s)
{
    struct session *ended = NULL;
    LOCKED(h);

    subscription_remove_all(h->subscriptions, &s->subscriptions);
    if (!list_is_linked(&s->hub_link))
        return NULL;
    list_remove(&s->hub_link);
    if (s->kind == STREAM_CHANNEL) {
        map_remove(h->channels, s->id);
        ended = part(h, s);
    }
    leave(h, s);
    return ended;
}

void hub_remove(struct hub *h, struct stream *s)
{
    CLEANUP(session_unrefp) struct session *ended = remove_locked(h, s);
    end_session(h, ended);
}

struct stream *hub_find_channel(struct hub *h, const char *id, const char *principal)
{
    LOCKED(h);
    struct stream *s = map_find(h->channels, id);

    return s && strcmp(s->principal, principal) == 0 ? stream_ref(s) : NULL;
}

void hub_set_channel_session(struct hub *h, struct stream *channel, struct session *session)
{
    CLEANUP(session_unrefp) struct session *before = NULL;
    bool is_open;
    {
        LOCKED(h);
        before = part(h, channel);
        is_open = map_find(h->channels, channel->id) == channel;
        if (is_open)
            join(h, channel, session);
    }
    end_session(h, before);
    if (!is_open) /* closed meanwhile on its own thread: nobody will end it later */
        end_session(h, session);
}

struct session *hub_find_channel_session(struct hub *h, struct stream *channel)
{
    char id[ID_MAX + 1];
    {
        LOCKED(h);
        if (!channel->peer)
            return NULL;
        memcpy(id, channel->peer->session->id, sizeof id);
    }
    return session_find(h->core->sessions, id, channel->principal);
}

/* Sessions that expired or ended elsewhere leave subscriptions behind. */
static void sweep_each(const char *id, void *value, void *arg)
{
    struct hub *h = arg;
    struct peer *p = value;
    uint64_t last_seen_ms = atomic_load(&p->session->last_seen_ms);

    if (list_is_empty(&p->streams) && last_seen_ms + h->core->config->session_ttl_ms < h->swept_ms)
        peer_drop(h, p);
}

bool hub_subscribe(struct hub *h, struct session *session, const char *uri)
{
    LOCKED(h);
    uint64_t now_ms = clock_mono_ms();

    if (now_ms - h->swept_ms >= SWEEP_MS) {
        h->swept_ms = now_ms;
        map_each(h->peers, sweep_each, h);
    }
    struct peer *p = peer_get(h, session);
    bool is_added = subscription_add(h->subscriptions, &p->subscriptions, uri, p, NULL);
    if (list_is_empty(&p->streams) && list_is_empty(&p->subscriptions))
        peer_drop(h, p);
    return is_added;
}

void hub_unsubscribe(struct hub *h, const struct session *session, const char *uri)
{
    LOCKED(h);
    struct peer *p = map_find(h->peers, session->id);

    if (!p)
        return;
    subscription_remove(h->subscriptions, &p->subscriptions, uri);
    if (list_is_empty(&p->streams) && list_is_empty(&p->subscriptions))
        peer_drop(h, p);
}

bool hub_subscribe_listen(struct hub *h, struct stream *s, const char *uri)
{
    LOCKED(h);
    return subscription_add(h->subscriptions, &s->subscriptions, uri, NULL, s);
}

void hub_end_session(struct hub *h, const char *session_id)
{
    LOCKED(h);
    struct peer *p = map_find(h->peers, session_id);

    if (!p)
        return;
    list_for_each (it, &p->streams)
        stream_post_end(CONTAINER_OF(it, struct stream, peer_link));
    peer_drop(h, p);
}

static void touch_each(const char *id, void *value, void *arg)
{
    struct hub *h = arg;
    struct peer *p = value;

    if (list_is_empty(&p->streams))
        return;
    struct session *seen = session_find(h->core->sessions, id, p->session->principal);
    session_unrefp(&seen);
}

void hub_touch_sessions(struct hub *h)
{
    LOCKED(h);
    uint64_t now_ms = clock_mono_ms();

    if (now_ms - h->touched_ms < TOUCH_MS)
        return;
    h->touched_ms = now_ms;
    map_each(h->peers, touch_each, h);
}

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

void hub_list_changed(struct hub *h, enum mcp_list which)
{
    static const char *const methods[] = {
        [MCP_LIST_TOOLS] = "notifications/tools/list_changed",
        [MCP_LIST_PROMPTS] = "notifications/prompts/list_changed",
        [MCP_LIST_RESOURCES] = "notifications/resources/list_changed",
    };
    LOCKED(h);

    map_each(h->peers, list_changed_each, (void *)methods[which]);
    list_for_each (it, &h->streams) {
        struct stream *s = CONTAINER_OF(it, struct stream, hub_link);
        if (s->kind == STREAM_LISTEN && s->wants[which])
            post_notification(s, methods[which], NULL);
    }
}

struct update {
    const char *principal; /* borrowed; NULL: everybody's */
    const char *uri;       /* borrowed */
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

void hub_drain(struct hub *h)
{
    LOCKED(h);

    h->is_draining = true;
    list_for_each (it, &h->streams)
        stream_post_end(CONTAINER_OF(it, struct stream, hub_link));
}
