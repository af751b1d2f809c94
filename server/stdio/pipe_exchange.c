/* The exchange of server/exchange.h over pipes: a line is its body; it has no headers but those
 * that say what all of them are. Answers, whole or as events of a stream, become lines. */
#include <string.h>

#include "server/stdio/stdio_impl.h"

static const struct exchange_ops ops;

struct exchange *pipe_exchange_new(struct stdio *s, const char *method, const char *session,
                                   struct pipe_message *m)
{
    size_t len = m ? m->len : 0;
    struct exchange *x = calloc(1, sizeof(*x) + len + 1);

    if (!x)
        abort(); /* a line has a maximum */
    x->head.ops = &ops;
    x->stdio = s;
    x->refs = 2; /* one is the connection's until it is over */
    x->method = method;
    x->session = session ? xstrdup(session) : NULL;
    x->is_long_lived = !m || m->is_listen;
    x->len = len;
    if (m) {
        memcpy(x->body, m->text, len);
        x->id = TAKE_PTR(m->id);
        x->wants_answer = m->wants_answer;
        x->is_modern = m->is_modern;
        x->is_listen = m->is_listen;
    }
    list_append(&s->open, &x->link);
    if (!x->is_long_lived)
        atomic_fetch_add(&s->n_requests, 1);
    return x;
}

static void exchange_free(struct exchange *x)
{
    buf_deinit(&x->event);
    free(x->session);
    free(x->id);
    free(x->id_key);
    free(x);
}

/* ---- what it is ---- */

static const char *method_of(const struct exchange *x)
{
    return x->method;
}

static const char *path_of(const struct exchange *x)
{
    return "/mcp";
}

static const char *query_of(const struct exchange *x)
{
    return "";
}

static const char *body_of(const struct exchange *x, size_t *ret_len)
{
    *ret_len = x->len;
    return x->body;
}

static const char *header_of(const struct exchange *x, const char *name, size_t *ret_count)
{
    const char *value = NULL;

    if (strcmp(name, "content-type") == 0)
        value = "application/json";
    else if (strcmp(name, "mcp-session-id") == 0)
        value = x->session;
    if (ret_count)
        *ret_count = value ? 1 : 0;
    return value;
}

static void each_header(const struct exchange *x, const char *prefix,
                        void (*fn)(void *arg, const char *name, const char *value), void *arg)
{
    static const char *const names[] = {"content-type", "mcp-session-id"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = header_of(x, names[i], NULL);
        if (value && strncmp(names[i], prefix, strlen(prefix)) == 0)
            fn(arg, names[i], value);
    }
}

/* Whoever starts us is the one who asks. */
static const char *principal_of(const struct exchange *x)
{
    return "anonymous";
}

static struct home *home_of(const struct exchange *x)
{
    return x->stdio->home;
}

static bool is_authenticated(const struct exchange *x)
{
    return false;
}

/* ---- its life ---- */

static struct exchange *ref(struct exchange *x)
{
    assert(pipe_home_is_current(x->stdio->home));
    x->refs++;
    return x;
}

static void unref(struct exchange *x)
{
    assert(pipe_home_is_current(x->stdio->home));
    if (--x->refs == 0)
        exchange_free(x);
}

static bool is_open(const struct exchange *x)
{
    return !x->is_gone && x->phase != PIPE_DONE;
}

static void run_gone(void *arg)
{
    struct exchange *x = arg;

    if (x->is_gone_due && x->on_gone) {
        x->is_gone_due = false;
        x->on_gone(x->on_gone_arg);
    }
    unref(x);
}

static void on_gone(struct exchange *x, void (*fn)(void *arg), void *arg)
{
    x->on_gone = fn;
    x->on_gone_arg = arg;
    if (fn && x->is_gone_due)
        home_post(x->stdio->home, run_gone, ref(x));
}

/* Answered, or nobody waits for the answer: the connection lets go of it. */
static void end(struct exchange *x)
{
    if (!list_is_linked(&x->link))
        return;
    list_remove(&x->link);
    if (!x->is_long_lived)
        atomic_fetch_sub(&x->stdio->n_requests, 1);
    stdio_on_over(x->stdio, x);
    unref(x);
}

void pipe_exchange_go(struct exchange *x)
{
    if (!is_open(x))
        return;
    x->is_gone = x->is_gone_due = true;
    home_post(x->stdio->home, run_gone, ref(x));
    end(x);
}

static void finish(struct exchange *x)
{
    x->phase = PIPE_DONE;
    x->on_gone = NULL;
    end(x);
}

/* ---- answers ---- */

static void put_line(const struct exchange *x, const char *text, size_t len)
{
    if (len > 0 && x->wants_answer)
        pipe_writer_line(x->stdio->writer, text, len);
}

static void read_session(const struct exchange *x, const struct exchange_header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(headers[i].name, "mcp-session-id") == 0)
            stdio_on_session(x->stdio, headers[i].value);
}

static void reply(struct exchange *x, int status, const char *content_type, const void *body,
                  size_t len, const struct exchange_header *headers, size_t n_headers)
{
    bool was_open = is_open(x);

    assert(x->phase == PIPE_WAITING);
    ref(x);
    if (was_open) {
        read_session(x, headers, n_headers);
        put_line(x, body, len);
    }
    finish(x);
    unref(x);
}

static bool stream_begin(struct exchange *x, int status, const char *content_type,
                         const struct exchange_header *headers, size_t n_headers)
{
    assert(x->phase == PIPE_WAITING);
    x->phase = PIPE_STREAMING;
    x->was_streamed = true;
    if (!x->id) /* what a session is told goes out without being asked for */
        x->wants_answer = true;
    if (is_open(x))
        read_session(x, headers, n_headers);
    return true;
}

/* The data of one event, without the line break at its end. */
static void put_event(const struct exchange *x, char *block)
{
    static const char name[] = "data: ";

    for (char *rest = block, *line; (line = strsep(&rest, "\n"));)
        if (strncmp(line, name, sizeof(name) - 1) == 0)
            put_line(x, line + sizeof(name) - 1, strlen(line) - (sizeof(name) - 1));
}

/* A listen that is not read is ended, as over HTTP; then the client is told so. What a session is
 * told meanwhile is left out: there is no other stream that it could open. */
static bool is_too_slow(struct exchange *x)
{
    if (!x->is_long_lived ||
        pipe_writer_queued(x->stdio->writer) < x->stdio->o.config->max_stream_buffer_bytes)
        return false;
    if (x->is_listen)
        pipe_exchange_go(x);
    return true;
}

static void stream_write(struct exchange *x, const void *data, size_t len)
{
    assert(x->phase != PIPE_WAITING);
    if (!is_open(x) || len == 0)
        return;
    buf_append(&x->event, data, len);
    bool is_dropped = is_too_slow(x);
    for (char *end; (end = strstr(x->event.data, "\n\n"));) {
        *end = '\0';
        if (!is_dropped)
            put_event(x, x->event.data);
        buf_consume(&x->event, (size_t)(end - x->event.data) + 2);
    }
}

static void stream_end(struct exchange *x)
{
    assert(x->phase != PIPE_WAITING);
    if (x->phase != PIPE_DONE)
        finish(x);
}

static size_t stream_queued(const struct exchange *x)
{
    return pipe_writer_queued(x->stdio->writer);
}

static const struct exchange_ops ops = {
    .has_headers = false,
    .method = method_of,
    .path = path_of,
    .query = query_of,
    .body = body_of,
    .header = header_of,
    .each_header = each_header,
    .principal = principal_of,
    .home = home_of,
    .is_authenticated = is_authenticated,
    .ref = ref,
    .unref = unref,
    .is_open = is_open,
    .on_gone = on_gone,
    .reply = reply,
    .stream_begin = stream_begin,
    .stream_write = stream_write,
    .stream_end = stream_end,
    .stream_queued = stream_queued,
};
