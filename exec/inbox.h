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
    bool is_closed;    /* guarded by lock */
    int event_fd;      /* owned; readable when there is something */
};

/* 0 or -errno. */
MUST_USE int inbox_init(struct inbox *in);
void inbox_deinit(struct inbox *in);
/* Takes the call, gives it its serial and returns that. 0, and the call stays the caller's, once it
 * is closed. Any thread. */
MUST_USE uint64_t inbox_put(struct inbox *in, struct call *c);
/* Moves everything to `to` (initialised and empty). Reactor thread. */
void inbox_take(struct inbox *in, struct list *to);
/* From now on nothing is taken. What is there can still be taken out. */
void inbox_close(struct inbox *in);
