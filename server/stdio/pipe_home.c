#include "server/stdio/pipe_home.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "state/base/clock.h"
#include "state/base/list.h"

struct task {
    struct list link;
    void (*fn)(void *arg);
    void *arg;
    uint64_t due_ms; /* of timers */
};

struct home {
    struct home_head head; /* first */
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list posts;  /* lock; struct task, owned */
    bool is_stopping;   /* lock */
    struct list timers; /* its thread; struct task, owned. Few: some for each stream */
};

static _Thread_local const struct home *current;

bool pipe_home_is_current(const struct home *h)
{
    return current == h;
}

static struct task *task_new(void (*fn)(void *arg), void *arg)
{
    struct task *t = xcalloc(1, sizeof(*t));
    t->fn = fn;
    t->arg = arg;
    return t;
}

static void post(struct home *h, void (*fn)(void *arg), void *arg)
{
    struct task *t = task_new(fn, arg);

    pthread_mutex_lock(&h->lock);
    list_append(&h->posts, &t->link);
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
}

static void after(struct home *h, uint64_t ms, void (*fn)(void *arg), void *arg)
{
    assert(pipe_home_is_current(h));
    struct task *t = task_new(fn, arg);
    t->due_ms = clock_mono_ms() + ms;
    list_append(&h->timers, &t->link);
}

struct home *pipe_home_new(void)
{
    static const struct home_ops ops = {.post = post, .after = after};
    struct home *h = xcalloc(1, sizeof(*h));
    pthread_condattr_t attr;

    h->head.ops = &ops;
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wake, &attr);
    pthread_condattr_destroy(&attr);
    list_init(&h->posts);
    list_init(&h->timers);
    return h;
}

/* Runs them in order; whether there were any. */
static bool run_all(struct list *tasks)
{
    bool had_any = !list_is_empty(tasks);

    for (struct list *l; (l = list_first(tasks));) {
        struct task *t = CONTAINER_OF(l, struct task, link);
        list_remove(l);
        t->fn(t->arg);
        free(t);
    }
    return had_any;
}

static bool run_posts(struct home *h)
{
    struct list posts;

    list_init(&posts);
    pthread_mutex_lock(&h->lock);
    list_move_all(&h->posts, &posts);
    pthread_mutex_unlock(&h->lock);
    return run_all(&posts);
}

/* Those that are due; with `all` every one. */
static bool run_timers(struct home *h, bool all)
{
    uint64_t now = clock_mono_ms();
    struct list due;

    list_init(&due);
    list_for_each_safe (l, next, &h->timers) {
        if (!all && CONTAINER_OF(l, struct task, link)->due_ms > now)
            continue;
        list_remove(l);
        list_append(&due, l);
    }
    return run_all(&due);
}

static uint64_t next_due_ms(const struct home *h)
{
    uint64_t first = UINT64_MAX;
    list_for_each (l, &h->timers) {
        uint64_t due = CONTAINER_OF(l, struct task, link)->due_ms;
        first = due < first ? due : first;
    }
    return first;
}

/* Until there is something to do; false: it is to stop. */
static bool wait_for_work(struct home *h)
{
    uint64_t due = next_due_ms(h);
    struct timespec at = {.tv_sec = (time_t)(due / 1000), .tv_nsec = (long)(due % 1000) * 1000000};
    int r = 0;

    pthread_mutex_lock(&h->lock);
    while (r == 0 && list_is_empty(&h->posts) && !h->is_stopping)
        r = due == UINT64_MAX ? pthread_cond_wait(&h->wake, &h->lock)
                              : pthread_cond_timedwait(&h->wake, &h->lock, &at);
    bool is_stopping = h->is_stopping;
    pthread_mutex_unlock(&h->lock);
    return !is_stopping;
}

static void *run(void *arg)
{
    struct home *h = arg;

    current = h;
    while (wait_for_work(h)) {
        (void)run_posts(h);
        (void)run_timers(h, false);
    }
    while (run_posts(h) || run_timers(h, true))
        ;
    return NULL;
}

int pipe_home_start(struct home *h)
{
    int r = pthread_create(&h->thread, NULL, run, h);
    h->is_started = r == 0;
    return -r;
}

void pipe_home_stop(struct home *h)
{
    if (!h->is_started)
        return;
    pthread_mutex_lock(&h->lock);
    h->is_stopping = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    h->is_started = false;
}

struct home *pipe_home_free(struct home *h)
{
    if (!h)
        return NULL;
    const struct home *before = current;
    current = h;
    while (run_posts(h) || run_timers(h, true))
        ;
    current = before;
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    free(h);
    return NULL;
}
