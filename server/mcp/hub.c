#include <string.h>

#include "server/mcp/hub_impl.h"
#include "server/mcp/registry.h"
#include "server/mcp/session_gate.h"
#include "server/mcp/task.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/map.h"

/* How often sessions that ended by themselves are looked for among the peers. */
#define SWEEP_MS 60000
/* Sessions with an open stream are in use although nothing is requested. */
#define TOUCH_MS 5000

/* Under the lock; packs do not call back. */
static void on_watch_uri(void *arg, const char *uri, bool is_on)
{
    const struct hub *h = arg;
    const struct mcp_pack *pack;

    for (size_t i = 0; (pack = registry_pack(h->core->registry, i)); i++) {
        if (pack->watch_resource)
            pack->watch_resource(uri, is_on, pack->arg);
    }
}

static void on_watch_task(void *arg, const char *id, bool is_on)
{
    const struct hub *h = arg;
    const struct mcp_pack *pack = registry_task_pack(h->core->registry);

    pack->tasks->watch(id, is_on, pack->arg);
}

struct hub *hub_new(struct mcp *m)
{
    struct hub *h = xcalloc(1, sizeof *h);

    h->core = m;
    pthread_mutex_init(&h->lock, NULL);
    list_init(&h->streams);
    h->channels = map_new();
    h->peers = map_new();
    h->subscriptions = subscriptions_new(m->config->max_watched, on_watch_uri, h);
    h->tasks = subscriptions_new(m->config->max_watched, on_watch_task, h);
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
    subscriptions_free(h->tasks);
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
    if (!session || !session_end(h->core->sessions, session->id, session->principal))
        return;
    LOG_INFO("session_ended", LOG_STR("session", session->id));
    session_gate_tell(h->core, CALL_SESSION_ENDED, session, NULL);
}

static struct session *remove_locked(struct hub *h, struct stream *s)
{
    struct session *ended = NULL;
    LOCKED(h);

    subscription_remove_all(h->subscriptions, &s->subscriptions);
    subscription_remove_all(h->tasks, &s->task_subscriptions);
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

bool hub_subscribe_task(struct hub *h, struct stream *s, const char *id)
{
    LOCKED(h);
    return subscription_add(h->tasks, &s->task_subscriptions, id, NULL, s);
}

void hub_unsubscribe_task(struct hub *h, struct stream *s, const char *id)
{
    LOCKED(h);
    subscription_remove(h->tasks, &s->task_subscriptions, id);
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

void hub_drain(struct hub *h)
{
    LOCKED(h);

    h->is_draining = true;
    list_for_each (it, &h->streams)
        stream_post_end(CONTAINER_OF(it, struct stream, hub_link));
}
