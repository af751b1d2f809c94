#include "exec/news.h"

#include <string.h>

#include "state/base/clock.h"
#include "state/base/list.h"
#include "state/base/macro.h"
#include "state/base/map.h"
#include "state/execution.h"

struct watch {
    char id[EXECUTION_ID_MAX + 1];
    unsigned count; /* who watch */
    unsigned held;  /* of enum news_what: to be told at due_ms */
    uint64_t due_ms;
    struct list in_line; /* news.line, while something is held back */
};

struct news {
    news_due_fn *due;
    void *arg;
    uint64_t interval_ms;
    struct map *watches; /* id -> watch, owned */
    struct list line;    /* one interval for all: the first is due first */
    struct event *timer; /* owned; set while the line is not empty */
};

static void set_timer(struct news *n)
{
    struct list *first = list_first(&n->line);
    if (!first)
        return;
    uint64_t now = clock_mono_ms();
    uint64_t due = CONTAINER_OF(first, struct watch, in_line)->due_ms;
    uint64_t ms = due > now ? due - now : 0;
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(n->timer, &tv);
}

/* From here on the interval runs again; w may be gone afterwards. */
static void tell(struct news *n, struct watch *w, uint64_t now)
{
    char id[EXECUTION_ID_MAX + 1];
    unsigned what = w->held;
    memcpy(id, w->id, sizeof(id));
    list_remove(&w->in_line);
    w->held = 0;
    w->due_ms = now + n->interval_ms;
    n->due(n->arg, id, what);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct news *n = arg;
    struct list *it;
    uint64_t now = clock_mono_ms();
    while ((it = list_first(&n->line))) {
        struct watch *w = CONTAINER_OF(it, struct watch, in_line);
        if (w->due_ms > now)
            break;
        tell(n, w, now);
    }
    set_timer(n);
}

struct news *news_new(struct event_base *base, uint64_t interval_ms, news_due_fn *due, void *arg)
{
    struct news *n = xcalloc(1, sizeof(*n));
    n->due = due;
    n->arg = arg;
    n->interval_ms = interval_ms;
    n->watches = map_new();
    list_init(&n->line);
    n->timer = evtimer_new(base, on_timer, n);
    if (!n->timer)
        abort();
    return n;
}

static void drop(const char *id, void *value, void *arg)
{
    struct news *n = arg;
    struct watch *w = value;
    list_remove(&w->in_line);
    map_remove(n->watches, w->id);
    free(w);
}

struct news *news_free(struct news *n)
{
    if (!n)
        return NULL;
    map_each(n->watches, drop, n);
    map_free(n->watches);
    event_free(n->timer);
    free(n);
    return NULL;
}

void news_watch(struct news *n, const char *id)
{
    struct watch *w = map_find(n->watches, id);
    assert(strlen(id) <= EXECUTION_ID_MAX);
    if (!w) {
        w = xcalloc(1, sizeof(*w));
        memcpy(w->id, id, strlen(id) + 1);
        map_set(n->watches, w->id, w);
    }
    w->count++;
}

bool news_unwatch(struct news *n, const char *id)
{
    struct watch *w = map_find(n->watches, id);
    if (!w || --w->count > 0)
        return false;
    drop(w->id, w, n);
    return true;
}

bool news_is_watched(const struct news *n, const char *id)
{
    return map_find(n->watches, id);
}

void news_tell(struct news *n, const char *id, unsigned what, bool at_once)
{
    struct watch *w = what && map_size(n->watches) > 0 ? map_find(n->watches, id) : NULL;
    if (!w)
        return;
    uint64_t now = clock_mono_ms();
    bool was_empty = list_is_empty(&n->line);
    w->held |= what;
    if (at_once || w->due_ms <= now)
        return tell(n, w, now);
    if (!list_is_linked(&w->in_line))
        list_append(&n->line, &w->in_line);
    if (was_empty)
        set_timer(n);
}
