#pragma once
/*
 * Every execution that this replica's state directory holds: a small entry each, whether it waits,
 * runs or has ended. What an entry says of an ended execution is only what lists and checks need;
 * the rest is in the journal. Reactor thread only.
 *
 *   pending ──► starting ──► running ──► ended ──► (retention) gone
 *      └────────────────────────────────► ended      cancelled while queued, could not be started
 */
#include "state/base/list.h"
#include "state/base/map.h"
#include "state/execution.h"
#include "state/spec.h"

enum entry_phase { ENTRY_PENDING = 1, ENTRY_STARTING, ENTRY_RUNNING, ENTRY_ENDED };

struct group;
struct shadow;

struct entry {
    char id[EXECUTION_ID_MAX + 1];
    char *principal;       /* owned */
    char *session_id;      /* owned or NULL */
    char *idempotency_key; /* owned or NULL: "<principal>\n<key>", the map's key */
    char *request_hash;    /* owned or NULL */
    enum entry_phase phase;
    enum execution_status status;
    bool interactive, sync;
    uint64_t created_us, started_us, last_output_us; /* CLOCK_REALTIME */
    uint64_t changed_us; /* CLOCK_REALTIME: status or waiting for input; 0: by an earlier server */
    uint64_t accepted_mono_us; /* 0: by an earlier server */
    uint64_t events, output_bytes;
    enum execution_waiting waiting; /* for input; running only */
    uint64_t inputs;                /* how often something was written to its stdin */
    uint64_t keep_output_bytes; /* of its limits: older output is dropped; 0: all of it is kept */
    uint64_t expires_ms;        /* CLOCK_MONOTONIC; ended: when retention takes it */
    char *workspace;            /* owned or NULL: of a sandbox; the directory on the host */
    uint64_t workspace_bytes;   /* at the last look, quota.h; 0: none yet */
    struct exec_spec *spec;     /* owned; only until it was handed to the keeper */
    bool has_listener;          /* the network proxy serves it */
    unsigned weak_limits;       /* enum tree_limit: told once it runs */
    struct shadow *shadow;      /* borrowed: what makes it one of another replica's; NULL: ours */
    struct group *group;        /* borrowed from the queue; NULL: ended */
    struct list by_age;         /* registry.by_age: oldest first */
    struct list by_expiry;      /* registry.by_expiry, when ended */
    struct list queued;         /* group.pending, when pending */
    struct list waiters;        /* parked calls (struct parked.on_entry) */
    bool is_announcing; /* its first record is on its way to Redis: its start is not answered */
    bool is_confirmed;  /* the keeper said that it runs (while attaching) */
    enum execution_reason kill_reason; /* its end was asked of the keeper; 0: not */
};

struct registry {
    struct map *by_id;  /* id -> entry */
    struct map *by_key; /* "<principal>\n<key>" -> entry */
    struct list by_age;
    struct list by_expiry;
    unsigned ended;         /* entries in by_expiry */
    uint64_t journal_bytes; /* output that is kept, and index, of all entries */
};

void registry_init(struct registry *r);
void registry_deinit(struct registry *r); /* frees the entries */

/* A new entry in phase pending that takes what it needs from the spec (which stays the caller's).
 * It is put in age order. */
struct entry *registry_add(struct registry *r, const struct exec_spec *s);
/* As registry_add() for many in any order: registry_sort() must follow. */
struct entry *registry_load(struct registry *r, const struct exec_spec *s);
void registry_sort(struct registry *r);
/* One that another replica runs: found by id, and nothing else: it has no age, no expiry, no size
 * and no idempotency key here. */
struct entry *registry_add_shadow(struct registry *r, const struct exec_spec *s);
/* Forgets and frees it; it must not be in a group and have no waiters. */
void registry_remove(struct registry *r, struct entry *e);

struct entry *registry_find(const struct registry *r, const char *id);
/* NULL also for another principal's: nobody can tell the two apart. */
struct entry *registry_find_owned(const struct registry *r, const char *id, const char *principal);
struct entry *registry_find_key(const struct registry *r, const char *principal, const char *key);

/* What is on disk for it now; keeps journal_bytes right. */
void registry_set_size(struct registry *r, struct entry *e, uint64_t events, uint64_t output_bytes);
/* The entry has ended with this status; retention may take it at expires_ms. */
void registry_set_ended(struct registry *r, struct entry *e, enum execution_status status,
                        uint64_t expires_ms);
/* An ended entry was asked for: retention starts again. */
void registry_touch(struct registry *r, struct entry *e, uint64_t expires_ms);
struct entry *registry_oldest_ended(struct registry *r);
