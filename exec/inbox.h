#pragma once
/*
 * The reactor's inbox: calls from any thread, in order. A mutex, a list and an eventfd, which is
 * written only when the list was empty: at load one wake-up brings many calls.
 */
#include <pthread.h>

#include "exec/call.h"

struct inbox {
    pthread_mutex_t lock;
    struct list calls; /* owned, guarded by lock */
    uint64_t serial;   /* guarded by lock */
    int event_fd;      /* owned; readable when there is something */
};

/* 0 or -errno. */
MUST_USE int inbox_init(struct inbox *in);
void inbox_deinit(struct inbox *in);
/* Takes the call, gives it its serial and returns that. Any thread. */
uint64_t inbox_put(struct inbox *in, struct call *c);
/* Moves everything to `to` (initialised and empty). Reactor thread. */
void inbox_take(struct inbox *in, struct list *to);
