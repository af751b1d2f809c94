#pragma once
/* Asks Redis once how it is, on a loop of its own: for people, not for the server. Blocks, for
 * redis.timeout or so at most. Any thread. */
#include "config/config.h"

struct redis_facts {
    bool is_reached;
    char error[192];              /* why it was not */
    char version[32], policy[32]; /* "": not said */
    bool has_time;
    int64_t skew_ms; /* of its clock, less ours */
};

/* c->redis_url is not NULL. */
void redis_probe(const struct config *c, struct redis_facts *ret);
