#pragma once
/*
 * A request on its way through the reactor: sends calls, gets them back on the request's thread,
 * hands a cancellation on, and reports progress while it waits. Tools and resources embed it as
 * their first member. Lives on the home thread of its request.
 *
 *   handler ─► exec_request_send() ─► reactor ─► post ─► home thread: on_answer(er, call)
 *                     ▲                                        │ more to wait for, to read …
 *                     └────────────────────────────────────────┘ at last mcp_reply_…(), then
 *                                                                exec_request_end()
 *
 * After a cancellation no on_… function of the request is called any more: it ends by itself.
 */
#include "exec/reactor.h"
#include "server/mcp/pack.h"
#include "server/mcp/runtime.h"

struct pack_exec {
    const struct config *config; /* borrowed */
    struct reactor *reactor;     /* borrowed */
    struct mcp *core;            /* borrowed; set before threads start */
    struct runtimes runtimes;
    char *instructions; /* owned */
};

struct exec_request;
typedef void exec_request_fn(struct exec_request *er);
/* c is the callee's: call_free() it. */
typedef void exec_answer_fn(struct exec_request *er, struct call *c);

struct exec_request {
    struct call_home home;        /* calls come back by it */
    struct home *thread;          /* borrowed */
    struct mcp_request *rq;       /* a reference */
    const struct pack_exec *pack; /* borrowed */
    exec_request_fn *on_free;     /* frees what embeds this; NULL: free() is enough */
    exec_answer_fn *on_answer;    /* of the call that is out */
    exec_request_fn *on_turn;     /* of exec_request_yield() */
    uint64_t serial;              /* of the call that is out; 0: none */
    uint64_t deadline_ms;         /* of the whole wait; the call's own may come before */
    uint64_t begun_ms;
    bool is_waiting;  /* the call that is out waits, if need be again */
    bool is_repeated; /* a start found that it had been made before */
    bool is_cancelled;
    bool owns_execution; /* cancelled with the request: the client waits for what it started */
    char started_id[EXECUTION_ID_MAX + 1]; /* of that, while it runs; "": none */
};

/* Takes a reference to rq and watches its cancellation. */
void exec_request_init(struct exec_request *er, struct mcp_request *rq,
                       const struct pack_exec *pack, exec_request_fn *on_free);
/* The request was answered. Frees it, by on_free. */
void exec_request_end(struct exec_request *er);

/* A call in the name of the request's principal and session. */
struct call *exec_request_call(struct exec_request *er, enum call_op op);
/* Sends it; what it waits for (until, deadline_ms) may take several calls, in which the client gets
 * notifications of progress if it wants them. */
void exec_request_send(struct exec_request *er, struct call *c, exec_answer_fn *on_answer);
/* Lets others have the thread, then goes on. */
void exec_request_yield(struct exec_request *er, exec_request_fn *on_turn);

/* Is what the call waits for so? */
bool call_is_due(const struct call *c);
/* Answers with the tool error for what is not CALL_OK. */
void exec_request_refuse(struct exec_request *er, const struct call *c);
/* The text of that; malloc'd. */
char *call_outcome_text(const struct call *c, const struct config *config);
