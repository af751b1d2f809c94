/*
 * home_after(): h2o's own timers have one fixed duration each and follow the wall clock, so these
 * live in a heap by monotonic time, with one timerfd set for the earliest. Times are rounded up to
 * 10 ms, so that many timers cost few wake-ups.
 */
#include <errno.h>

#include <sys/timerfd.h>

#include "server/http/home.h"
#include "state/base/clock.h"
#include "state/base/fd.h"

#define GRANULARITY_MS 10

static bool comes_before(const struct home_timer *a, const struct home_timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->serial < b->serial;
}

static void sift_up(struct home *h, size_t i)
{
    struct home_timer t = h->timers[i];

    for (; i > 0 && comes_before(&t, &h->timers[(i - 1) / 2]); i = (i - 1) / 2)
        h->timers[i] = h->timers[(i - 1) / 2];
    h->timers[i] = t;
}

static void sift_down(struct home *h, size_t i)
{
    struct home_timer t = h->timers[i];

    for (size_t child; (child = 2 * i + 1) < h->n_timers; i = child) {
        if (child + 1 < h->n_timers && comes_before(&h->timers[child + 1], &h->timers[child]))
            child++;
        if (!comes_before(&h->timers[child], &t))
            break;
        h->timers[i] = h->timers[child];
    }
    h->timers[i] = t;
}

static struct home_timer take_first(struct home *h)
{
    struct home_timer first = h->timers[0];

    h->timers[0] = h->timers[--h->n_timers];
    if (h->n_timers > 0)
        sift_down(h, 0);
    return first;
}

static void arm(struct home *h)
{
    if (h->n_timers == 0 || h->timers[0].due_ms >= h->timer_armed_ms)
        return;
    uint64_t now_ms = clock_mono_ms(), due_ms = h->timers[0].due_ms;
    uint64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 1;
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(wait_ms / 1000),
                                         .tv_nsec = (long)(wait_ms % 1000) * 1000000}};

    /* It can fail only for a bad descriptor or time: ours both. */
    int r = timerfd_settime(h2o_socket_get_fd(h->timer), 0, &at, NULL);
    assert(r == 0);
    (void)r;
    h->timer_armed_ms = due_ms;
}

/* Runs those that are due and were there before: one that asks again waits for the next round. */
static void run_due(struct home *h, uint64_t now_ms)
{
    uint64_t end = h->timer_serial;

    while (h->n_timers > 0 && h->timers[0].due_ms <= now_ms && h->timers[0].serial < end) {
        struct home_timer t = take_first(h);
        t.fn(t.arg);
    }
}

static void on_timer(h2o_socket_t *socket, const char *err)
{
    struct home *h = socket->data;
    uint64_t count;

    /* A time set anew meanwhile leaves nothing to read. */
    (void)!read(h2o_socket_get_fd(socket), &count, sizeof count);
    h->timer_armed_ms = UINT64_MAX;
    run_due(h, clock_mono_ms());
    arm(h);
}

void home_timer_add(struct home *h, uint64_t ms, void (*fn)(void *arg), void *arg)
{
    assert(home_is_current(h));
    uint64_t due_ms = clock_mono_ms() + ms + GRANULARITY_MS - 1;

    if (h->n_timers == h->timers_cap) {
        h->timers_cap = h->timers_cap ? 2 * h->timers_cap : 64;
        h->timers = realloc(h->timers, h->timers_cap * sizeof *h->timers);
        if (!h->timers)
            abort();
    }
    h->timers[h->n_timers] = (struct home_timer){.due_ms = due_ms - due_ms % GRANULARITY_MS,
                                                 .serial = h->timer_serial++,
                                                 .fn = fn,
                                                 .arg = arg};
    sift_up(h, h->n_timers++);
    if (h->timer)
        arm(h);
}

int home_timer_init(struct home *h)
{
    h->timer_armed_ms = UINT64_MAX;
    h->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return h->timer_fd < 0 ? -errno : 0;
}

void home_timer_start(struct home *h)
{
    h->timer = home_watch_fd(h, TAKE_FD(h->timer_fd), on_timer);
    arm(h);
}

void home_timer_run_all(struct home *h)
{
    CLEANUP(free_p) struct home_timer *all = TAKE_PTR(h->timers);
    size_t n = h->n_timers;

    h->n_timers = h->timers_cap = 0;
    for (size_t i = 0; i < n; i++)
        all[i].fn(all[i].arg);
}

void home_timer_deinit(struct home *h)
{
    free(h->timers);
    h->timers = NULL;
    h->n_timers = h->timers_cap = 0;
    fd_closep(&h->timer_fd);
}
