#include <errno.h>

#include "exec/egress/egress_impl.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/metrics.h"

/* A reply needs so long at most to leave; a reset, because the client's bytes were not read, could
 * take it away. */
#define LINGER_MS 2000

void conn_set_timer(struct conn *c, uint64_t ms)
{
    const struct timeval t = {.tv_sec = (time_t)(ms / 1000),
                              .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(c->timer, &t);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    uint64_t idle = c->site->core->o.idle_timeout_ms, ago;

    switch (c->state) {
    case CONN_HEAD:
    case CONN_CLOSING:
        conn_free(c); /* who says nothing is told nothing */
        return;
    case CONN_RESOLVING:
    case CONN_CONNECTING:
        return conn_fail(c, CONN_TIMED_OUT, "nobody answered in time");
    case CONN_RELAY:
        ago = clock_mono_ms() - c->active_ms;
        if (ago >= idle)
            conn_free(c);
        else
            conn_set_timer(c, idle - ago);
        return;
    }
}

static void on_client_data(struct bufferevent *b, void *arg)
{
    struct conn *c = arg;
    struct evbuffer *in = bufferevent_get_input(b);

    if (c->state == CONN_HEAD)
        conn_read_head(c);
    else if (c->state == CONN_CLOSING)
        evbuffer_drain(in, evbuffer_get_length(in));
    /* While it connects, what comes waits, up to the buffer's mark. */
}

static void on_client_written(struct bufferevent *b, void *arg)
{
    struct conn *c = arg;

    if (c->state == CONN_CLOSING && evbuffer_get_length(bufferevent_get_output(b)) == 0)
        (void)shutdown(bufferevent_getfd(b), SHUT_WR);
}

static void on_client_event(struct bufferevent *b, short what, void *arg)
{
    struct conn *c = arg;

    if (what & BEV_EVENT_EOF && (c->state == CONN_RESOLVING || c->state == CONN_CONNECTING))
        c->client_ended = true; /* it has said all: the answer may still be wanted */
    else
        conn_free(c); /* it went before it was served, or after */
}

void conn_new(struct egress_site *s, int fd)
{
    struct conn *c = xcalloc(1, sizeof(*c));

    c->site = s;
    c->state = CONN_HEAD;
    c->upstream_fd = -1;
    list_append(&s->conns, &c->link);
    s->n_conns++;
    s->core->n_conns++;
    metric_set(METRIC_EGRESS_OPEN, NULL, NULL, s->core->n_conns);
    c->timer = evtimer_new(s->core->base, on_timer, c);
    c->client = bufferevent_socket_new(s->core->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c->client) {
        fd_closep(&fd);
        conn_free(c);
        return;
    }
    bufferevent_setcb(c->client, on_client_data, on_client_written, on_client_event, c);
    bufferevent_setwatermark(c->client, EV_READ, 0, s->core->o.max_header_bytes + 1);
    if (!c->timer || bufferevent_enable(c->client, EV_READ | EV_WRITE) < 0) {
        conn_free(c);
        return;
    }
    conn_set_timer(c, s->core->o.head_timeout_ms);
}

struct conn *conn_free(struct conn *c)
{
    list_remove(&c->link);
    if (c->lookup)
        lookup_cancel(c->lookup);
    conn_stop_connecting(c);
    if (c->client)
        bufferevent_free(c->client);
    if (c->upstream)
        bufferevent_free(c->upstream);
    if (c->timer)
        event_free(c->timer);
    buf_deinit(&c->upstream_head);
    site_conn_gone(c->site);
    free(c);
    return NULL;
}

void conn_close(struct conn *c)
{
    c->state = CONN_CLOSING;
    if (c->lookup)
        lookup_cancel(TAKE_PTR(c->lookup));
    conn_stop_connecting(c);
    if (c->upstream)
        bufferevent_free(TAKE_PTR(c->upstream));
    bufferevent_setcb(c->client, on_client_data, on_client_written, on_client_event, c);
    bufferevent_setwatermark(c->client, EV_READ, 0, 0);
    (void)bufferevent_enable(c->client, EV_READ | EV_WRITE);
    conn_set_timer(c, LINGER_MS);
    on_client_written(c->client, c);
}
