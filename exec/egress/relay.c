/*
 * Bytes in both ways, with bounded buffers: who does not read holds up only who writes to it. An
 * end is passed on as one; the connection is over when both sides ended, or one of them failed.
 */
#include "exec/egress/egress_impl.h"
#include "state/base/clock.h"
#include "state/base/metrics.h"

/* Queued for one side: above the first the other is not read, until below the second. */
#define HIGH_BYTES (256u * 1024)
#define LOW_BYTES  (64u * 1024)
/* Read at once. */
#define READ_BYTES (64u * 1024)

static size_t queued(struct bufferevent *b)
{
    return evbuffer_get_length(bufferevent_get_output(b));
}

static void hold(struct bufferevent *from, struct bufferevent *to)
{
    if (queued(to) <= HIGH_BYTES)
        return;
    (void)bufferevent_disable(from, EV_READ);
    bufferevent_setwatermark(to, EV_WRITE, LOW_BYTES, 0);
}

/* ---- from the client ---- */

/* Of a request with a body: that, and nothing behind it. False: it can't be told what it is. */
static bool pass_body(struct conn *c, struct evbuffer *in, struct evbuffer *out)
{
    struct evbuffer_iovec v;

    while (!c->body.is_done && evbuffer_peek(in, -1, NULL, &v, 1) > 0 && v.iov_len > 0) {
        size_t n = 0;
        if (http_body_take(&c->body, v.iov_base, v.iov_len, &n) < 0)
            return false;
        (void)evbuffer_remove_buffer(in, out, n);
        if (n == 0)
            break;
    }
    if (c->body.is_done)
        (void)evbuffer_drain(in, evbuffer_get_length(in));
    return true;
}

static void on_client_data(struct bufferevent *b, void *arg)
{
    struct conn *c = arg;
    struct evbuffer *in = bufferevent_get_input(b), *out = bufferevent_get_output(c->upstream);
    size_t before = evbuffer_get_length(out);

    c->active_ms = clock_mono_ms();
    if (c->is_tunnel) {
        (void)evbuffer_add_buffer(out, in);
    } else if (!pass_body(c, in, out)) {
        conn_free(c); /* the server has a part of the request: nothing can be said any more */
        return;
    }
    metric_add(METRIC_EGRESS_BYTES, "out", NULL, (int64_t)(evbuffer_get_length(out) - before));
    hold(b, c->upstream);
}

static void on_upstream_data(struct bufferevent *b, void *arg)
{
    struct conn *c = arg;
    struct evbuffer *in = bufferevent_get_input(b);

    c->active_ms = clock_mono_ms();
    metric_add(METRIC_EGRESS_BYTES, "in", NULL, (int64_t)evbuffer_get_length(in));
    (void)evbuffer_add_buffer(bufferevent_get_output(c->client), in);
    hold(b, c->client);
}

/* ---- ends ---- */

/* True: there is nothing more to do here, and c may be gone. */
static bool end_if_over(struct conn *c)
{
    bool has_rest = queued(c->client) || (queued(c->upstream) && !c->upstream_failed);

    if (!c->client_ended || !c->upstream_ended || has_rest)
        return false;
    if (c->is_tunnel)
        conn_free(c);
    else
        conn_close(c); /* the client need not have known that one answer is all */
    return true;
}

/* `from` has ended and all that it sent has left. */
static void pass_end(struct bufferevent *to)
{
    (void)shutdown(bufferevent_getfd(to), SHUT_WR);
}

static void on_written(struct conn *c, struct bufferevent *to, struct bufferevent *from,
                       bool has_from_ended)
{
    c->active_ms = clock_mono_ms();
    if (queued(to) == 0 && has_from_ended)
        pass_end(to);
    if (end_if_over(c))
        return;
    bufferevent_setwatermark(to, EV_WRITE, 0, 0);
    if (!has_from_ended)
        (void)bufferevent_enable(from, EV_READ);
}

static void on_client_written(struct bufferevent *b, void *arg)
{
    struct conn *c = arg;
    on_written(c, c->client, c->upstream, c->upstream_ended);
}

static void on_upstream_written(struct bufferevent *b, void *arg)
{
    struct conn *c = arg;
    on_written(c, c->upstream, c->client, c->client_ended);
}

static void on_event(struct bufferevent *b, short what, void *arg)
{
    struct conn *c = arg;
    bool is_client = b == c->client;
    struct bufferevent *other = is_client ? c->upstream : c->client;

    if (what & BEV_EVENT_ERROR && is_client) {
        conn_free(c);
        return;
    }
    if (is_client) {
        c->client_ended = true;
    } else {
        /* A server that failed takes nothing more, and one that has given its one answer need not.
         */
        c->upstream_ended = true;
        c->upstream_failed = what & BEV_EVENT_ERROR || !c->is_tunnel;
        c->client_ended = c->client_ended || c->upstream_failed;
    }
    if (queued(other) == 0)
        pass_end(other);
    (void)end_if_over(c);
}

void relay_start(struct conn *c)
{
    struct evbuffer *out = bufferevent_get_output(c->upstream);

    c->state = CONN_RELAY;
    c->active_ms = clock_mono_ms();
    conn_set_timer(c, c->site->core->o.idle_timeout_ms);
    bufferevent_setcb(c->client, on_client_data, on_client_written, on_event, c);
    bufferevent_setcb(c->upstream, on_upstream_data, on_upstream_written, on_event, c);
    bufferevent_setwatermark(c->client, EV_READ, 0, READ_BYTES);
    bufferevent_setwatermark(c->upstream, EV_READ, 0, READ_BYTES);
    if (c->upstream_head.len > 0)
        (void)evbuffer_add(out, c->upstream_head.data, c->upstream_head.len);
    buf_deinit(&c->upstream_head);
    if (bufferevent_enable(c->upstream, EV_READ | EV_WRITE) < 0) {
        conn_free(c);
        return;
    }
    /* What came behind the request. */
    if (evbuffer_get_length(bufferevent_get_input(c->client)) > 0)
        return on_client_data(c->client, c);
    if (c->client_ended && queued(c->upstream) == 0)
        pass_end(c->upstream);
}
