#include "server/mcp/outlet.h"

#include <string.h>

#include "server/mcp/request.h"

struct outlet *outlet_new(struct exchange *x, bool accepts_json, bool accepts_stream)
{
    struct outlet *o = xcalloc(1, sizeof *o);

    o->refs = 1;
    o->x = exchange_ref(x);
    o->expected = 1;
    o->accepts_json = accepts_json;
    o->accepts_stream = accepts_stream;
    list_init(&o->requests);
    return o;
}

struct outlet *outlet_new_channel(struct exchange *x, struct stream *channel)
{
    struct outlet *o = outlet_new(x, true, true);

    o->channel = stream_ref(channel);
    return o;
}

struct outlet *outlet_new_inner(struct exchange *x, void (*fn)(void *arg), void *arg)
{
    struct outlet *o = outlet_new(x, false, false);

    o->is_replied = true;
    o->on_answered = fn;
    o->answered_arg = arg;
    return o;
}

struct outlet *outlet_ref(struct outlet *o)
{
    o->refs++;
    return o;
}

void outlet_unref(struct outlet *o)
{
    if (--o->refs > 0)
        return;
    if (o->is_watched)
        exchange_on_gone(o->x, NULL, NULL);
    if (o->channel) {
        stream_post_request_done(o->channel);
        stream_unref(o->channel);
    }
    buf_deinit(&o->answers);
    exchange_unref(o->x);
    free(o);
}

static size_t reply_headers(const struct outlet *o, struct exchange_header headers[4], bool is_sse)
{
    size_t n = 0;

    if (is_sse) {
        memcpy(headers, sse_headers, sse_n_headers * sizeof *headers);
        n = sse_n_headers;
    }
    if (o->session_id[0])
        headers[n++] = (struct exchange_header){"mcp-session-id", o->session_id};
    return n;
}

static void reply(struct outlet *o, int status, const char *text, size_t len)
{
    struct exchange_header headers[4];
    size_t n = reply_headers(o, headers, false);

    o->is_replied = true;
    exchange_reply(o->x, status, len > 0 ? "application/json" : NULL, text, len, headers, n);
}

static void write_event(struct outlet *o, const char *text)
{
    struct buf b = {0};

    sse_append(&b, "message", text);
    exchange_stream_write(o->x, b.data, b.len);
    buf_deinit(&b);
}

bool outlet_commit(struct outlet *o)
{
    struct exchange_header headers[4];

    if (o->channel || o->is_streaming)
        return true;
    if (o->is_replied || !o->accepts_stream || !exchange_is_open(o->x))
        return false;
    size_t n = reply_headers(o, headers, true);
    if (!exchange_stream_begin(o->x, 200, "text/event-stream", headers, n)) {
        o->accepts_stream = false; /* too many streams: JSON has to do */
        return false;
    }
    o->is_streaming = true;
    for (char *line = o->answers.data, *end; line && *line; line = end) {
        end = strchr(line, '\n');
        *end++ = '\0';
        write_event(o, line);
    }
    buf_deinit(&o->answers);
    return true;
}

bool outlet_notify(struct outlet *o, char *text)
{
    CLEANUP(free_p) char *owned = text;

    if (!outlet_commit(o))
        return false;
    if (o->channel)
        stream_post(o->channel, TAKE_PTR(owned));
    else
        write_event(o, owned);
    return true;
}

static void reply_batch(struct outlet *o)
{
    struct buf b = {0};

    buf_append_char(&b, '[');
    buf_append(&b, o->answers.data, o->answers.len - 1); /* without the last line break */
    buf_append_char(&b, ']');
    for (char *c = b.data; (c = strchr(c, '\n'));)
        *c = ',';
    reply(o, 200, b.data, b.len);
    buf_deinit(&b);
}

/* Nothing is to come: what is held back goes out. */
static void finish(struct outlet *o)
{
    if (o->on_answered)
        o->on_answered(o->answered_arg);
    if (o->channel || o->is_replied)
        return;
    if (o->answers.len > 0 && !o->is_streaming)
        reply_batch(o);
    else if (o->is_streaming || (o->has_requests && outlet_commit(o)))
        exchange_stream_end(o->x); /* of a cancelled request: an end without an answer */
    else
        reply(o, 202, NULL, 0);
    o->is_replied = true;
}

static void settle_one(struct outlet *o)
{
    if (--o->expected == 0)
        finish(o);
}

void outlet_seal(struct outlet *o)
{
    settle_one(o);
}

void outlet_expect(struct outlet *o)
{
    o->expected++;
    o->has_requests = true;
}

void outlet_answer(struct outlet *o, int status, char *text)
{
    CLEANUP(free_p) char *owned = text;

    if (!o->accepts_json && status == 200)
        (void)outlet_commit(o);
    if (o->on_answered) {
        /* nobody reads it */
    } else if (o->channel) {
        stream_post(o->channel, TAKE_PTR(owned));
    } else if (o->is_streaming) {
        write_event(o, owned);
    } else if (o->is_batch) {
        buf_append_str(&o->answers, owned);
        buf_append_char(&o->answers, '\n');
    } else {
        reply(o, status, owned, strlen(owned));
    }
    settle_one(o);
}

void outlet_skip(struct outlet *o)
{
    settle_one(o);
}

static void on_gone(void *arg)
{
    struct outlet *o = outlet_ref(arg);

    list_for_each_safe (it, next, &o->requests)
        request_client_gone(CONTAINER_OF(it, struct mcp_request, outlet_link));
    outlet_unref(o);
}

void outlet_watch(struct outlet *o)
{
    if (o->channel || o->on_answered || o->is_watched)
        return;
    o->is_watched = true;
    exchange_on_gone(o->x, on_gone, o);
}

struct exchange *outlet_release(struct outlet *o)
{
    assert(!o->is_streaming && !o->is_replied && !o->is_batch && !o->channel);
    o->is_replied = true;
    o->is_watched = false; /* whoever takes it watches it */
    return exchange_ref(o->x);
}
