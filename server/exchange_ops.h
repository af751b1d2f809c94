#pragma once
/*
 * What a kind of exchange and of home brings to be one of server/exchange.h: each begins with its
 * head, by which the functions there find the right ones. Those of http/ and of stdio can be in one
 * program; tests that need only theirs define the functions themselves.
 */
#include "server/exchange.h"

struct exchange_ops {
    bool has_headers; /* see exchange_has_headers() */
    const char *(*method)(const struct exchange *x);
    const char *(*path)(const struct exchange *x);
    const char *(*query)(const struct exchange *x);
    const char *(*body)(const struct exchange *x, size_t *ret_len);
    const char *(*header)(const struct exchange *x, const char *name, size_t *ret_count);
    void (*each_header)(const struct exchange *x, const char *prefix,
                        void (*fn)(void *arg, const char *name, const char *value), void *arg);
    const char *(*principal)(const struct exchange *x);
    struct home *(*home)(const struct exchange *x);
    bool (*is_authenticated)(const struct exchange *x);
    struct exchange *(*ref)(struct exchange *x);
    void (*unref)(struct exchange *x);
    bool (*is_open)(const struct exchange *x);
    void (*on_gone)(struct exchange *x, void (*fn)(void *arg), void *arg);
    void (*reply)(struct exchange *x, int status, const char *content_type, const void *body,
                  size_t len, const struct exchange_header *headers, size_t n_headers);
    bool (*stream_begin)(struct exchange *x, int status, const char *content_type,
                         const struct exchange_header *headers, size_t n_headers);
    void (*stream_write)(struct exchange *x, const void *data, size_t len);
    void (*stream_end)(struct exchange *x);
    size_t (*stream_queued)(const struct exchange *x);
};
struct exchange_head {
    const struct exchange_ops *ops; /* static */
};

struct home_ops {
    void (*post)(struct home *h, void (*fn)(void *arg), void *arg);
    void (*after)(struct home *h, uint64_t ms, void (*fn)(void *arg), void *arg);
};
struct home_head {
    const struct home_ops *ops; /* static */
};
