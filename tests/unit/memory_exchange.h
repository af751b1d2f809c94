#pragma once
/*
 * Exchanges without sockets: server/exchange.h in memory, with homes that run when a test says so,
 * or each in a thread of its own. What a handler replied can be read at any time from the home
 * thread, or after it was joined.
 */
#include "server/exchange.h"
#include "state/base/buf.h"

/* ---- homes ---- */

/* Runs on the thread that calls memory_home_run() and memory_serve(). */
struct home *memory_home_new(void);
/* Runs what is left first. */
struct home *memory_home_free(struct home *h);
/* Runs what was posted, tells watchers of clients that went, and runs the timers that are due by
 * clock_mono_ms(), until there is nothing more to do. */
void memory_home_run(struct home *h);
/* A thread runs it from now on, in place of the caller. */
void memory_home_start(struct home *h);
void memory_home_stop(struct home *h); /* joins it */
/* How many streams may be open at once; 1000 when it is not said. */
void memory_home_limit_streams(struct home *h, unsigned max);

/* ---- exchanges ---- */

struct memory_request {
    const char *method;                    /* NULL: POST */
    const char *path;                      /* NULL: /mcp */
    const char *query;                     /* NULL: none */
    const char *body;                      /* NULL: empty */
    size_t body_len;                       /* 0: as long as the string */
    const char *principal;                 /* NULL: alice */
    const struct exchange_header *headers; /* lower case; ended by a NULL name; NULL: none */
};

enum memory_phase { MEMORY_WAITING, MEMORY_REPLIED, MEMORY_STREAMING, MEMORY_ENDED };

/* With a reference for the caller, who drops it on the home's thread. */
struct exchange *memory_exchange_new(struct home *h, const struct memory_request *r);
/* Calls a handler as http/ does. */
void memory_serve(struct exchange *x, void (*handle)(struct exchange *x, void *arg), void *arg);
/* The client closes the connection. */
void memory_client_goes(struct exchange *x);

enum memory_phase memory_phase(const struct exchange *x);
int memory_status(const struct exchange *x);
const char *memory_content_type(const struct exchange *x);                   /* NULL: none */
const char *memory_reply_header(const struct exchange *x, const char *name); /* NULL: absent */
/* Everything the client got so far; "" when nothing. */
const char *memory_body(const struct exchange *x);
/* Forgets it, so that what comes next stands alone. */
void memory_clear_body(struct exchange *x);
/* How many exchanges of this home are not freed. */
unsigned memory_home_exchanges(const struct home *h);
