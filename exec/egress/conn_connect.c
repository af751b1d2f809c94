/* From an allowed name to a connection: each of its addresses is held against the policy, and that
 * very address is connected to. */
#include <errno.h>
#include <stdio.h>

#include <event2/util.h>

#include "exec/egress/egress_impl.h"
#include "state/base/fd.h"
#include "state/base/metrics.h"

static void try_next(struct conn *c);

static void fail_connect(struct conn *c)
{
    char text[HOST_NAME_MAX_LEN + 128];

    snprintf(text, sizeof(text), "%s:%u can't be reached: %s", c->host, c->port,
             strerror(c->connect_error));
    conn_fail(c, CONN_NOT_REACHED, text);
}

static void start_relay(struct conn *c)
{
    c->upstream =
        bufferevent_socket_new(c->site->core->base, c->upstream_fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c->upstream) {
        c->connect_error = ENOMEM;
        return fail_connect(c);
    }
    c->upstream_fd = -1; /* its own now */
    metric_add(METRIC_EGRESS_CONNECTIONS, "connected", NULL, 1);
    conn_accept(c);
    relay_start(c);
}

static void on_connectable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    socklen_t len = sizeof(c->connect_error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &c->connect_error, &len) < 0)
        c->connect_error = errno;
    event_free(TAKE_PTR(c->connectable));
    if (c->connect_error == 0)
        return start_relay(c);
    fd_closep(&c->upstream_fd);
    try_next(c);
}

/* 0: it is on its way, and tells on_connectable(), which it may also do when it is there already.
 */
static int begin_connect(struct conn *c, const struct sockaddr_storage *a)
{
    c->upstream_fd = socket(a->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->upstream_fd < 0 ||
        (connect(c->upstream_fd, (const struct sockaddr *)a, lookup_len(a)) < 0 &&
         errno != EINPROGRESS))
        return -errno;
    c->connectable = event_new(c->site->core->base, c->upstream_fd, EV_WRITE, on_connectable, c);
    return c->connectable && event_add(c->connectable, NULL) == 0 ? 0 : -ENOMEM;
}

static void try_next(struct conn *c)
{
    while (c->next_address < c->addresses.n) {
        int r = begin_connect(c, &c->addresses.v[c->next_address++]);
        if (r == 0)
            return;
        c->connect_error = -r;
        conn_stop_connecting(c);
    }
    fail_connect(c);
}

/* Keeps what may be connected to. */
static enum egress_verdict filter(struct conn *c)
{
    struct lookup_result kept = {0};
    enum egress_verdict worst = EGRESS_OK;

    for (size_t i = 0; i < c->addresses.n; i++) {
        const struct sockaddr_storage *a = &c->addresses.v[i];
        enum egress_verdict v = egress_policy_check_address(
            c->site->policy, (const struct sockaddr *)a, lookup_len(a), c->kind == HOST_LITERAL);
        if (v == EGRESS_OK)
            kept.v[kept.n++] = *a;
        else
            worst = v;
    }
    c->addresses = kept;
    return kept.n > 0 ? EGRESS_OK : worst;
}

static void use_addresses(struct conn *c)
{
    enum egress_verdict v = filter(c);

    if (v != EGRESS_OK)
        return conn_refuse(c, v);
    c->state = CONN_CONNECTING;
    try_next(c);
}

static void on_lookup(void *arg, int error, const struct lookup_result *r)
{
    struct conn *c = arg;
    char text[HOST_NAME_MAX_LEN + 128];

    c->lookup = NULL;
    if (error != 0) {
        snprintf(text, sizeof(text), "the name %s can't be resolved: %s", c->host,
                 evutil_gai_strerror(error));
        return conn_fail(c, CONN_NO_HOST, text);
    }
    c->addresses = *r;
    lookup_set_port(&c->addresses, c->port);
    use_addresses(c);
}

void conn_stop_connecting(struct conn *c)
{
    if (c->connectable)
        event_free(TAKE_PTR(c->connectable));
    fd_closep(&c->upstream_fd);
}

void conn_connect(struct conn *c)
{
    c->state = CONN_RESOLVING;
    conn_set_timer(c, c->site->core->o.connect_timeout_ms);
    if (c->kind == HOST_LITERAL) {
        if (lookup_literal(c->host, c->port, &c->addresses))
            use_addresses(c);
        else
            conn_refuse(c, EGRESS_BAD_HOST);
        return;
    }
    struct lookup *l = lookup_start(c->site->core->dns, c->host, on_lookup, c);
    if (l)
        c->lookup = l;
}
