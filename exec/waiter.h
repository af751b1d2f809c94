#pragma once
/*
 * Parked calls: each waits on one execution for more output, for its end, or until its deadline,
 * and is answered exactly once. Reactor thread only.
 */
#include <event2/event.h>

#include "exec/call.h"
#include "exec/registry.h"

struct waiters;

/* Fills the call's answer from the entry and sends it home. Called for every parked call that is
 * due. */
typedef void waiter_answer_fn(void *arg, struct call *c, struct entry *e);

struct waiters *waiters_new(struct event_base *base, unsigned max, waiter_answer_fn *answer,
                            void *arg);
/* Nothing may be parked any more. */
struct waiters *waiters_free(struct waiters *w);

/* Takes the call and parks it on the entry until c->until or c->deadline_ms. False, and the call
 * stays the caller's, when limits.max_waiters are parked. */
MUST_USE bool waiters_park(struct waiters *w, struct call *c, struct entry *e);
/* Is what the call waits for already so? */
bool waiters_is_due(const struct call *c, const struct entry *e);
/* Answers those parked on e that are due (all, with everybody). */
void waiters_wake(struct waiters *w, struct entry *e, bool everybody);
/* Takes a parked call out by its serial, unanswered; NULL: not parked (any more). *ret_entry: where
 * it was. */
struct call *waiters_take(struct waiters *w, uint64_t serial, struct entry **ret_entry);
unsigned waiters_count(const struct waiters *w);
