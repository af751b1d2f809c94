#pragma once
/*
 * A long-lived event stream: the GET stream of a session, an HTTP+SSE connection (a "channel"), or
 * a subscriptions/listen. It belongs to the home thread of its exchange; others send it texts and
 * orders, which arrive in the order of their sending. Reference counted, any thread; the stream
 * keeps one for itself until it is closed at home.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "server/exchange.h"
#include "server/mcp/core.h"
#include "state/base/buf.h"
#include "state/base/list.h"

/* Requests under way on one channel: their POSTs are answered at once, so connections do not bound
 * them. */
#define STREAM_UNDER_WAY_MAX 128

enum stream_kind { STREAM_SESSION, STREAM_CHANNEL, STREAM_LISTEN };

struct peer; /* hub.c: a session with its streams */

struct stream {
    _Atomic unsigned refs;
    enum stream_kind kind;          /* constant, as are core, home, principal, id, wants, has_… */
    struct mcp *core;               /* borrowed */
    struct home *home;              /* borrowed */
    char *principal;                /* owned */
    char *id;                       /* owned. CHANNEL: what POSTs name. LISTEN: raw JSON-RPC id */
    bool wants[3];                  /* LISTEN: by enum mcp_list */
    bool has_elicitation;           /* LISTEN: the client can be asked */
    struct exchange *x;             /* home: reference; NULL when closed */
    bool is_ending;                 /* home: to be closed when nothing is under way */
    _Atomic unsigned under_way;     /* CHANNEL: requests */
    struct list hub_link;           /* hub's lock: all streams */
    struct list peer_link;          /* hub's lock: the streams of one session */
    struct peer *peer;              /* hub's lock: borrowed; NULL: none */
    struct list follows;            /* home: struct follow.link */
    struct list subscriptions;      /* hub's lock: LISTEN: struct subscription.owner_link */
    struct list task_subscriptions; /* hub's lock: of those it follows */
};

/* One event of a stream, appended. data has no line break. */
void sse_append(struct buf *b, const char *event, const char *data);
/* Headers of every event stream, for exchange_stream_begin(). */
extern const struct exchange_header sse_headers[];
extern const size_t sse_n_headers;

/* Begins the reply of x with the first event. The stream holds a reference to itself until it is
 * closed, and it is not known to the hub yet. NULL: no more streams, or the client went; the
 * caller replies. id: taken, may be NULL. */
struct stream *stream_open(struct mcp *m, struct exchange *x, enum stream_kind kind, char *id);
struct stream *stream_ref(struct stream *s);
void stream_unref(struct stream *s);
/* Home thread: an event with this text. */
void stream_write(struct stream *s, const char *event, const char *text);
/* Any thread: the same, later. text taken. */
void stream_post(struct stream *s, char *text);
/* Any thread: the stream is to follow this task to its end. */
void stream_post_follow(struct stream *s, const char *id);
/* Any thread: this task, which the stream follows, changed. */
void stream_post_task(struct stream *s, const char *id);
/* Any thread: the stream comes to its end: a listen gets its result, a channel waits for what is
 * under way. */
void stream_post_end(struct stream *s);
/* Any thread: one request on the channel begins (false: too many) or was answered. */
bool stream_begin_request(struct stream *s);
void stream_post_request_done(struct stream *s);
