#pragma once
/*
 * The exchange from the inside: what h2o's request and our handlers share. It is its own memory;
 * h2o holds one reference by way of the request's pool, whose end is the only sign that always
 * comes (after a last h2o_send() nothing else does).
 *
 *            reply                       on_over
 *   WAITING ────────► DONE               req == NULL: h2o is through with it, for
 *      │ stream_begin  ▲                 whatever reason. If that comes before DONE,
 *      └──► STREAMING ─┘ stream_end      the client is gone.
 */
#include "server/exchange_ops.h"
#include "server/http/home.h"
#include "state/base/buf.h"

enum exchange_phase { EXCHANGE_WAITING, EXCHANGE_STREAMING, EXCHANGE_DONE };

struct exchange {
    struct exchange_head head; /* first */
    h2o_generator_t generator; /* h2o hands it back */
    struct home *home;         /* borrowed, outlives */
    h2o_req_t *req;            /* borrowed from h2o until it is through */
    unsigned refs;
    enum exchange_phase phase;
    bool is_cut;            /* the socket is shut; nothing more is sent */
    bool is_head;           /* the reply has no body */
    bool is_writing;        /* h2o has `sending`; proceed or on_over follow */
    bool is_watched;        /* in the epoll set of hangup.c */
    bool is_event_stream;   /* heartbeats */
    bool is_counted_stream; /* holds a place of server.max_streams */
    bool is_gone_due;       /* the client went, on_gone not told yet */
    bool is_authenticated;

    const char *method, *path, *query, *body; /* in data */
    size_t body_len, n_headers;
    struct exchange_header *headers; /* in data */
    const char *origin; /* an allowed Origin, which gets CORS headers; in data or NULL */
    char *principal;    /* owned */
    uint64_t begun_us;

    void (*on_gone)(void *arg);
    void *on_gone_arg;

    struct buf queue, sending; /* queue: not yet given to h2o */
    size_t sent;               /* of sending, by h2o_send() */
    uint64_t progress_ms;      /* of the last bytes that went, for idle and writing */

    struct list all_link, gone_link;
    struct list activity_link; /* in home->idle or home->writing or nowhere */
    _Alignas(struct exchange_header) char data[];
};

/* Makes the exchange of a request that is complete; h2o's reference is the first one. */
struct exchange *exchange_new(struct home *h, h2o_req_t *req);
/* The descriptor of its connection; only while req is there. */
int exchange_fd(const struct exchange *x);
/* Nothing more goes out and the connection ends; on_gone follows if the reply is not done. */
void exchange_cut(struct exchange *x, const char *why);
/* The handler is done with it: who has answered is not told any more that the client went. */
void exchange_finish(struct exchange *x);
/* Calls on_gone if it is due. */
void exchange_run_gone(struct exchange *x);
/* Status line and headers, without those of the length. */
void exchange_put_head(struct exchange *x, int status, const char *content_type,
                       const struct exchange_header *headers, size_t n_headers);
/* A refusal of our own: {"error": text}. text needs no escaping. */
void exchange_refuse(struct exchange *x, int status, const char *text,
                     const struct exchange_header *header);

/* stream.c: gives h2o what is next, if it has nothing. The caller holds a reference. */
void stream_pump(struct exchange *x);
void stream_on_proceed(h2o_generator_t *g, h2o_req_t *req);
/* Of struct exchange_ops. */
bool http_stream_begin(struct exchange *x, int status, const char *content_type,
                       const struct exchange_header *headers, size_t n_headers);
void http_stream_write(struct exchange *x, const void *data, size_t len);
void http_stream_end(struct exchange *x);
size_t http_stream_queued(const struct exchange *x);
/* h2o is through: gives back what the stream held. */
void stream_release(struct exchange *x);
