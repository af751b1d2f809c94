#include "state/redis_dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include <sys/un.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>

#include "state/base/fd.h"
#include "state/redis_resolve.h"
#include "state/redis_tls.h"

struct redis_dial {
    struct event_base *base; /* borrowed */
    SSL_CTX *tls;            /* borrowed or NULL */
    char *host;              /* owned; NULL: a unix socket */
    redis_dial_fn *done;
    void *arg;
    struct redis_resolve *resolve; /* owned, while it resolves */
    struct redis_address v[REDIS_ADDRESSES_MAX];
    size_t n, next;
    int fd;                   /* owned, while it connects */
    struct event *on_connect; /* owned, while it connects */
    struct event *on_end;     /* owned: the result is told from the loop */
    struct bufferevent *bev;  /* owned, from TLS on */
    char error[192];
};

static void dial_free(struct redis_dial *d)
{
    redis_resolve_cancel(d->resolve);
    if (d->on_connect)
        event_free(d->on_connect);
    if (d->on_end)
        event_free(d->on_end);
    if (d->bev)
        bufferevent_free(d->bev);
    fd_closep(&d->fd);
    free(d->host);
    free(d);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    struct redis_dial *d = arg;
    redis_dial_fn *done = d->done;
    void *done_arg = d->arg;
    struct bufferevent *bev = TAKE_PTR(d->bev);
    char error[sizeof(d->error)];
    memcpy(error, d->error, sizeof(error));
    if (bev)
        bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
    dial_free(d);
    done(done_arg, bev, bev ? NULL : error);
}

static void end(struct redis_dial *d)
{
    event_active(d->on_end, EV_TIMEOUT, 0);
}

PRINTF_LIKE(2, 3)
static void fail(struct redis_dial *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(d->error, sizeof(d->error), fmt, ap);
    va_end(ap);
    if (d->bev)
        bufferevent_free(d->bev);
    d->bev = NULL;
    end(d);
}

static void on_tls_event(struct bufferevent *bev, short what, void *arg)
{
    struct redis_dial *d = arg;
    char why[128];
    if (what & BEV_EVENT_CONNECTED) {
        bufferevent_disable(bev, EV_READ | EV_WRITE);
        return end(d);
    }
    unsigned long error = bufferevent_get_openssl_error(bev);
    redis_tls_explain(bufferevent_openssl_get_ssl(bev), error, why);
    fail(d, "%s", why);
}

static void use(struct redis_dial *d, int fd)
{
    if (!d->tls) {
        d->bev = bufferevent_socket_new(d->base, fd, BEV_OPT_CLOSE_ON_FREE);
        if (!d->bev)
            abort();
        return end(d);
    }
    SSL *ssl = redis_tls_connection(d->tls, d->host);
    if (!ssl) {
        fd_closep(&fd);
        return fail(d, "TLS: \"%s\" can't be in a certificate", d->host);
    }
    d->bev = bufferevent_openssl_socket_new(d->base, fd, ssl, BUFFEREVENT_SSL_CONNECTING,
                                            BEV_OPT_CLOSE_ON_FREE);
    if (!d->bev)
        abort();
    bufferevent_openssl_set_allow_dirty_shutdown(d->bev, 1);
    bufferevent_setcb(d->bev, NULL, NULL, on_tls_event, d);
    bufferevent_enable(d->bev, EV_READ | EV_WRITE);
}

static void try_next(struct redis_dial *d);

static void on_connect(evutil_socket_t fd, short what, void *arg)
{
    struct redis_dial *d = arg;
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    event_free(d->on_connect);
    d->on_connect = NULL;
    if (error == 0)
        return use(d, TAKE_FD(d->fd));
    (void)snprintf(d->error, sizeof(d->error), "connect: %s", strerror(error));
    fd_closep(&d->fd);
    d->fd = -1;
    try_next(d);
}

/* 0: under way or done. -errno. */
static int connect_to(struct redis_dial *d, const struct redis_address *a)
{
    static const int on = 1;
    CLEANUP(fd_closep)
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (a->sa.ss_family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    if (connect(fd, (const struct sockaddr *)&a->sa, a->len) < 0 && errno != EINPROGRESS)
        return -errno;
    d->fd = TAKE_FD(fd);
    d->on_connect = event_new(d->base, d->fd, EV_WRITE, on_connect, d);
    return d->on_connect && event_add(d->on_connect, NULL) == 0 ? 0 : -ENOMEM;
}

static void try_next(struct redis_dial *d)
{
    while (d->next < d->n) {
        int r = connect_to(d, &d->v[d->next++]);
        if (r == 0)
            return;
        (void)snprintf(d->error, sizeof(d->error), "connect: %s", strerror(-r));
    }
    end(d);
}

static void on_resolved(void *arg, const struct redis_address *v, size_t n, int error)
{
    struct redis_dial *d = arg;
    d->resolve = NULL;
    if (n == 0)
        return fail(d, "resolve %s: %s", d->host, gai_strerror(error));
    memcpy(d->v, v, n * sizeof(*v));
    d->n = n;
    try_next(d);
}

static void dial_path(struct redis_dial *d, const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(sa.sun_path))
        return fail(d, "the path of the socket is too long");
    memcpy(sa.sun_path, path, strlen(path) + 1);
    memcpy(&d->v[0].sa, &sa, sizeof(sa));
    d->v[0].len = sizeof(sa);
    d->n = 1;
    try_next(d);
}

struct redis_dial *redis_dial_start(struct event_base *base, const struct redis_place *place,
                                    redis_dial_fn *done, void *arg)
{
    struct redis_dial *d = xcalloc(1, sizeof(*d));
    d->base = base;
    d->tls = place->tls;
    d->done = done;
    d->arg = arg;
    d->fd = -1;
    d->on_end = event_new(base, -1, 0, on_end, d);
    if (!d->on_end)
        abort();
    if (place->path) {
        dial_path(d, place->path);
        return d;
    }
    d->host = xstrdup(place->host);
    const struct redis_name name = {.host = d->host, .port = place->port};
    int r = redis_resolve_start(base, &name, on_resolved, d, &d->resolve);
    if (r < 0)
        fail(d, "resolve %s: %s", d->host, strerror(-r));
    return d;
}

void redis_dial_cancel(struct redis_dial *d)
{
    if (d)
        dial_free(d);
}
