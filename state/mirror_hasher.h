#pragma once
/*
 * A thread that hashes the output of executions that have ended, for the mirror: what is long would
 * hold up the reactor. In the order of asking; the answer comes from the loop. Reactor thread only.
 */
#include "state/journal.h"

struct event_base;
struct mirror_hasher;

/* NULL: they can't be known (retention took bytes, or the journal is not readable). */
typedef void mirror_hashed_fn(void *arg, const char *id, const struct journal_sums *sums);

struct mirror_hasher_options {
    struct event_base *base; /* borrowed */
    const char *state_dir;   /* borrowed */
    mirror_hashed_fn *done;
    void *arg;
};

/* 0 or -errno. */
MUST_USE int mirror_hasher_new(const struct mirror_hasher_options *o, struct mirror_hasher **ret);
/* Waits for one step of the thread at most; what is not answered will not be. */
struct mirror_hasher *mirror_hasher_free(struct mirror_hasher *h);
/* Each id once until it is answered: so many as there are executions are the most. */
void mirror_hasher_ask(struct mirror_hasher *h, const char *id);
