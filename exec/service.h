#pragma once
/*
 * The service: what a call does to executions, and what the keeper's news do to them. Owned by the
 * reactor and touched on its thread only. A call is answered by service_answer(), once, and nowhere
 * else.
 *
 *   call ──► service_call() ──► registry, queue ──► keeper ──► … on_started, on_grew, on_ended
 *                 │                                                       │
 *                 └────► waiters (parked) ◄───────────────────────────────┘ ──► service_answer()
 * ──► home
 */
#include "config/config.h"
#include "exec/call.h"
#include "exec/janitor.h"
#include "exec/keeper_client.h"
#include "exec/list_news.h"
#include "exec/news.h"
#include "exec/queue.h"
#include "exec/reactor.h"
#include "exec/registry.h"
#include "exec/waiter.h"
#include "state/redis.h"

struct egress;
struct mirror;
struct peers;
struct replica;

struct service {
    const struct config *config; /* borrowed */
    struct event_base *base;     /* borrowed */
    struct redis *redis;         /* owned; NULL: this server is alone, and so is what needs it */
    struct peers *peers;         /* owned */
    struct mirror *mirror;       /* owned */
    struct replica *replica;     /* owned */
    char *address;               /* owned: where clients and balancers reach us; NULL: not said */
    struct egress *egress;       /* borrowed from the reactor; NULL: no profile needs it */
    struct registry registry;
    struct queue queue;
    struct waiters *waiters;      /* owned */
    struct isolation *isolation;  /* owned; NULL: commands run as the keeper does */
    struct keeper_client *keeper; /* owned */
    struct janitor *janitor;      /* owned */
    struct news *news;            /* owned */
    struct list_news *list_news;  /* owned */
    reactor_news_fn *on_news;     /* told of watched executions; NULL: nobody listens */
    void *news_arg;
    struct list stdin_calls; /* calls at the keeper, answered by on_stdin */
    unsigned stdin_count;
    struct keeper_host host; /* once attached */
    bool is_attached;        /* the keeper has told what runs: starts may go out */
    uint64_t keeper_gone_ms; /* CLOCK_MONOTONIC since when it is away; 0: it is there */
    bool is_starting;        /* service_start_pending is at work */
    bool is_draining, is_cancelling, is_handing_over;
    bool is_disk_low;
};

/* Reads the state directory. 0 or -errno. */
MUST_USE int service_init(struct service *s, const struct config *c, struct event_base *base);
void service_deinit(struct service *s);

/* Takes the call. */
void service_call(struct service *s, struct call *c);
/* A call whose client has gone. */
void service_give_up(struct service *s, uint64_t serial, bool kill);
/* reactor_watch(), reactor_unwatch(). */
void service_watch(struct service *s, const char *id);
void service_unwatch(struct service *s, const char *id);
void service_drain(struct service *s, enum reactor_drain mode);
/* Answers everything that is parked with how things stand. */
void service_release_all(struct service *s);
/* Once a second: retention, disk, a keeper that stays away. */
void service_tick(struct service *s);

/* ---- between the service's own files ---- */

/* Sends it home with this outcome; e (NULL: none) fills the view. */
void service_answer(struct call *c, enum call_outcome outcome, const struct entry *e);
/* As it is now. */
void service_view(const struct entry *e, struct execution_view *v);
/* Something of it (what: of enum news_what) is no longer as it was: whoever waits for that is
 * answered, whoever watches is told. The one way in which either hears of it. */
void service_changed(struct service *s, struct entry *e, unsigned what);
/* Hands pending executions to the keeper while there is room. */
void service_start_pending(struct service *s);
/* It has ended and its file exit is there. */
void service_ended(struct service *s, struct entry *e);
/* Of one that has ended: what only its journal says (the keeper tells it of what runs). */
void service_look_back(const struct service *s, struct entry *e);
/* It ends without the keeper (never ran, or lost): writes its file exit, then as above. */
void service_end_without_keeper(struct service *s, struct entry *e, enum execution_reason reason,
                                const char *error);
/* Asks the keeper to end it, or ends it here while it is still pending. 0 or -errno of the keeper.
 */
int service_kill(struct service *s, struct entry *e, bool force, enum execution_reason reason);

/* Ends everything that has not ended: the server goes for good. */
void service_cancel_all(struct service *s);

/* service_keeper.c: what the keeper tells. */
extern const struct keeper_client_events service_keeper_events;
/* service_list.c */
void service_list(struct service *s, struct call *c);
/* service_start.c */
void service_start(struct service *s, struct call *c);
/* reserve.c: its key is its own; or stands for the execution c->id, of whatever replica. */
void service_start_reserved(struct service *s, struct call *c);
void service_start_repeated(struct service *s, struct call *c);
/* service_input.c: stdin calls at the keeper, bounded by limits.max_waiters. */
void service_stdin(struct service *s, struct call *c, struct entry *e);
/* Something was written to its stdin: it waits no longer. */
void service_note_input(struct service *s, const char *id);
void service_stdin_done(struct service *s, uint64_t token, enum keeper_stdin_result result);
void service_stdin_fail_all(struct service *s);
/* service_mirror.c: with Redis, what others see of our executions. 0 or -errno. */
MUST_USE int service_mirror_init(struct service *s);
void service_mirror_deinit(struct service *s); /* Redis has been freed before */
void service_mirror_added(struct service *s, struct entry *e);
enum reactor_redis service_redis_state(const struct service *s);
/* What Redis does not have yet is on its way there. */
bool service_is_mirroring(const struct service *s);
void service_mirror_changed(struct service *s, const struct entry *e, unsigned what);
/* service_egress.c: takes the descriptor. */
void service_egress_listener(struct service *s, const char *id, int listener_fd);
void service_egress_ended(struct service *s, struct entry *e);
void service_egress_note(struct service *s, const char *id, const char *note);
/* sweep.c: fills the registry from the state directory. 0 or -errno. */
MUST_USE int sweep_state_dir(struct service *s);
/* retention.c: removes what is over its time or over a bound. */
void retention_run(struct service *s);
/* One that has ended goes, whatever its time. */
void retention_forget(struct service *s, struct entry *e);
/* Is there room for new work? */
void retention_check_disk(struct service *s);
