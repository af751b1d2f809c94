/* What the lines of the client do, on the home's thread: each is served as the POST that it would
 * be over HTTP. What HTTP has beside POST is made of what was said before: the stream of a session,
 * its end, and the hang-up that cancels a request of 2026-07-28. */
#include <string.h>

#include "server/mcp/jsonrpc.h"
#include "server/mcp/request.h"
#include "server/stdio/stdio_impl.h"

/* Answers that are ready in a moment still get out when the client closes its end at once. */
#define CLOSED_PATIENCE_MS 1000u

/* ---- answers of our own ---- */

/* text taken. */
static void put_text(struct stdio *s, char *text)
{
    pipe_writer_line(s->writer, text, strlen(text));
    free(text);
}

/* Over pipes the end of a subscription is told by this as well; see the protocol's schema. */
static void tell_ended(struct stdio *s, const struct exchange *x)
{
    cJSON *params = cJSON_CreateObject();

    cJSON_AddItemToObject(params, "requestId", cJSON_CreateRaw(x->id));
    put_text(s, jsonrpc_notification("notifications/cancelled", params));
}

/* ---- exchanges ---- */

static void serve(struct stdio *s, struct exchange *x)
{
    s->o.handle(x, s->o.arg);
    exchange_unref(x);
}

static void open_session_stream(struct stdio *s)
{
    if (s->has_stream || !s->session)
        return;
    s->has_stream = true;
    serve(s, pipe_exchange_new(s, "GET", s->session, NULL));
}

void stdio_on_session(struct stdio *s, const char *id)
{
    CLEANUP(free_p) char *before = s->session;

    s->session = xstrdup(id);
    if (!before)
        return;
    /* It began anew. */
    serve(s, pipe_exchange_new(s, "DELETE", before, NULL));
    s->has_stream = false;
}

static void end(struct stdio *s)
{
    if (s->has_ended)
        return;
    s->has_ended = true;
    s->o.on_end(s->o.end_arg);
}

static void end_when_idle(struct stdio *s)
{
    if (s->is_over && atomic_load(&s->n_requests) == 0)
        end(s);
}

void stdio_on_over(struct stdio *s, const struct exchange *x)
{
    if (x->is_listen && x->was_streamed && !x->is_cancelled)
        tell_ended(s, x);
    end_when_idle(s);
}

void stdio_tell_all_gone(struct stdio *s)
{
    for (struct list *l; (l = list_first(&s->open));) {
        struct exchange *x = CONTAINER_OF(l, struct exchange, link);
        x->is_cancelled = true;
        pipe_exchange_go(x);
    }
}

static void on_patience_over(void *arg)
{
    end(arg);
}

void stdio_on_closed(struct stdio *s)
{
    s->is_over = true;
    home_after(s->home, CLOSED_PATIENCE_MS, on_patience_over, s);
    end_when_idle(s);
}

void stdio_on_broken(struct stdio *s)
{
    stdio_tell_all_gone(s);
    end(s);
}

/* ---- lines ---- */

/* notifications/cancelled of a request that carries its own revision: there is no session in which
 * the core would find it. Whether there is one. */
static bool cancel(struct stdio *s, const struct jsonrpc_message *m)
{
    CLEANUP(free_p) char *raw = jsonrpc_raw_param(m, "requestId", NULL);
    CLEANUP(free_p) char *key = raw ? jsonrpc_id_key(raw, strlen(raw)) : NULL;

    if (!key)
        return false;
    list_for_each (l, &s->open) {
        struct exchange *x = CONTAINER_OF(l, struct exchange, link);
        if (!x->is_modern || !x->id_key || strcmp(x->id_key, key) != 0)
            continue;
        x->is_cancelled = true;
        pipe_exchange_go(x);
        return true;
    }
    return false;
}

static bool has_claim(const struct jsonrpc_message *m)
{
    return json_get(json_get(m->params, "_meta"), META_VERSION);
}

static void serve_request(struct stdio *s, const struct jsonrpc_message *m)
{
    bool is_modern = has_claim(m);
    const char *session = !is_modern && strcmp(m->method, "initialize") != 0 ? s->session : NULL;
    struct pipe_message p = {.text = m->text,
                             .len = m->len,
                             .id = xstrndup(m->text + m->id.offset, m->id.len),
                             .wants_answer = true,
                             .is_modern = is_modern,
                             .is_listen =
                                 is_modern && strcmp(m->method, "subscriptions/listen") == 0};

    if (atomic_load(&s->n_requests) >= STDIO_REQUESTS_MAX) {
        put_text(s, jsonrpc_error(p.id, JSONRPC_INTERNAL_ERROR,
                                  "Too many requests are under way: wait for an answer", NULL));
        free(p.id);
        return;
    }
    struct exchange *x = pipe_exchange_new(s, "POST", session, &p);
    x->id_key = jsonrpc_id_key(x->id, strlen(x->id));
    serve(s, x);
}

/* No request: something that nothing answers to, an array of messages, or nothing known. */
static void serve_other(struct stdio *s, const char *text, size_t len, bool wants_answer)
{
    struct pipe_message p = {.text = text, .len = len, .wants_answer = wants_answer};
    serve(s, pipe_exchange_new(s, "POST", s->session, &p));
}

static void serve_notification(struct stdio *s, const struct jsonrpc_message *m)
{
    if (strcmp(m->method, "notifications/cancelled") == 0 && cancel(s, m))
        return;
    serve_other(s, m->text, m->len, false);
    if (strcmp(m->method, "notifications/initialized") == 0)
        open_session_stream(s);
}

void stdio_on_line(struct stdio *s, const char *text, size_t len)
{
    cJSON *tree = NULL;
    size_t error_at;

    if (json_parse(text, len, &tree, &error_at) != JSON_OK)
        return serve_other(s, text, len, true); /* the core says what is wrong */
    bool is_array = cJSON_IsArray(tree);
    struct jsonrpc_message m = jsonrpc_read(tree, text, len);
    if (is_array)
        serve_other(s, text, len, true);
    else if (m.kind == JSONRPC_REQUEST)
        serve_request(s, &m);
    else if (m.kind == JSONRPC_NOTIFICATION)
        serve_notification(s, &m);
    else
        serve_other(s, text, len, m.kind == JSONRPC_INVALID);
    jsonrpc_message_deinit(&m);
}

void stdio_on_long_line(struct stdio *s)
{
    struct buf b = {0};

    buf_printf(&b, "The message is longer than %zu bytes (server.max_body) and was not read",
               s->o.config->max_body_bytes);
    put_text(s, jsonrpc_error(NULL, JSONRPC_INVALID_REQUEST, b.data, NULL));
    buf_deinit(&b);
}
