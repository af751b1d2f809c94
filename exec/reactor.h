#pragma once
/*
 * The reactor: one thread, one libevent loop, the only one that touches an execution. Others send
 * it calls (any thread) and read a few flags.
 */
#include "config/config.h"
#include "exec/call.h"
#include "exec/news.h"
#include "state/session.h"

struct reactor;

/* config and sessions are borrowed and outlive the reactor. Sweeps the state directory; 0 or
 * -errno. */
MUST_USE int reactor_new(const struct config *c, struct sessions *sessions, struct reactor **ret);
MUST_USE int reactor_start(struct reactor *r);
/* Ends the thread; parked calls are answered with how things stand first. Calls that come later are
 * answered CALL_E_DRAINING. */
void reactor_stop(struct reactor *r);
struct reactor *reactor_free(struct reactor *r);

/* Gives the call away and returns its serial; 0: the reactor has ended, and the answer is on its
 * way. Any thread. */
uint64_t reactor_submit(struct reactor *r, struct call *c);
/* The wait is no longer wanted: it comes back CALL_E_CANCELLED if it is still parked. With `kill`,
 * an execution that the call started (CALL_START, spec.sync) is cancelled too. Any thread. */
void reactor_cancel_call(struct reactor *r, uint64_t serial, bool kill);

enum reactor_drain {
    REACTOR_DRAIN_WAIT,    /* take no new work; what runs may end */
    REACTOR_DRAIN_CANCEL,  /* and cancel what runs (reason shutdown) */
    REACTOR_DRAIN_HANDOVER /* and leave what runs with the keeper for the next server */
};
void reactor_drain(struct reactor *r, enum reactor_drain mode);

/* A watched execution changed; what: of enum news_what, v: as it is now. Whose it is says
 * principal. On the reactor's thread: cheap, not blocking. */
typedef void reactor_news_fn(void *arg, const char *principal, const struct execution_view *v,
                             unsigned what);
/* Before reactor_start(). */
void reactor_on_news(struct reactor *r, reactor_news_fn *fn, void *arg);
/* Somebody's list of executions changed; principal NULL: everybody's. As above. */
void reactor_on_list_news(struct reactor *r, void (*fn)(void *arg, const char *principal),
                          void *arg);
/* Counted; in line with calls, so that one submitted later says how things stood when news began to
 * come. The id need not exist, and may be anybody's. Any thread. */
void reactor_watch(struct reactor *r, const char *id);
void reactor_unwatch(struct reactor *r, const char *id);

/* Another replica ended this session. On the reactor thread. */
typedef void reactor_session_fn(void *arg, const char *session_id);
void reactor_on_session_end(struct reactor *r, reactor_session_fn *fn, void *arg);

/* How the state that replicas share is. */
enum reactor_redis {
    REACTOR_REDIS_NONE, /* this server is alone: redis.url is not set */
    REACTOR_REDIS_OK,
    REACTOR_REDIS_AWAY,    /* executions go on; other replicas learn of them later */
    REACTOR_REDIS_ID_TAKEN /* another process lives under our replica id */
};

/* Where clients and balancers reach this server, for the other replicas. Before reactor_start(). */
void reactor_set_address(struct reactor *r, const char *address);

/* What commands are isolated with; NULL: nothing. Any thread, constant. */
struct isolation;
struct isolation *reactor_isolation(const struct reactor *r);

/* Any thread. */
struct reactor_health {
    bool is_keeper_ready;
    bool is_draining;
    bool is_disk_low;
    enum reactor_redis redis;
    bool is_mirroring;    /* Redis is up and does not have everything yet */
    unsigned tree_limits; /* enum tree_limit: what the keeper can hold for a whole tree */
    unsigned weak_limits; /* those of the configuration that it can't */
    unsigned running, pending;
    uint64_t journal_bytes;
};
void reactor_get_health(const struct reactor *r, struct reactor_health *ret);
