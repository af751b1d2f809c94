#pragma once
/* /health, /health/live, /health/ready and /metrics. http/ knows no reactor: main.c says how it is.
 */
#include <stdbool.h>

#include "server/exchange.h"

struct health {
    bool is_keeper_ready; /* commands can be started */
    const char *redis;    /* constant: "ok", "away", "replica id taken"; NULL: there is none */
    bool is_id_taken;     /* another replica has our id: what is meant for us may reach that one */
    bool is_disk_low;     /* below retention.min_free: new work is refused */
    bool is_draining;
    /* Whether limits of memory, processes and CPU time hold for a whole tree of processes. */
    bool tree_memory, tree_processes, tree_cpu;
    bool is_limit_missing; /* one that must hold for the tree does not: nothing is started */
    char note[512];        /* for people; "": nothing to say */
};

struct health_source {
    void (*get)(void *arg, struct health *ret); /* any thread, never blocks */
    void *arg;
};

#define HEALTH_ROUTES 4
/* Writes its routes to `to`, which has room for max, at least HEALTH_ROUTES; how many. source is
 * borrowed and outlives the server. Health needs no token; metrics do. */
size_t health_routes(const struct health_source *source, struct exchange_route *to, size_t max);
