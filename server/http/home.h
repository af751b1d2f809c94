#pragma once
/*
 * A home from the inside: one thread, one h2o loop and context, and what runs there. Functions are
 * for the home's own thread unless they say otherwise.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <h2o.h>

#include "server/exchange_ops.h"
#include "state/base/list.h"

struct http;

/* Bound addresses: the host's (localhost has two), and the unix socket. */
#define HTTP_LISTENERS_MAX 8

/* How a home listens on one bound address. */
struct home_listener {
    h2o_socket_t *socket; /* owned by the loop; NULL once closed */
    h2o_accept_ctx_t accept;
    struct home *home;
};

struct home_timer {
    uint64_t due_ms, serial; /* earliest first; of one moment in the order they were asked for */
    void (*fn)(void *arg);
    void *arg;
};

struct home {
    struct home_head head; /* first */
    struct http *http;     /* borrowed, outlives */
    pthread_t thread;
    bool is_started; /* there is a thread to join */

    /* Posts: any thread, guarded by lock. wake_fd lives as long as the home, so that a late post
     * never writes to a number that means another file by then; the loop reads its duplicate. */
    pthread_mutex_t lock;
    struct list posts;
    int wake_fd;     /* owned */
    int wake_dup_fd; /* owned until the loop has it; so are the other descriptors below */

    /* Timers: a heap, and one timerfd set for its top. */
    struct home_timer *timers; /* owned */
    size_t n_timers, timers_cap;
    uint64_t timer_serial, timer_armed_ms; /* armed: when it fires; UINT64_MAX: not set */
    int timer_fd;

    /* The loop: made and taken apart by the thread, since h2o's buffers are thread-local. */
    h2o_evloop_t *loop;
    h2o_context_t context;
    h2o_socket_t *wake, *timer, *watch; /* owned by the loop; watch: the epoll set of hangup.c */
    int watch_fd;
    struct home_listener listeners[HTTP_LISTENERS_MAX];
    int listener_fds[HTTP_LISTENERS_MAX];
    unsigned n_connections;
    uint64_t accept_warned_ms; /* when it was last said that accept(2) fails */
    bool is_accept_paused, is_draining, is_stopping;

    /* Exchanges, by their links. */
    struct list all;       /* h2o still knows them */
    struct list gone;      /* their on_gone is due; each entry holds a reference */
    struct list idle;      /* event streams with nothing to send, longest silence first */
    struct list writing;   /* bytes are with h2o, longest without progress first */
    unsigned n_exchanges;  /* not freed yet */
    bool is_tick_armed;    /* stream.c looks at idle and writing at times */
    bool is_limit_reached; /* when stopping: no more patience */
};

/* The descriptors. 0 or -errno. The thread starts with home_start(). */
MUST_USE int home_init(struct home *h, struct http *http);
MUST_USE int home_start(struct home *h);
/* Takes no new connections; requests under way go on. Any thread. */
void home_drain(struct home *h);
/* Cuts what is open, runs waiting timers at once and ends the thread. Any other thread. */
void home_stop(struct home *h);
/* After home_stop(): runs what was posted since, so that nothing that was given away is lost. */
void home_deinit(struct home *h);
bool home_is_current(const struct home *h); /* any thread */
/* on_gone of this exchange, after the callback that runs now returned to the loop. */
void home_tell_gone(struct home *h, struct exchange *x);

/* Gives fd to the loop: on_ready whenever it is readable; nothing is read. */
h2o_socket_t *home_watch_fd(struct home *h, int fd, h2o_socket_cb on_ready);

/* home_timer.c, for home.c. */
void home_timer_add(struct home *h, uint64_t ms, void (*fn)(void *arg), void *arg);
MUST_USE int home_timer_init(struct home *h);
void home_timer_start(struct home *h);   /* the loop is there */
void home_timer_run_all(struct home *h); /* what waits now, due or not, in any order */
void home_timer_deinit(struct home *h);
