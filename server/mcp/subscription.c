#include "server/mcp/subscription.h"

#include <string.h>

#include "state/base/macro.h"
#include "state/base/map.h"

struct topic {
    char *uri;            /* owned */
    struct list watchers; /* struct subscription.uri_link */
};

struct subscriptions {
    struct map *topics; /* uri -> topic, owned; those with a watcher */
    size_t count, max;
    void (*on_watch)(void *arg, const char *uri, bool is_on);
    void *arg;
};

struct subscriptions *subscriptions_new(size_t max,
                                        void (*on_watch)(void *arg, const char *uri, bool is_on),
                                        void *arg)
{
    struct subscriptions *t = xcalloc(1, sizeof *t);
    t->max = max;
    t->on_watch = on_watch;
    t->arg = arg;
    t->topics = map_new();
    return t;
}

struct subscriptions *subscriptions_free(struct subscriptions *t)
{
    if (!t)
        return NULL;
    assert(t->count == 0);
    map_free(t->topics);
    free(t);
    return NULL;
}

static struct topic *topic_get(struct subscriptions *t, const char *uri)
{
    struct topic *topic = map_find(t->topics, uri);

    if (topic)
        return topic;
    topic = xcalloc(1, sizeof *topic);
    topic->uri = xstrdup(uri);
    list_init(&topic->watchers);
    map_set(t->topics, topic->uri, topic);
    t->on_watch(t->arg, topic->uri, true);
    return topic;
}

static void drop(struct subscriptions *t, struct subscription *s)
{
    struct topic *topic = s->topic;

    list_remove(&s->owner_link);
    list_remove(&s->uri_link);
    free(s);
    t->count--;
    if (!list_is_empty(&topic->watchers))
        return;
    map_remove(t->topics, topic->uri);
    t->on_watch(t->arg, topic->uri, false);
    free(topic->uri);
    free(topic);
}

/* *ret_count: how many the owner has. */
static struct subscription *find(struct list *owner, const char *uri, size_t *ret_count)
{
    struct subscription *found = NULL;

    *ret_count = 0;
    list_for_each (it, owner) {
        struct subscription *s = CONTAINER_OF(it, struct subscription, owner_link);
        (*ret_count)++;
        if (strcmp(s->topic->uri, uri) == 0)
            found = s;
    }
    return found;
}

bool subscription_add(struct subscriptions *t, struct list *owner, const char *uri,
                      struct peer *peer, struct stream *stream)
{
    size_t count;

    if (strlen(uri) > SUBSCRIPTION_URI_MAX)
        return false;
    if (find(owner, uri, &count))
        return true;
    if (count >= SUBSCRIPTIONS_EACH || t->count >= t->max)
        return false;

    struct subscription *s = xcalloc(1, sizeof *s);
    s->topic = topic_get(t, uri);
    s->peer = peer;
    s->stream = stream;
    list_append(owner, &s->owner_link);
    list_append(&s->topic->watchers, &s->uri_link);
    t->count++;
    return true;
}

void subscription_remove(struct subscriptions *t, struct list *owner, const char *uri)
{
    size_t count;
    struct subscription *s = find(owner, uri, &count);

    if (s)
        drop(t, s);
}

void subscription_remove_all(struct subscriptions *t, struct list *owner)
{
    list_for_each_safe (it, next, owner)
        drop(t, CONTAINER_OF(it, struct subscription, owner_link));
}

void subscription_each(struct subscriptions *t, const char *uri,
                       void (*fn)(struct subscription *s, void *arg), void *arg)
{
    struct topic *topic = map_find(t->topics, uri);

    if (!topic)
        return;
    list_for_each (it, &topic->watchers)
        fn(CONTAINER_OF(it, struct subscription, uri_link), arg);
}
