#include "exec/list_news.h"

#include <string.h>

#include "state/base/buf.h"
#include "state/base/map.h"

#define CHANNEL     "executions"
#define CHANGED_MAX 256u
#define MESSAGE_MAX 2048u /* Redis may say anything */
/* Lists are read whole: not as often as the news of one execution. */
#define INTERVAL_MS_MIN 500u

struct changed {
    bool is_ours; /* others are to be told */
    char principal[];
};

struct list_news {
    const struct config *config; /* borrowed */
    struct redis *redis;         /* borrowed; NULL: none */
    struct redis_subscription *subscription;
    list_news_fn *fn;
    void *arg;
    struct map *changed; /* principal -> changed, owned */
    struct event *timer; /* owned; set while something is to be told */
    bool is_timer_set;
};

static void set_timer(struct list_news *n)
{
    if (n->is_timer_set)
        return;
    n->is_timer_set = true;
    uint64_t ms = n->config->update_interval_ms;
    if (ms < INTERVAL_MS_MIN)
        ms = INTERVAL_MS_MIN;
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(n->timer, &tv);
}

/* "": everybody. */
static void mark(struct list_news *n, const char *principal, bool is_ours)
{
    struct changed *c = map_find(n->changed, principal);
    if (!c && *principal && map_size(n->changed) >= CHANGED_MAX)
        return mark(n, "", is_ours);
    if (!c) {
        size_t len = strlen(principal);
        c = xcalloc(1, sizeof(*c) + len + 1);
        memcpy(c->principal, principal, len + 1);
        (void)map_set(n->changed, c->principal, c);
    }
    c->is_ours = c->is_ours || is_ours;
    set_timer(n);
}

static void publish(struct list_news *n, const char *principal)
{
    struct buf message = {0};
    buf_printf(&message, "%s %s", n->config->replica_id, principal);
    /* Away: whoever reads a list then is told that it is not whole. */
    DISREGARD(redis_ask(n->redis, NULL, "PUBLISH", CHANNEL, message.data));
    buf_deinit(&message);
}

static void tell_each(const char *principal, void *value, void *arg)
{
    struct list_news *n = arg;
    struct changed *c = value;
    if (c->is_ours && n->redis)
        publish(n, principal);
    if (n->fn)
        n->fn(n->arg, *principal ? principal : NULL);
    (void)map_remove(n->changed, principal);
    free(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct list_news *n = arg;
    n->is_timer_set = false;
    map_each(n->changed, tell_each, n);
}

/* "<replica> <principal>"; our own come back as well. */
static void on_message(void *arg, const char *data, size_t len)
{
    struct list_news *n = arg;
    const char *space = memchr(data, ' ', len);
    size_t replica_len = strlen(n->config->replica_id);
    if (!space || len > MESSAGE_MAX || memchr(data, '\0', len))
        return;
    if ((size_t)(space - data) == replica_len &&
        memcmp(data, n->config->replica_id, replica_len) == 0)
        return;
    CLEANUP(free_p)
    char *principal = xstrndup(space + 1, len - (size_t)(space + 1 - data));
    mark(n, principal, false);
}

struct list_news *list_news_new(struct event_base *base, const struct config *c,
                                struct redis *redis)
{
    static const struct redis_listener listener = {.on_message = on_message};
    struct list_news *n = xcalloc(1, sizeof(*n));
    n->config = c;
    n->redis = redis;
    n->changed = map_new();
    n->timer = evtimer_new(base, on_timer, n);
    if (!n->timer)
        abort();
    if (redis) /* NULL: no place on the connection, others are not heard */
        n->subscription = redis_subscribe(redis, CHANNEL, &listener, n);
    return n;
}

static void free_each(const char *principal, void *value, void *arg)
{
    struct list_news *n = arg;
    (void)map_remove(n->changed, principal);
    free(value);
}

struct list_news *list_news_free(struct list_news *n)
{
    if (!n)
        return NULL;
    map_each(n->changed, free_each, n);
    map_free(n->changed);
    event_free(n->timer);
    free(n);
    return NULL;
}

void list_news_listen(struct list_news *n, list_news_fn *fn, void *arg)
{
    n->fn = fn;
    n->arg = arg;
}

void list_news_mark(struct list_news *n, const char *principal)
{
    mark(n, principal, true);
}
