/*
 * Each home listens on a duplicate of each bound socket. At server.max_connections, or when
 * descriptors or memory run out, a home stops listening and looks again soon: the kernel's backlog
 * waits meanwhile and nothing spins.
 */
#include "server/http/listener.h"

#include <errno.h>

#include <sys/socket.h>

#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"

#define ACCEPT_AT_ONCE  16
#define PAUSE_MS        20
#define WARN_EVERY_MS   10000
#define ACCEPT_REST_MAX 4096 /* as many as a backlog holds (net.core.somaxconn) */

enum accept_result { ACCEPTED, ACCEPT_NONE, ACCEPT_FULL };

static bool take_place(struct http *http)
{
    if (atomic_fetch_add(&http->n_connections, 1) < http->max_connections)
        return true;
    atomic_fetch_sub(&http->n_connections, 1);
    return false;
}

static void on_connection_closed(void *arg)
{
    struct home *h = arg;

    h->n_connections--;
    atomic_fetch_sub(&h->http->n_connections, 1);
    metric_add(METRIC_HTTP_CONNECTIONS, NULL, NULL, -1);
}

/* It goes on for as long as descriptors are short: once in a while is enough. */
static void warn(struct home *h, int r)
{
    uint64_t now_ms = clock_mono_ms();

    if (h->accept_warned_ms && now_ms - h->accept_warned_ms < WARN_EVERY_MS)
        return;
    h->accept_warned_ms = now_ms;
    LOG_WARN("accept_failed", LOG_ERRNO(r));
}

static enum accept_result accept_one(struct home_listener *l)
{
    struct home *h = l->home;

    if (!take_place(h->http))
        return ACCEPT_FULL;
    for (;;) {
        h2o_socket_t *s = h2o_evloop_socket_accept(l->socket);

        if (s) {
            s->on_close.cb = on_connection_closed;
            s->on_close.data = h;
            h->n_connections++;
            metric_add(METRIC_HTTP_CONNECTIONS, NULL, NULL, 1);
            h2o_accept(&l->accept, s);
            return ACCEPTED;
        }
        /* accept(2): errors of a connection that is already gone are to be tried again. */
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO)
            continue;
        atomic_fetch_sub(&h->http->n_connections, 1);
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return ACCEPT_NONE;
        warn(h, -errno);
        return ACCEPT_FULL;
    }
}

static void on_acceptable(h2o_socket_t *socket, const char *err);

static void resume(void *arg)
{
    struct home *h = arg;

    h->is_accept_paused = false;
    for (size_t i = 0; i < h->http->n_bound; i++)
        if (h->listeners[i].socket)
            h2o_socket_read_start(h->listeners[i].socket, on_acceptable);
}

static void pause_accepting(struct home *h)
{
    if (h->is_accept_paused)
        return;
    h->is_accept_paused = true;
    for (size_t i = 0; i < h->http->n_bound; i++)
        if (h->listeners[i].socket)
            h2o_socket_read_stop(h->listeners[i].socket);
    LOG_DEBUG("accept_paused", LOG_U64("connections", atomic_load(&h->http->n_connections)));
    home_after(h, PAUSE_MS, resume, h);
}

static void on_acceptable(h2o_socket_t *socket, const char *err)
{
    struct home_listener *l = socket->data;

    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        enum accept_result r = accept_one(l);

        if (r == ACCEPT_FULL)
            pause_accepting(l->home);
        if (r != ACCEPTED)
            return;
    }
}

void listener_start(struct home *h)
{
    struct http *http = h->http;

    for (size_t i = 0; i < http->n_bound; i++) {
        struct home_listener *l = &h->listeners[i];

        l->home = h;
        l->accept = (h2o_accept_ctx_t){.ctx = &h->context,
                                       .hosts = http->bound[i].is_unix ? http->unix_hosts
                                                                       : http->tcp_hosts};
        l->socket = home_watch_fd(h, TAKE_FD(h->listener_fds[i]), on_acceptable);
        l->socket->data = l;
    }
}

void listener_accept_rest(struct home *h)
{
    for (size_t i = 0; i < h->http->n_bound; i++)
        for (int n = 0; h->listeners[i].socket && n < ACCEPT_REST_MAX; n++)
            if (accept_one(&h->listeners[i]) != ACCEPTED)
                break;
}

void listener_close(struct home *h)
{
    for (size_t i = 0; i < h->http->n_bound; i++)
        if (h->listeners[i].socket) {
            h2o_socket_close(h->listeners[i].socket);
            h->listeners[i].socket = NULL;
        }
}
