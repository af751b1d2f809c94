#pragma once
/*
 * Many sessions, one page after the other: neither a turn of the loop nor the queue to Redis holds
 * all of them. Reactor thread only.
 */
#include "state/redis.h"
#include "state/session.h"

struct session_round {
    struct session **v; /* owned, as references from `at` on */
    size_t n, at;
};

/* Of our own sessions, or of all that were seen since then; what was left of the round before is
 * dropped. */
void session_round_own(struct session_round *r, struct sessions *s);
void session_round_seen(struct session_round *r, struct sessions *s, uint64_t since_ms);
void session_round_deinit(struct session_round *r);
size_t session_round_page(const struct session_round *r); /* how many are next; 0: it is over */
void session_round_skip(struct session_round *r, size_t n);
/* A page of them lives on in Redis for so long; what is not sent is the next page's. */
void session_round_touch(struct session_round *r, struct redis *redis, uint64_t ttl_ms);
