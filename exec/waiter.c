#include "exec/waiter.h"

#include "state/base/clock.h"
#include "state/base/metrics.h"

/* As long as a start that nobody waits for; Redis gives an answer before that (redis.timeout). */
#define ANNOUNCE_PATIENCE_MS 10000u
#define BUCKETS              1024u /* serials are consecutive: parked ones spread evenly */
static_assert((BUCKETS & (BUCKETS - 1)) == 0, "used as a mask");

struct parked {
    struct waiters *w;     /* borrowed */
    struct call *call;     /* owned */
    struct entry *entry;   /* borrowed; an entry with waiters is not removed */
    struct list on_entry;  /* entry.waiters */
    struct list in_bucket; /* waiters.buckets */
    struct event *timer;   /* owned */
    bool is_overdue;       /* its deadline has passed, see on_deadline() */
};

struct waiters {
    struct event_base *base; /* borrowed */
    waiter_answer_fn *answer;
    void *arg;
    unsigned count, max;
    struct list buckets[BUCKETS];
};

struct waiters *waiters_new(struct event_base *base, unsigned max, waiter_answer_fn *answer,
                            void *arg)
{
    struct waiters *w = xcalloc(1, sizeof(*w));
    w->base = base;
    w->max = max;
    w->answer = answer;
    w->arg = arg;
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&w->buckets[i]);
    return w;
}

struct waiters *waiters_free(struct waiters *w)
{
    assert(!w || w->count == 0);
    free(w);
    return NULL;
}

/* Unparks; the call is the caller's again. */
static struct call *unpark(struct parked *p)
{
    struct call *c = p->call;
    list_remove(&p->on_entry);
    list_remove(&p->in_bucket);
    event_free(p->timer);
    p->w->count--;
    metric_add(METRIC_WAITERS, NULL, NULL, -1);
    free(p);
    return c;
}

static void answer(struct parked *p)
{
    struct waiters *w = p->w;
    struct entry *e = p->entry;
    w->answer(w->arg, unpark(p), e);
}

static void set_timer(struct parked *p, uint64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(p->timer, &tv);
}

/* An execution is named to nobody before other replicas can know it, or it is clear that they can't
 * be told: however short the wait was to be. */
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct parked *p = arg;
    if (p->is_overdue || p->call->op != CALL_START || !p->entry->is_announcing)
        return answer(p);
    p->is_overdue = true;
    set_timer(p, ANNOUNCE_PATIENCE_MS);
}

bool waiters_park(struct waiters *w, struct call *c, struct entry *e)
{
    if (w->count >= w->max)
        return false;
    struct parked *p = xcalloc(1, sizeof(*p));
    p->w = w;
    p->call = c;
    p->entry = e;
    list_append(&e->waiters, &p->on_entry);
    list_append(&w->buckets[c->serial & (BUCKETS - 1)], &p->in_bucket);
    p->timer = evtimer_new(w->base, on_deadline, p);
    if (!p->timer)
        abort();
    uint64_t now = clock_mono_ms();
    set_timer(p, c->deadline_ms > now ? c->deadline_ms - now : 0);
    w->count++;
    metric_add(METRIC_WAITERS, NULL, NULL, 1);
    return true;
}

/* Nothing more comes by itself: it has ended, or waits for input. */
static bool is_at_rest(const struct entry *e)
{
    return e->phase == ENTRY_ENDED || waiting_is_for_input(e->waiting);
}

bool waiters_is_due(const struct call *c, const struct entry *e)
{
    if (c->op == CALL_START && e->is_announcing)
        return false;
    switch (c->until) {
    case CALL_UNTIL_NOTHING:
        /* A start answers when it is known to run, wait in line, or have ended. */
        return c->op != CALL_START || e->phase != ENTRY_STARTING;
    case CALL_UNTIL_GREW:
        return e->events > c->after_events || is_at_rest(e);
    case CALL_UNTIL_ENDED:
        return is_at_rest(e);
    case CALL_UNTIL_OVER:
        return e->phase == ENTRY_ENDED;
    }
    return true;
}

void waiters_wake(struct waiters *w, struct entry *e, bool everybody)
{
    list_for_each_safe (l, next, &e->waiters) {
        struct parked *p = CONTAINER_OF(l, struct parked, on_entry);
        bool is_released = p->is_overdue && !e->is_announcing;
        if (everybody || is_released || waiters_is_due(p->call, e))
            answer(p);
    }
}

struct call *waiters_take(struct waiters *w, uint64_t serial, struct entry **ret_entry)
{
    list_for_each (l, &w->buckets[serial & (BUCKETS - 1)]) {
        struct parked *p = CONTAINER_OF(l, struct parked, in_bucket);
        if (p->call->serial != serial)
            continue;
        *ret_entry = p->entry;
        return unpark(p);
    }
    return NULL;
}

unsigned waiters_count(const struct waiters *w)
{
    return w->count;
}
