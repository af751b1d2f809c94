#pragma once
/*
 * What other replicas run, asked for here. Each answer is as if the execution were our own:
 *
 *   reads      a shadow (shadow.h): a copy of its journal, kept up to date from Redis
 *   stdin, signals, cancel    a command on the owner's stream (peer_command.h), which answers
 *   lists      the principal's index in Redis, merged with our own
 *
 * Owned by the service; reactor thread only.
 */
#include "exec/call.h"
#include "exec/registry.h"
#include "state/redis.h"

struct service;
struct peers;

/* redis is borrowed and outlives it. */
struct peers *peers_new(struct service *s, struct redis *redis);
struct peers *peers_free(struct peers *p);

/* Takes a call whose id nobody of the principal's has here: asks Redis for it. */
void peers_call(struct peers *p, struct call *c);
/* Takes a call of its principal's about a shadow. */
void peers_serve(struct peers *p, struct call *c, struct entry *e);
/* Takes a CALL_LIST whose views are our own (at most limit + 1 of them, has_more as if alone). */
void peers_list(struct peers *p, struct call *c);
/* Takes a CALL_START with an idempotency key that is not known here, and comes back to
 * service_start_reserved(), or answers it with what another replica did under this key. */
void peers_reserve(struct peers *p, struct call *c);
/* It was refused after all: the key may be used again. */
void peers_unreserve(struct peers *p, const struct exec_spec *spec);
/* What a parked call on a shadow is answered when its time is over: can the shadow be trusted? */
enum call_outcome peers_outcome(const struct entry *e);
/* The call is given up: answered CALL_E_CANCELLED if one of ours holds it. */
bool peers_give_up(struct peers *p, uint64_t serial);
/* Somebody began or ceased to watch this id. */
void peers_watch(struct peers *p, const char *id);
/* Answers what is under way: the server ends. */
void peers_release_all(struct peers *p);
void peers_tick(struct peers *p); /* once a second */
