#pragma once
/*
 * An exchange: one request and its reply, whatever carries it. http/ makes them from sockets, a
 * stdio transport from pipes, tests from memory; mcp/, health and the like serve them and know
 * nothing of h2o.
 *
 * Threads: an exchange lives on one thread, its home, and all functions here are called there; only
 * exchange_home() may be posted to from others. Lifetime: reference counted on the home
 * thread. When the client goes, the exchange stays valid for who holds a reference: writing does
 * nothing, exchange_is_open() is false, and on_gone was called once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/base/macro.h"

struct exchange;

/* A thread that runs exchanges. */
struct home;
/* Runs fn(arg) on that thread, soon. Any thread; never blocks. */
void home_post(struct home *h, void (*fn)(void *arg), void *arg);
/* Runs fn(arg) on that thread after at least `ms` (granularity 10 ms). On the home thread only.
 * Not cancellable: hold a reference in arg and check. When the home stops, what waits runs at once.
 */
void home_after(struct home *h, uint64_t ms, void (*fn)(void *arg), void *arg);

struct exchange_header {
    const char *name; /* lower case in requests */
    const char *value;
};

/* The request. Borrowed, valid as long as a reference is held. */
const char *exchange_method(const struct exchange *x); /* "POST"; see exchange_route for HEAD */
const char *exchange_path(const struct exchange *x);   /* normalised, without the query */
const char *exchange_query(const struct exchange *x);  /* after '?', raw; "" when none */
const char *exchange_body(const struct exchange *x, size_t *ret_len); /* NUL after len */
/* Value of a header, OWS trimmed, by lower-case name; NULL when absent. *ret_count (may be NULL):
 * how many there are. Every value has no NUL, CR or LF. */
const char *exchange_header(const struct exchange *x, const char *name, size_t *ret_count);
/* Each header whose name begins with prefix, for Mcp-Param-*. */
void exchange_each_header(const struct exchange *x, const char *prefix,
                          void (*fn)(void *arg, const char *name, const char *value), void *arg);
/* Who asks: set by authentication before a handler runs; never NULL. */
const char *exchange_principal(const struct exchange *x);
struct home *exchange_home(const struct exchange *x);
bool exchange_is_authenticated(
    const struct exchange *x); /* false: no authentication is configured */

/* False: what carries it has none, as a pipe. exchange_header() then knows only what the transport
 * itself says, and what HTTP repeats of a message in headers stands in the message alone. */
bool exchange_has_headers(const struct exchange *x);
/* Sent by a load balancer that asks another replica when it is answered with 503: nginx/. */
#define BALANCER_HEADER "x-execd-elsewhere"

struct exchange *exchange_ref(struct exchange *x);
void exchange_unref(struct exchange *x);
bool exchange_is_open(
    const struct exchange *x); /* the client is there and the reply not finished */
/* Called once when the client goes before the reply is finished, or soon when it has gone already;
 * never from inside a function of this header. One watcher; NULL takes it off; so does the end of
 * the reply. */
void exchange_on_gone(struct exchange *x, void (*fn)(void *arg), void *arg);

/* A whole reply. Headers are copied; body is copied. Once, and nothing after it. content_type NULL:
 * none. */
void exchange_reply(struct exchange *x, int status, const char *content_type, const void *body,
                    size_t len, const struct exchange_header *headers, size_t n_headers);

/* A streamed reply: status and headers go out at once (with the first write when content_type is
 * another than text/event-stream); then writes; then end. Streams count against server.max_streams:
 * false when there are too many (then reply 503 instead). Idle streams get a comment line every
 * server.heartbeat when content_type is text/event-stream. */
MUST_USE bool exchange_stream_begin(struct exchange *x, int status, const char *content_type,
                                    const struct exchange_header *headers, size_t n_headers);
/* Copies and queues. A client that does not read is cut off when more than server.max_stream_buffer
 * waits before a write, or at server.write_timeout: on_gone is called and later writes do nothing.
 */
void exchange_stream_write(struct exchange *x, const void *data, size_t len);
void exchange_stream_end(struct exchange *x);
/* Bytes queued and not yet taken by the kernel: a producer that can wait, waits above a mark. */
size_t exchange_stream_queued(const struct exchange *x);

/* Who serves which path. Exact match of the normalised path; `methods` as for Allow: "POST, GET".
 * HEAD is GET without the body, and exchange_method() says GET. Unknown path: 404; known path,
 * other method: 405 with Allow (unless methods is NULL: the handler sees every method, HEAD as
 * well). */
struct exchange_route {
    const char *path;
    const char *methods;
    bool is_public; /* no token needed (health) */
    void (*handle)(struct exchange *x, void *arg);
    void *arg;
};
