/*
 * The thread and the reactor share one object, each with a reference. The thread writes its answer,
 * then the eventfd; the reactor reads the eventfd, then the answer. Who is last frees it: a thread
 * whose resolver hangs outlives whoever asked, and finds nobody to tell.
 */
#include "state/redis_resolve.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <sys/eventfd.h>

#include <event2/event.h>

#include "state/base/fd.h"

/* A resolver gives up after 10 s or so (resolv.conf(5)): more than some threads mean that it does
 * not. */
#define THREADS_MAX 8
static _Atomic unsigned threads;

struct redis_resolve {
    _Atomic int refs;
    int event_fd; /* owned */
    char *host;   /* owned */
    char service[8];
    /* written by the thread before the eventfd */
    struct redis_address v[REDIS_ADDRESSES_MAX];
    size_t n;
    int error;
    /* the reactor's */
    struct event *on_answer; /* owned */
    redis_resolve_fn *done;
    void *arg;
};

static void unref(struct redis_resolve *r)
{
    if (atomic_fetch_sub(&r->refs, 1) > 1)
        return;
    fd_closep(&r->event_fd);
    free(r->host);
    free(r);
}

static void look_up(struct redis_resolve *r, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    r->error = getaddrinfo(r->host, r->service, &hints, &list);
    if (r->error != 0)
        return;
    for (struct addrinfo *a = list; a && r->n < REDIS_ADDRESSES_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof(r->v[0].sa))
            continue;
        memcpy(&r->v[r->n].sa, a->ai_addr, a->ai_addrlen);
        r->v[r->n++].len = a->ai_addrlen;
    }
    freeaddrinfo(list);
}

static void tell(struct redis_resolve *r)
{
    uint64_t one = 1;
    DISREGARD(write(r->event_fd, &one, sizeof(one))); /* the first write to it has room */
}

static void *run(void *arg)
{
    struct redis_resolve *r = arg;
    look_up(r, AI_ADDRCONFIG);
    tell(r);
    unref(r);
    atomic_fetch_sub(&threads, 1);
    return NULL;
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct redis_resolve *r = arg;
    uint64_t count;
    if (read(fd, &count, sizeof(count)) < 0)
        return;
    event_free(r->on_answer);
    r->on_answer = NULL;
    r->done(r->arg, r->v, r->n, r->error);
    unref(r);
}

static int start_thread(struct redis_resolve *r)
{
    pthread_t thread;
    pthread_attr_t attr;
    if (atomic_fetch_add(&threads, 1) >= THREADS_MAX) {
        atomic_fetch_sub(&threads, 1);
        return -EAGAIN;
    }
    atomic_fetch_add(&r->refs, 1);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attr, run, r);
    pthread_attr_destroy(&attr);
    if (error != 0) {
        atomic_fetch_sub(&r->refs, 1);
        atomic_fetch_sub(&threads, 1);
    }
    return -error;
}

int redis_resolve_start(struct event_base *base, const struct redis_name *name,
                        redis_resolve_fn *done, void *arg, struct redis_resolve **ret)
{
    struct redis_resolve *r = xcalloc(1, sizeof(*r));
    r->refs = 1;
    r->done = done;
    r->arg = arg;
    r->host = xstrdup(name->host);
    (void)snprintf(r->service, sizeof(r->service), "%u", name->port);
    r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = r->event_fd < 0 ? -errno : 0;
    if (error == 0) {
        r->on_answer = event_new(base, r->event_fd, EV_READ | EV_PERSIST, on_answer, r);
        error = r->on_answer && event_add(r->on_answer, NULL) == 0 ? 0 : -ENOMEM;
    }
    if (error == 0) {
        look_up(r, AI_NUMERICHOST);
        if (r->error == 0)
            tell(r);
        else
            error = start_thread(r);
    }
    if (error < 0) {
        redis_resolve_cancel(r);
        return error;
    }
    *ret = r;
    return 0;
}

void redis_resolve_cancel(struct redis_resolve *r)
{
    if (!r)
        return;
    if (r->on_answer)
        event_free(r->on_answer);
    r->on_answer = NULL;
    unref(r);
}
