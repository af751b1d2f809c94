/* Finds who carries it. */
#include "server/exchange_ops.h"

static const struct exchange_ops *ops_of(const struct exchange *x)
{
    return ((const struct exchange_head *)x)->ops;
}

static const struct home_ops *home_ops_of(const struct home *h)
{
    return ((const struct home_head *)h)->ops;
}

void home_post(struct home *h, void (*fn)(void *arg), void *arg)
{
    home_ops_of(h)->post(h, fn, arg);
}

void home_after(struct home *h, uint64_t ms, void (*fn)(void *arg), void *arg)
{
    home_ops_of(h)->after(h, ms, fn, arg);
}

bool exchange_has_headers(const struct exchange *x)
{
    return ops_of(x)->has_headers;
}

const char *exchange_method(const struct exchange *x)
{
    return ops_of(x)->method(x);
}

const char *exchange_path(const struct exchange *x)
{
    return ops_of(x)->path(x);
}

const char *exchange_query(const struct exchange *x)
{
    return ops_of(x)->query(x);
}

const char *exchange_body(const struct exchange *x, size_t *ret_len)
{
    return ops_of(x)->body(x, ret_len);
}

const char *exchange_header(const struct exchange *x, const char *name, size_t *ret_count)
{
    return ops_of(x)->header(x, name, ret_count);
}

void exchange_each_header(const struct exchange *x, const char *prefix,
                          void (*fn)(void *arg, const char *name, const char *value), void *arg)
{
    ops_of(x)->each_header(x, prefix, fn, arg);
}

const char *exchange_principal(const struct exchange *x)
{
    return ops_of(x)->principal(x);
}

struct home *exchange_home(const struct exchange *x)
{
    return ops_of(x)->home(x);
}

bool exchange_is_authenticated(const struct exchange *x)
{
    return ops_of(x)->is_authenticated(x);
}

struct exchange *exchange_ref(struct exchange *x)
{
    return ops_of(x)->ref(x);
}

void exchange_unref(struct exchange *x)
{
    ops_of(x)->unref(x);
}

bool exchange_is_open(const struct exchange *x)
{
    return ops_of(x)->is_open(x);
}

void exchange_on_gone(struct exchange *x, void (*fn)(void *arg), void *arg)
{
    ops_of(x)->on_gone(x, fn, arg);
}

void exchange_reply(struct exchange *x, int status, const char *content_type, const void *body,
                    size_t len, const struct exchange_header *headers, size_t n_headers)
{
    ops_of(x)->reply(x, status, content_type, body, len, headers, n_headers);
}

bool exchange_stream_begin(struct exchange *x, int status, const char *content_type,
                           const struct exchange_header *headers, size_t n_headers)
{
    return ops_of(x)->stream_begin(x, status, content_type, headers, n_headers);
}

void exchange_stream_write(struct exchange *x, const void *data, size_t len)
{
    ops_of(x)->stream_write(x, data, len);
}

void exchange_stream_end(struct exchange *x)
{
    ops_of(x)->stream_end(x);
}

size_t exchange_stream_queued(const struct exchange *x)
{
    return ops_of(x)->stream_queued(x);
}
