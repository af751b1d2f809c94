/*
 * Bytes on their way out, of whole and of streamed replies: `queue` collects, `sending` is what h2o
 * works on in slices, so that each slice taken by the kernel is a sign of life. A home keeps its
 * exchanges with bytes under way in `writing` and its silent event streams in `idle`, both in order
 * of progress_ms, so that a look at the heads finds who is due, however many there are.
 */
#include <string.h>

#include "server/http/exchange_impl.h"
#include "server/http/http_impl.h"
#include "state/base/clock.h"
#include "state/base/metrics.h"

#define SLICE_BYTES ((size_t)65536)
#define FIRST_BYTES ":\n\n" /* h2o sends no headers without a body byte; comments are ignored */
#define HEARTBEAT   ": keepalive\n\n"

static void on_tick(void *arg);

/* Heartbeats and timeouts are late by at most a quarter. */
static void arm_tick(struct home *h)
{
    const struct config *c = h->http->config;
    uint64_t ms =
        (c->heartbeat_ms < c->write_timeout_ms ? c->heartbeat_ms : c->write_timeout_ms) / 4;

    if (h->is_tick_armed || (list_is_empty(&h->idle) && list_is_empty(&h->writing)))
        return;
    h->is_tick_armed = true;
    home_after(h, ms < 1000 ? ms : 1000, on_tick, h);
}

static void note_progress(struct exchange *x, struct list *where)
{
    x->progress_ms = clock_mono_ms();
    list_remove(&x->activity_link);
    list_append(where, &x->activity_link);
    arm_tick(x->home);
}

static struct exchange *overdue(struct list *of, uint64_t now_ms, uint64_t limit_ms)
{
    struct list *l = list_first(of);
    struct exchange *x = l ? CONTAINER_OF(l, struct exchange, activity_link) : NULL;

    return x && x->progress_ms + limit_ms <= now_ms ? x : NULL;
}

static void on_tick(void *arg)
{
    struct home *h = arg;
    const struct config *c = h->http->config;
    uint64_t now_ms = clock_mono_ms();

    h->is_tick_armed = false;
    for (struct exchange *x; (x = overdue(&h->writing, now_ms, c->write_timeout_ms));) {
        list_remove(&x->activity_link);
        exchange_cut(x, "write_timeout");
    }
    for (struct exchange *x; (x = overdue(&h->idle, now_ms, c->heartbeat_ms));) {
        exchange_ref(x);
        buf_append_str(&x->queue, HEARTBEAT);
        stream_pump(x);
        exchange_unref(x);
    }
    arm_tick(h);
}

void stream_pump(struct exchange *x)
{
    if (!x->req || x->is_cut || x->is_writing)
        return;
    if (x->sent == x->sending.len) {
        buf_deinit(&x->sending);
        x->sending = x->queue;
        x->queue = (struct buf){0};
        x->sent = 0;
    }
    size_t left = x->sending.len - x->sent, n = left < SLICE_BYTES ? left : SLICE_BYTES;
    bool is_last = x->phase == EXCHANGE_DONE && n == left && x->queue.len == 0;
    if (n == 0 && !is_last) {
        list_remove(&x->activity_link);
        if (x->is_event_stream)
            note_progress(x, &x->home->idle);
        return;
    }
    h2o_iovec_t slice = h2o_iovec_init(x->sending.data + x->sent, n);
    x->sent += n;
    x->is_writing = true;
    note_progress(x, &x->home->writing);
    /* After the last one h2o may be through with the request already, and on with the next. */
    h2o_send(x->req, &slice, n > 0 ? 1 : 0,
             is_last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

void stream_on_proceed(h2o_generator_t *g, h2o_req_t *req)
{
    struct exchange *x = CONTAINER_OF(g, struct exchange, generator);

    exchange_ref(x);
    x->is_writing = false;
    if (x->is_cut)
        h2o_send(req, NULL, 0, H2O_SEND_STATE_ERROR);
    else
        stream_pump(x);
    exchange_unref(x);
}

void stream_release(struct exchange *x)
{
    list_remove(&x->activity_link);
    buf_deinit(&x->queue);
    buf_deinit(&x->sending);
    x->sent = 0;
    x->is_writing = false;
    if (!x->is_counted_stream)
        return;
    x->is_counted_stream = false;
    atomic_fetch_sub(&x->home->http->n_streams, 1);
    metric_add(METRIC_HTTP_STREAMS, NULL, NULL, -1);
}

bool http_stream_begin(struct exchange *x, int status, const char *content_type,
                       const struct exchange_header *headers, size_t n_headers)
{
    struct http *http = x->home->http;

    assert(home_is_current(x->home) && x->phase == EXCHANGE_WAITING);
    if (!exchange_is_open(x)) {
        x->phase = EXCHANGE_STREAMING;
        return true;
    }
    if (atomic_fetch_add(&http->n_streams, 1) >= http->config->max_streams) {
        atomic_fetch_sub(&http->n_streams, 1);
        return false;
    }
    metric_add(METRIC_HTTP_STREAMS, NULL, NULL, 1);
    x->is_counted_stream = true;
    x->phase = EXCHANGE_STREAMING;
    x->is_event_stream = content_type && strcmp(content_type, "text/event-stream") == 0;
    exchange_put_head(x, status, content_type, headers, n_headers);
    /* Without chunks the end of the connection is the end of the body. */
    if (x->req->version < 0x101)
        x->req->http1_is_persistent = 0;
    exchange_ref(x);
    h2o_start_response(x->req, &x->generator);
    if (x->is_head) {
        /* All there is to send; on_over finds the stream not ended and tells the handler to go. */
        x->is_writing = true;
        h2o_send(x->req, NULL, 0, H2O_SEND_STATE_FINAL);
    } else {
        if (x->is_event_stream)
            buf_append_str(&x->queue, FIRST_BYTES);
        stream_pump(x);
    }
    exchange_unref(x);
    return true;
}

void http_stream_write(struct exchange *x, const void *data, size_t len)
{
    assert(home_is_current(x->home) && x->phase != EXCHANGE_WAITING);
    if (!exchange_is_open(x) || x->is_head || len == 0)
        return;
    /* What waits counts, not what comes: one long message is no sign of a slow client. */
    if (exchange_stream_queued(x) >= x->home->http->config->max_stream_buffer_bytes) {
        exchange_cut(x, "stream_buffer");
        return;
    }
    metric_add(METRIC_HTTP_BYTES_OUT, NULL, NULL, (int64_t)len);
    buf_append(&x->queue, data, len);
    exchange_ref(x);
    stream_pump(x);
    exchange_unref(x);
}

void http_stream_end(struct exchange *x)
{
    assert(home_is_current(x->home) && x->phase != EXCHANGE_WAITING);
    bool is_open = exchange_is_open(x);

    exchange_finish(x);
    if (!is_open)
        return;
    exchange_ref(x);
    stream_pump(x);
    exchange_unref(x);
}

size_t http_stream_queued(const struct exchange *x)
{
    return x->queue.len + x->sending.len - x->sent;
}
