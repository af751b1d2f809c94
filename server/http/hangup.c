/*
 * A second epoll set for each home, itself a descriptor in the home's loop, holds the sockets of
 * unfinished exchanges for EPOLLRDHUP alone. Half-closed counts as gone: that is what a client that
 * was killed looks like. One shot: each is cut once. A socket is taken out before h2o is through
 * with its request, so an event never names an exchange that is no more.
 */
#include "server/http/hangup.h"

#include <errno.h>

#include <sys/epoll.h>

#include "state/base/log.h"

#define EVENTS_AT_ONCE 64

void hangup_watch(struct exchange *x)
{
    struct epoll_event e = {.events = EPOLLRDHUP | EPOLLET | EPOLLONESHOT, .data.ptr = x};

    if (x->is_watched || !x->req)
        return;
    if (epoll_ctl(h2o_socket_get_fd(x->home->watch), EPOLL_CTL_ADD, exchange_fd(x), &e) < 0) {
        /* fs.epoll.max_user_watches or memory: the heartbeat still finds out, only later. */
        LOG_WARN("hangup_watch_failed", LOG_ERRNO(-errno));
        return;
    }
    x->is_watched = true;
}

void hangup_unwatch(struct exchange *x)
{
    if (!x->is_watched)
        return;
    (void)epoll_ctl(h2o_socket_get_fd(x->home->watch), EPOLL_CTL_DEL, exchange_fd(x), NULL);
    x->is_watched = false;
}

void hangup_on_ready(h2o_socket_t *watch, const char *err)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(h2o_socket_get_fd(watch), events, EVENTS_AT_ONCE, 0);

    /* Cutting one exchange never ends another, and no socket is in there twice. */
    for (int i = 0; i < n; i++)
        exchange_cut(events[i].data.ptr, "hangup");
}
