#pragma once
/*
 * The keeper's event loop: descriptors by epoll (level-triggered) and timers. One thread. Sources
 * and timers are embedded in what they belong to; zeroed they are idle. An object that may be
 * freed inside a callback is freed after the turn (loop_turn's caller), since events of the same
 * turn may still name its sources.
 */
#include <stdbool.h>
#include <stdint.h>

#include "state/base/list.h"
#include "state/base/macro.h"

struct source;
typedef void source_cb(struct source *s, uint32_t events); /* EPOLLIN … */
struct source {
    int fd; /* owned while watched, until source_close() */
    bool is_watched;
    source_cb *on_event;
};

struct timer;
typedef void timer_cb(struct timer *t);
struct timer {
    struct list link; /* armed */
    uint64_t at_ms;   /* CLOCK_MONOTONIC */
    timer_cb *on_time;
};

struct loop {
    int epoll_fd;       /* owned */
    struct list timers; /* armed, in no order: they are few (some for each execution) */
};

MUST_USE int loop_init(struct loop *l);
void loop_deinit(struct loop *l);

/* Watches fd for `events` (errors and hang-ups always). 0 or -errno; takes fd only on success. */
MUST_USE int source_watch(struct loop *l, struct source *s, int fd, uint32_t events,
                          source_cb *on_event);
void source_set_events(struct loop *l, struct source *s, uint32_t events);
void source_close(struct loop *l, struct source *s); /* idle is legal */

void timer_set(struct loop *l, struct timer *t, uint64_t at_ms, timer_cb *on_time);
static inline void timer_clear(struct timer *t)
{
    list_remove(&t->link);
}
static inline bool timer_is_set(const struct timer *t)
{
    return list_is_linked(&t->link);
}

/* Waits for what comes next and handles it. */
void loop_turn(struct loop *l);
/* Handles what there is, without waiting. */
void loop_turn_now(struct loop *l);
