#pragma once
/*
 * A shadow: the copy of another replica's execution that calls here are answered from, and its
 * entry in the registry, which counts in no limit and is in no line and no list.
 *
 *   call ──► fresh? ── yes ──► answered, or parked
 *              └────── no ───► in `next` ──► fetch ──► (record, events) ──► file ──► answered …
 *                                              ▲
 *   channel: "there is more" ── if somebody waits ┘        a slow clock asks as well (lost
 * messages)
 *
 * Fresh means: subscribed, nothing was announced since the last fetch was sent, and that is not
 * older than SHADOW_FRESH_MS. So a poll sees what the owner had published before it, but for the
 * way of a message, and, should messages be lost, what is older than that. The end is final, but
 * for `lost`: from then on Redis is not asked.
 */
#include "exec/call.h"
#include "exec/registry.h"
#include "state/record.h"
#include "state/redis.h"
#include "state/shadow_file.h"

#define SHADOW_FRESH_MS 1000u

struct peers;

struct shadow {
    struct peers *peers;      /* borrowed */
    struct entry *entry;      /* owned by way of the registry; NULL: forgotten, a reply is due */
    struct shadow_file *file; /* owned */
    char replica[RECORD_REPLICA_MAX + 1];    /* its owner */
    struct redis_subscription *subscription; /* owned; NULL: none (yet, any more) */
    bool is_subscribed;                      /* it is in force */
    bool is_dirty;                           /* there may be more than the last fetch saw */
    bool is_fetching, is_refilling;
    bool is_final; /* it has ended, and not by being declared lost: nothing more comes */
    uint64_t sent_ms, fetched_ms; /* CLOCK_MONOTONIC: when the (last whole) fetch was sent */
    unsigned batch, asked;        /* events to be asked for at a time; that were, this time */
    unsigned stumbles;            /* fetches in a row that did not fit together */
    uint64_t failed_ms;           /* CLOCK_MONOTONIC: the last one that came to nothing */
    uint64_t missing_ms;          /* since when its record is missing; 0: it is there */
    struct list now, next;        /* calls that this fetch, or the one after it, answers */
    uint64_t owner_first;         /* the owner, too, has nothing before this event */
    struct list behind;           /* calls that want what was before file->first_event */
    uint64_t used_ms, touched_ms;
    uint64_t size; /* of file, as counted */
    struct list in_line;
};

/* The one of this record, made if need be. NULL: there is no room (*ret_outcome says which). */
struct shadow *shadow_get(struct peers *p, const struct record *r, enum call_outcome *ret_outcome);
/* Takes a call of its principal's that waits for this execution, or only looks. */
void shadow_serve(struct shadow *sh, struct call *c);
/* Somebody waits for it or watches it. */
bool shadow_is_wanted(const struct shadow *sh);
/* Looks for more, now or after the fetch that is under way. */
void shadow_refresh(struct shadow *sh);
enum call_outcome shadow_outcome(const struct shadow *sh);
void shadow_release(struct shadow *sh, enum call_outcome o);  /* answers its calls with o */
void shadow_unserved(struct shadow *sh, enum call_outcome o); /* or parks them: o is for now */
struct call *shadow_take_call(struct shadow *sh, uint64_t serial);
void shadow_tick(struct shadow *sh); /* it may be gone afterwards */
/* Everybody is answered; files and entry go. */
void shadow_forget(struct shadow *sh);
void shadow_drop_all(struct peers *p);
/* Room for `bytes` more? Forgets others for it. */
bool shadow_make_room(struct peers *p, const struct shadow *sh, uint64_t bytes);

/* ---- between its files ---- */

/* Record, output, and the sets of ids that lead to it: they live as long. The caller frees each. */
#define SHADOW_KEYS_MAX 4
size_t shadow_keys(const struct shadow *sh, char *ret[SHADOW_KEYS_MAX]);
/* shadow_fetch.c: sends one if none is under way. */
void shadow_fetch(struct shadow *sh);
/* shadow_refill.c */
bool shadow_is_behind(const struct shadow *sh, const struct call *c);
void shadow_refill(struct shadow *sh);
/* Answers or parks a call: what is here is as fresh as it gets. */
void shadow_settle(struct shadow *sh, struct call *c);
void shadow_settle_all(struct shadow *sh, struct list *calls);
void shadow_count_size(struct shadow *sh);
/* The last reply came for one that was forgotten. */
void shadow_free_forgotten(struct shadow *sh);
