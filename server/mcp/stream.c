#include "server/mcp/stream.h"

#include <string.h>

#include "server/mcp/ask.h"
#include "server/mcp/follow.h"
#include "server/mcp/hub.h"
#include "server/mcp/jsonrpc.h"
#include "server/mcp/listen.h"
#include "server/mcp/shard.h"
#include "state/base/buf.h"

/* nginx does not buffer a reply that says so; caches keep away from it. */
const struct exchange_header sse_headers[] = {
    {"cache-control", "no-cache, no-transform"},
    {"x-accel-buffering", "no"},
};
const size_t sse_n_headers = ARRAY_LEN(sse_headers);

enum order { ORDER_WRITE, ORDER_FOLLOW, ORDER_TASK, ORDER_END, ORDER_REQUEST_DONE };

/* What another thread wants of a stream. */
struct message {
    struct stream *stream; /* reference */
    enum order order;
    char *text; /* owned; ORDER_WRITE; ORDER_FOLLOW, ORDER_TASK: the id */
};

void sse_append(struct buf *b, const char *event, const char *data)
{
    buf_append_str(b, "event: ");
    buf_append_str(b, event);
    buf_append_str(b, "\ndata: ");
    buf_append_str(b, data);
    buf_append_str(b, "\n\n");
}

struct stream *stream_ref(struct stream *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void stream_unref(struct stream *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    assert(!s->x && !s->peer);
    free(s->principal);
    free(s->id);
    free(s);
}

static void stream_close(struct stream *s)
{
    struct exchange *x = s->x;

    if (!x)
        return;
    s->x = NULL;
    follow_end(s);
    hub_remove(s->core->hub, s);
    if (s->kind == STREAM_CHANNEL)
        asks_end(s->core->asks, s->id);
    shard_get(s->core, s->home)->streams--;
    exchange_on_gone(x, NULL, NULL);
    exchange_stream_end(x);
    exchange_unref(x);
    stream_unref(s);
}

static void stream_end(struct stream *s)
{
    if (!s->x)
        return;
    if (s->kind == STREAM_CHANNEL && atomic_load(&s->under_way) > 0) {
        s->is_ending = true;
        return;
    }
    if (s->kind == STREAM_LISTEN) {
        CLEANUP(free_p) char *text = listen_result(s);
        stream_write(s, "message", text);
    }
    stream_close(s);
}

static void request_done(struct stream *s)
{
    if (atomic_fetch_sub(&s->under_way, 1) == 1 && s->is_ending)
        stream_end(s);
}

static void on_message(void *arg)
{
    struct message *m = arg;

    switch (m->order) {
    case ORDER_WRITE:
        stream_write(m->stream, "message", m->text);
        break;
    case ORDER_FOLLOW:
        follow_to_end(m->stream, m->text);
        break;
    case ORDER_TASK:
        follow_look(m->stream, m->text);
        break;
    case ORDER_END:
        stream_end(m->stream);
        break;
    case ORDER_REQUEST_DONE:
        request_done(m->stream);
        break;
    }
    stream_unref(m->stream);
    free(m->text);
    free(m);
}

static void post(struct stream *s, enum order order, char *text)
{
    struct message *m = xcalloc(1, sizeof *m);

    *m = (struct message){.stream = stream_ref(s), .order = order, .text = text};
    home_post(s->home, on_message, m);
}

static void on_gone(void *arg)
{
    stream_close(arg);
}

struct stream *stream_open(struct mcp *m, struct exchange *x, enum stream_kind kind, char *id)
{
    CLEANUP(free_p) char *owned_id = id;

    if (!exchange_stream_begin(x, 200, "text/event-stream", sse_headers, sse_n_headers))
        return NULL;
    struct stream *s = xcalloc(1, sizeof *s);
    s->refs = 1;
    s->kind = kind;
    s->core = m;
    s->home = exchange_home(x);
    s->principal = xstrdup(exchange_principal(x));
    s->id = TAKE_PTR(owned_id);
    s->x = exchange_ref(x);
    list_init(&s->follows);
    list_init(&s->subscriptions);
    list_init(&s->task_subscriptions);
    struct shard *shard = shard_get(m, s->home);
    shard->streams++;
    shard_wake(shard);
    exchange_on_gone(x, on_gone, s);
    return s;
}

void stream_write(struct stream *s, const char *event, const char *text)
{
    struct buf b = {0};

    if (!s->x)
        return;
    sse_append(&b, event, text);
    exchange_stream_write(s->x, b.data, b.len);
    buf_deinit(&b);
}

void stream_post(struct stream *s, char *text)
{
    post(s, ORDER_WRITE, text);
}

void stream_post_follow(struct stream *s, const char *id)
{
    post(s, ORDER_FOLLOW, xstrdup(id));
}

void stream_post_task(struct stream *s, const char *id)
{
    post(s, ORDER_TASK, xstrdup(id));
}

void stream_post_end(struct stream *s)
{
    post(s, ORDER_END, NULL);
}

bool stream_begin_request(struct stream *s)
{
    if (atomic_fetch_add(&s->under_way, 1) < STREAM_UNDER_WAY_MAX)
        return true;
    atomic_fetch_sub(&s->under_way, 1);
    return false;
}

void stream_post_request_done(struct stream *s)
{
    post(s, ORDER_REQUEST_DONE, NULL);
}
