#include "exec/keeper/loop.h"

#include <errno.h>
#include <limits.h>

#include <sys/epoll.h>

#include "state/base/clock.h"
#include "state/base/fd.h"

#define EVENTS_PER_TURN 64

int loop_init(struct loop *l)
{
    list_init(&l->timers);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return l->epoll_fd < 0 ? -errno : 0;
}

void loop_deinit(struct loop *l)
{
    fd_closep(&l->epoll_fd);
}

int source_watch(struct loop *l, struct source *s, int fd, uint32_t events, source_cb *on_event)
{
    struct epoll_event e = {.events = events, .data.ptr = s};

    assert(!s->is_watched);
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
        return -errno;
    *s = (struct source){.fd = fd, .is_watched = true, .on_event = on_event};
    return 0;
}

void source_set_events(struct loop *l, struct source *s, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = s};

    /* Changing what a watched descriptor is watched for allocates nothing and can't fail. */
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, s->fd, &e) < 0)
        abort();
}

void source_close(struct loop *l, struct source *s)
{
    if (!s->is_watched)
        return;
    /* Explicitly: a child between vfork and exec holds the same file description. */
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    fd_closep(&s->fd);
    s->is_watched = false;
}

void timer_set(struct loop *l, struct timer *t, uint64_t at_ms, timer_cb *on_time)
{
    t->at_ms = at_ms;
    t->on_time = on_time;
    if (!list_is_linked(&t->link))
        list_append(&l->timers, &t->link);
}

static struct timer *first_timer(struct loop *l)
{
    struct timer *first = NULL;
    list_for_each (it, &l->timers) {
        struct timer *t = CONTAINER_OF(it, struct timer, link);
        if (!first || t->at_ms < first->at_ms)
            first = t;
    }
    return first;
}

static int wait_ms(struct loop *l)
{
    const struct timer *t = first_timer(l);
    uint64_t now = clock_mono_ms();

    if (!t)
        return -1;
    if (t->at_ms <= now)
        return 0;
    return t->at_ms - now > INT_MAX ? INT_MAX : (int)(t->at_ms - now);
}

static void turn(struct loop *l, int patience_ms)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(l->epoll_fd, events, EVENTS_PER_TURN, patience_ms);

    for (int i = 0; i < n; i++) {
        struct source *s = events[i].data.ptr;
        if (s->is_watched) /* not closed by an earlier event of this turn */
            s->on_event(s, events[i].events);
    }
    uint64_t now = clock_mono_ms();
    for (struct timer *t; (t = first_timer(l)) && t->at_ms <= now;) {
        timer_clear(t);
        t->on_time(t);
    }
}

void loop_turn(struct loop *l)
{
    turn(l, wait_ms(l));
}

void loop_turn_now(struct loop *l)
{
    turn(l, 0);
}
