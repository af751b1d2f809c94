#pragma once
/*
 * The sign of life of this replica, `replica:<rid>`: a JSON object with a TTL of
 * redis.heartbeat_ttl, written three times in that. Who finds there the sign of another process
 * under the same id does not write: two replicas with one id would take each other's commands.
 * What tells them apart is the state directory, of which one process at a time is the owner: a
 * process that was started again on the same one is the same replica. Reactor thread only.
 */
#include <stdbool.h>

#include "config/config.h"
#include "state/redis.h"

struct event_base;
struct replica;

struct replica_facts {
    const char *version, *address; /* borrowed */
    unsigned capacity, running, pending;
    bool is_draining;
};

typedef void replica_facts_fn(void *arg, struct replica_facts *ret);

/* All is borrowed and outlives it, but redis: redis_free() comes first. 0 or -errno of the state
 * directory. */
MUST_USE int replica_new(struct event_base *base, struct redis *redis, const struct config *c,
                         struct replica **ret);
struct replica *replica_free(struct replica *r);
/* Whom to ask for the facts, before the loop runs. */
void replica_set_facts(struct replica *r, replica_facts_fn *get, void *arg);
/* Another living process has this id. */
bool replica_is_taken(const struct replica *r);
