#pragma once
/*
 * A call: what crosses from the thread of a client's request to the reactor and back. One owner at
 * any time: the requester makes it, reactor_submit() gives it away, home->post() brings it back,
 * always exactly once. A parked call (one that waits) is answered on its event, at its deadline, or
 * after reactor_cancel_call().
 */
#include <stdbool.h>

#include "state/base/list.h"
#include "state/execution.h"
#include "state/record.h"
#include "state/session.h"
#include "state/spec.h"

struct call;

/* Brings a call back to the thread it came from. Called on the reactor thread,
 * or on that which submitted it; must not block. */
struct call_home {
    void (*post)(struct call_home *home, struct call *c);
};

enum call_op {
    CALL_START = 1,
    CALL_WAIT,
    CALL_STDIN,
    CALL_CANCEL,
    CALL_LIST,
    CALL_SESSION, /* about a session and the other replicas: session_share.h */
    /* Made by reactor.c for itself, in line with the others; they are not answered. */
    CALL_ORDER_GIVE_UP,
    CALL_ORDER_WATCH,
    CALL_ORDER_UNWATCH,
    CALL_ORDER_NOTE, /* id, input.data: what the network proxy refused */
    CALL_ORDER_DRAIN,
    CALL_ORDER_STOP
};

enum call_outcome {
    CALL_OK = 0,
    CALL_E_NOT_FOUND, /* unknown, expired, or another principal's: the same answer */
    CALL_E_NOT_INTERACTIVE,
    CALL_E_COMPLETED,     /* it has ended (stdin, signal) */
    CALL_E_SESSION_LIMIT, /* limits.max_per_session */
    CALL_E_PENDING_FULL,  /* limits.max_pending */
    CALL_E_WAITERS_FULL,  /* limits.max_waiters */
    CALL_E_LOW_DISK,      /* retention.min_free or max_disk */
    CALL_E_DRAINING,
    CALL_E_KEEPER_AWAY, /* no keeper at the moment: try again */
    CALL_E_KEY_REUSED,  /* the idempotency key was used with another request */
    CALL_E_KEY_BUSY,    /* another start with it has neither begun nor failed yet: try again */
    CALL_E_STDIN_FULL,
    CALL_E_STDIN_CLOSED,
    CALL_E_TOO_BIG,      /* arguments and environment exceed what one start can carry */
    CALL_E_REDIS_AWAY,   /* it may be another replica's, and Redis can't be asked: try again */
    CALL_E_OWNER_AWAY,   /* the replica that runs it shows no life: nothing was done */
    CALL_E_OWNER_SILENT, /* it did not take the command in time: nothing was done, or will be */
    CALL_E_OWNER_UNSURE, /* it took it, and no answer came: done or not, nobody here knows */
    CALL_E_CANCELLED,    /* the wait was given up by reactor_cancel_call() */
    CALL_E_INTERNAL      /* error: -errno in call.error */
};

enum call_until {
    CALL_UNTIL_NOTHING = 0, /* answer at once */
    CALL_UNTIL_GREW,        /* more than after_events events, ended, or waits for input */
    CALL_UNTIL_ENDED,       /* ended, or waits for input */
    CALL_UNTIL_OVER         /* ended */
};

/* What the reactor knows of an execution; details are in its journal. */
struct execution_view {
    char id[EXECUTION_ID_MAX + 1];
    enum execution_status status;
    bool interactive;
    unsigned queue_position; /* pending: 1 is next; 0: another replica knows */
    uint64_t created_us, started_us, last_output_us; /* CLOCK_REALTIME; 0: not yet */
    uint64_t changed_us; /* CLOCK_REALTIME: when status last changed, as far as is known */
    uint64_t events, output_bytes;  /* as of now while it runs */
    enum execution_waiting waiting; /* for input; running only */
    uint64_t inputs;                /* how often something was written to its stdin */
};

enum call_session {
    CALL_SESSION_FIND = 1, /* is `id` another replica's? CALL_OK: it is in the table now */
    CALL_SESSION_MADE,     /* the others are to know it */
    CALL_SESSION_LEVEL,    /* it has another log level */
    CALL_SESSION_ENDED
};

struct call {
    struct list link; /* inbox or home's queue */
    uint64_t serial;  /* set by reactor_submit(); names the call for reactor_cancel_call() */
    enum call_op op;
    struct call_home *home;          /* borrowed, outlives the call */
    void (*on_done)(struct call *c); /* run by home on its thread; owns c */
    void *arg;

    /* who asks: all operations */
    char *principal;  /* owned */
    char *session_id; /* owned or NULL */

    /* which: WAIT, STDIN, CANCEL, orders to watch; START gets it filled in */
    char id[EXECUTION_ID_MAX + 1];

    struct exec_spec *spec; /* START: owned; taken by the reactor */

    /* START, WAIT: how long to wait for what. deadline_ms: CLOCK_MONOTONIC */
    enum call_until until;
    uint64_t after_events;
    uint64_t deadline_ms;
    bool reads_output; /* WAIT: what comes after after_events is read next (a shadow fetches it) */
    bool is_of_peer;   /* another replica asks: only our own executions count */

    struct {
        uint64_t serial; /* GIVE_UP: of the call */
        bool kill;
        int drain; /* enum reactor_drain */
    } order;

    struct {
        char *data; /* owned */
        size_t len;
        bool eof;
        char *input_id; /* owned or NULL */
    } input;            /* STDIN */

    struct {
        enum call_session what;
        struct session *session; /* a reference; NULL: FIND */
    } session;                   /* SESSION */

    struct {
        bool force;
        int signo; /* 0: end it; else only send this signal */
    } cancel;

    struct {
        enum execution_status status; /* 0: any */
        bool session_only;
        unsigned limit;
        uint64_t before_us; /* cursor: created before this … */
        char before_id[EXECUTION_ID_MAX +
                       1]; /* … or at it with a smaller id; "" = from the newest */
    } list;

    /* the answer */
    enum call_outcome outcome;
    int error;
    bool repeated;    /* START: an earlier start with this idempotency key; STDIN: input_id */
    bool was_running; /* CANCEL */
    struct execution_view view;   /* START, WAIT, CANCEL */
    struct execution_view *views; /* LIST: owned */
    struct record *records; /* LIST: owned, one for each view; without an id: its journal is here */
    bool is_partial;        /* LIST: only our own: Redis could not be asked for the others */
    size_t n_views;
    bool has_more;
};

struct call *call_new(enum call_op op, struct call_home *home, void (*on_done)(struct call *),
                      void *arg);
struct call *call_free(struct call *c);
const char *call_outcome_name(enum call_outcome o); /* for logs */
