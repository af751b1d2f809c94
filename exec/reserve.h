#pragma once
/*
 * Idempotency keys over replicas. Before the spec of a keyed start is written, its key is reserved
 * in Redis together with the record of the execution (pending), in one script:
 *
 *   reserved by us      ─► the start goes on, under the id that is reserved
 *   by an earlier start ─► the answer is about that execution, wherever it runs; while it is not
 *                          accepted yet (record.reserved) that is waited for
 *   not known           ─► nothing is started here; what may be reserved is given back
 *
 * So a key starts at most one command, on whatever replicas it is used at the same time. Without
 * Redis a keyed start is refused: another replica may have started it. An owner that dies between
 * reservation and start withdraws it when it comes back, since it never began; if it stays away the
 * record is declared lost as all that it ran, and the key answers with that. Reactor thread only.
 */
#include "exec/peers_impl.h"

void reserve_deinit(struct peers *p);
void reserve_up(struct peers *p); /* Redis can be asked again: gives back what is left */
/* Our keys stand in Redis as long as what they stand for is here. */
void reserve_tick(struct peers *p);
/* A record of ours that only keeps a key, and is not here: it was never accepted, so nothing was
 * started, and the key may be used again. False: not sent. */
bool reserve_withdraw(struct peers *p, const struct record *r);
void reserve_release_all(struct peers *p);
struct call *reserve_take_call(struct peers *p, uint64_t serial);
