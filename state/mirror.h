#pragma once
/*
 * The mirror: one more reader of the journals, with a cursor each, that puts into Redis what is new
 * (record.h says how). Reactor thread only.
 *
 *   exec: "it changed" ──► dirty list ──► (redis.batch, or at once) ──► a slice of the journal ──►
 *   one script call for each execution ──► acknowledged: the cursor moves
 *
 * Redis away: cursors stand still and nothing queues. Redis back: each execution is compared (one
 * small question) and goes on where it stood; what is missing is written again from its begin.
 *
 * Fence: in Redis, a final status never changes. An owner that was declared lost while it was away
 * is told so (on_fenced); from then on it may add output, but only with the status that is there.
 * Whoever declares an execution lost sets the status with a script that looks at the same place
 * (RECORD_HEAD_MAX) and only replaces "pending" and "running".
 */
#include "config/config.h"
#include "state/record.h"
#include "state/redis.h"
#include "state/spec.h"

struct mirror;

/* What only the reactor knows of an execution; the rest stands in its journal. */
struct mirror_facts {
    enum execution_status status;        /* final: its file exit is there */
    uint64_t started_us, last_output_us; /* CLOCK_REALTIME; 0: not yet */
    uint64_t changed_us;                 /* the same */
    enum execution_waiting waiting;      /* for input */
    uint64_t inputs;                     /* written to its stdin so far */
    uint64_t events;                     /* as far as is known, for the lag */
};

struct mirror_events {
    /* False: it is not there any more. */
    bool (*describe)(void *arg, const char *id, struct mirror_facts *ret);
    /* Its first record is in Redis (is_written), or will not be for now: a start may be answered.
     * Once, when mirror_add() said true. */
    void (*on_announced)(void *arg, const char *id, bool is_written);
    /* Redis says that it has ended so, and we say otherwise: another replica declared it lost. */
    void (*on_fenced)(void *arg, const char *id, enum execution_status status);
};

struct mirror_options { /* all is borrowed */
    struct event_base *base;
    struct redis *redis;
    const struct config *config;
    const struct mirror_events *events;
    void *arg; /* of the events */
};

/* 0 or -errno. redis_free() comes before mirror_free(), since it calls back. */
MUST_USE int mirror_new(const struct mirror_options *o, struct mirror **ret);
struct mirror *mirror_free(struct mirror *m);

/* A new execution, or one that an earlier server left (spec NULL: it is read when it is needed).
 * The spec is borrowed for the call. */
bool mirror_add(struct mirror *m, const char *id, const struct exec_spec *spec);
/* There is more output (is_urgent false: with the next batch), or another status (true). */
void mirror_changed(struct mirror *m, const char *id, bool is_urgent);
/* This replica gave no sign of life for a while: what has not ended may have been declared lost,
 * and is compared. */
void mirror_check(struct mirror *m);
/* Somebody read it here: its keys live on. Cheap: at most one command in an eighth of the TTL. */
void mirror_touched(struct mirror *m, const char *id);
/* Retention took it: nothing more is written. Its keys leave with their TTL. */
void mirror_forget(struct mirror *m, const char *id);
/* Has every event up to now been acknowledged, or does Redis refuse them? For a drain. */
bool mirror_is_idle(const struct mirror *m);
/* Once a second: TTLs of what runs, metrics. */
void mirror_tick(struct mirror *m);
