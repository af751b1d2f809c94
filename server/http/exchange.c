/* The exchange of server/exchange.h for h2o's requests: copies what outlives them, and replies. */
#include <string.h>

#include <sys/socket.h>

#include "server/http/cors.h"
#include "server/http/exchange_impl.h"
#include "server/http/hangup.h"
#include "server/http/http_impl.h"
#include "server/http/status.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"

/* Copies len bytes to *to, ends them with NUL, and moves *to behind that. */
static const char *put_text(char **to, const char *data, size_t len)
{
    char *begin = *to;

    if (len > 0)
        memcpy(begin, data, len);
    begin[len] = '\0';
    *to += len + 1;
    return begin;
}

static h2o_iovec_t trimmed(h2o_iovec_t v)
{
    while (v.len > 0 && (v.base[0] == ' ' || v.base[0] == '\t'))
        v = h2o_iovec_init(v.base + 1, v.len - 1);
    while (v.len > 0 && (v.base[v.len - 1] == ' ' || v.base[v.len - 1] == '\t'))
        v.len--;
    return v;
}

static h2o_iovec_t query_of(const h2o_req_t *req)
{
    if (req->query_at == SIZE_MAX)
        return h2o_iovec_init("", 0);
    return h2o_iovec_init(req->path.base + req->query_at + 1, req->path.len - req->query_at - 1);
}

static size_t data_size(const h2o_req_t *req)
{
    size_t size = (req->headers.size + 1) * sizeof(struct exchange_header) + req->method.len +
                  req->path_normalized.len + query_of(req).len + sizeof "host" +
                  req->authority.len + req->entity.len + 5;

    for (size_t i = 0; i < req->headers.size; i++)
        size += req->headers.entries[i].name->len + req->headers.entries[i].value.len + 2;
    return size;
}

/* h2o takes Host out of the headers; handlers find it there again. */
static void put_headers(struct exchange *x, const h2o_req_t *req, char **to)
{
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *h = &req->headers.entries[i];
        h2o_iovec_t value = trimmed(h->value);

        x->headers[x->n_headers++] =
            (struct exchange_header){.name = put_text(to, h->name->base, h->name->len),
                                     .value = put_text(to, value.base, value.len)};
    }
    x->headers[x->n_headers++] =
        (struct exchange_header){.name = put_text(to, "host", strlen("host")),
                                 .value = put_text(to, req->authority.base, req->authority.len)};
}

static void exchange_free(struct exchange *x)
{
    x->home->n_exchanges--;
    free(x->principal);
    free(x);
}

/* The client went before the reply was done. */
static void exchange_lose(struct exchange *x)
{
    x->is_gone_due = true;
    home_tell_gone(x->home, x);
}

/* The request's pool ends: the reply went out, or the connection is gone. */
static void on_over(void *p)
{
    struct exchange *x = *(struct exchange **)p;

    hangup_unwatch(x);
    stream_release(x);
    x->req = NULL;
    list_remove(&x->all_link);
    atomic_fetch_sub(&x->home->http->n_open, 1);
    if (x->phase != EXCHANGE_DONE && !x->is_cut)
        exchange_lose(x);
    exchange_unref(x);
}

static const struct exchange_ops ops;

struct exchange *exchange_new(struct home *h, h2o_req_t *req)
{
    struct exchange *x = calloc(1, sizeof *x + data_size(req));
    struct exchange **tie = h2o_mem_alloc_shared(&req->pool, sizeof *tie, on_over);

    if (!x)
        abort(); /* bounded by server.max_body and h2o's own limit for heads */
    *tie = x;
    x->head.ops = &ops;
    x->generator.proceed = stream_on_proceed;
    x->home = h;
    x->req = req;
    x->refs = 1;
    x->begun_us = clock_mono_us();
    x->headers = (struct exchange_header *)x->data;
    char *to = (char *)(x->headers + req->headers.size + 1);
    h2o_iovec_t query = query_of(req);
    x->method = put_text(&to, req->method.base, req->method.len);
    x->path = put_text(&to, req->path_normalized.base, req->path_normalized.len);
    x->query = put_text(&to, query.base, query.len);
    x->body = put_text(&to, req->entity.base, req->entity.len);
    x->body_len = req->entity.len;
    put_headers(x, req, &to);
    x->is_head = strcmp(x->method, "HEAD") == 0;
    list_append(&h->all, &x->all_link);
    h->n_exchanges++;
    atomic_fetch_add(&h->http->n_open, 1);
    metric_add(METRIC_HTTP_BYTES_IN, NULL, NULL, (int64_t)x->body_len);
    return x;
}

int exchange_fd(const struct exchange *x)
{
    return h2o_socket_get_fd(x->req->conn->callbacks->get_socket(x->req->conn));
}

void exchange_cut(struct exchange *x, const char *why)
{
    if (!x->req || x->is_cut)
        return;
    x->is_cut = true;
    LOG_DEBUG("http_cut", LOG_STR("path", x->path), LOG_STR("reason", why));
    if (x->phase != EXCHANGE_DONE)
        exchange_lose(x);
    (void)shutdown(exchange_fd(x), SHUT_RDWR);
    /* With a write under way h2o finds out by itself; otherwise it has to be told, and may be
     * through with the request before h2o_send() returns. */
    if (x->is_writing)
        return;
    x->req->http1_is_persistent = 0;
    if (x->phase == EXCHANGE_WAITING) {
        x->req->res.status = 500;
        x->req->res.content_length = 0;
        h2o_start_response(x->req, &x->generator);
    }
    h2o_send(x->req, NULL, 0, H2O_SEND_STATE_ERROR);
}

void exchange_finish(struct exchange *x)
{
    x->phase = EXCHANGE_DONE;
    x->on_gone = NULL;
    hangup_unwatch(x);
}

void exchange_run_gone(struct exchange *x)
{
    if (!x->is_gone_due || !x->on_gone)
        return;
    x->is_gone_due = false;
    x->on_gone(x->on_gone_arg);
}

static const char *method_of(const struct exchange *x)
{
    return x->method;
}

static const char *path_of(const struct exchange *x)
{
    return x->path;
}

static const char *raw_query(const struct exchange *x)
{
    return x->query;
}

static const char *body_of(const struct exchange *x, size_t *ret_len)
{
    *ret_len = x->body_len;
    return x->body;
}

static const char *header_of(const struct exchange *x, const char *name, size_t *ret_count)
{
    const char *first = NULL;
    size_t count = 0;

    for (size_t i = 0; i < x->n_headers; i++)
        if (strcmp(x->headers[i].name, name) == 0 && count++ == 0)
            first = x->headers[i].value;
    if (ret_count)
        *ret_count = count;
    return first;
}

static void each_header(const struct exchange *x, const char *prefix,
                        void (*fn)(void *arg, const char *name, const char *value), void *arg)
{
    for (size_t i = 0; i < x->n_headers; i++)
        if (strncmp(x->headers[i].name, prefix, strlen(prefix)) == 0)
            fn(arg, x->headers[i].name, x->headers[i].value);
}

static const char *principal_of(const struct exchange *x)
{
    return x->principal ? x->principal : "anonymous";
}

static struct home *home_of(const struct exchange *x)
{
    return x->home;
}

static bool is_authenticated(const struct exchange *x)
{
    return x->is_authenticated;
}

static struct exchange *ref(struct exchange *x)
{
    assert(home_is_current(x->home));
    x->refs++;
    return x;
}

static void unref(struct exchange *x)
{
    assert(home_is_current(x->home));
    if (--x->refs == 0)
        exchange_free(x);
}

static bool is_open(const struct exchange *x)
{
    return x->req && !x->is_cut && x->phase != EXCHANGE_DONE;
}

static void on_gone(struct exchange *x, void (*fn)(void *arg), void *arg)
{
    assert(home_is_current(x->home));
    x->on_gone = fn;
    x->on_gone_arg = arg;
    if (fn && x->is_gone_due)
        home_tell_gone(x->home, x);
}

static void put_header(struct exchange *x, const char *name, const char *value)
{
    h2o_mem_pool_t *pool = &x->req->pool;
    h2o_iovec_t n = h2o_strdup(pool, name, SIZE_MAX), v = h2o_strdup(pool, value, SIZE_MAX);

    assert(!strpbrk(value, "\r\n"));
    h2o_add_header_by_str(pool, &x->req->res.headers, n.base, n.len, 0, NULL, v.base, v.len);
}

void exchange_put_head(struct exchange *x, int status, const char *content_type,
                       const struct exchange_header *headers, size_t n_headers)
{
    x->req->res.status = status;
    x->req->res.reason = status_reason(status);
    if (content_type)
        put_header(x, "Content-Type", content_type);
    for (size_t i = 0; i < n_headers; i++)
        put_header(x, headers[i].name, headers[i].value);
    if (status == 503) /* a load balancer asks another one: nginx/mcp-execd-locations.conf */
        put_header(x, "X-Execd-Replica", x->home->http->config->replica_id);
    if (x->origin) {
        put_header(x, "Access-Control-Allow-Origin", x->origin);
        for (size_t i = 0; i < ARRAY_LEN(cors_headers); i++)
            put_header(x, cors_headers[i].name, cors_headers[i].value);
    }
    metric_add(METRIC_HTTP_REQUESTS, status_class(status), NULL, 1);
    LOG_DEBUG("http_request", LOG_STR("method", x->method), LOG_STR("path", x->path),
              LOG_U64("status", (uint64_t)status));
}

static void reply(struct exchange *x, int status, const char *content_type, const void *body,
                  size_t len, const struct exchange_header *headers, size_t n_headers)
{
    bool is_open = exchange_is_open(x);

    assert(home_is_current(x->home) && x->phase == EXCHANGE_WAITING);
    exchange_finish(x);
    if (!is_open)
        return;
    exchange_put_head(x, status, content_type, headers, n_headers);
    /* RFC 9110 8.6: none with 204; 304 would have to tell the length of the 200. */
    if (status != 204 && status != 304)
        x->req->res.content_length = len;
    if (!x->is_head)
        buf_append(&x->queue, body, len);
    metric_add(METRIC_HTTP_BYTES_OUT, NULL, NULL, (int64_t)x->queue.len);
    metric_observe_us(METRIC_HTTP_SECONDS, NULL, clock_mono_us() - x->begun_us);
    h2o_start_response(x->req, &x->generator);
    exchange_ref(x);
    stream_pump(x);
    exchange_unref(x);
}

void exchange_refuse(struct exchange *x, int status, const char *text,
                     const struct exchange_header *header)
{
    CLEANUP(buf_deinit) struct buf body = {0};

    buf_printf(&body, "{\"error\":\"%s\"}", text);
    exchange_reply(x, status, "application/json", body.data, body.len, header, header ? 1 : 0);
}

static const struct exchange_ops ops = {
    .has_headers = true,
    .method = method_of,
    .path = path_of,
    .query = raw_query,
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
    .stream_begin = http_stream_begin,
    .stream_write = http_stream_write,
    .stream_end = http_stream_end,
    .stream_queued = http_stream_queued,
};
