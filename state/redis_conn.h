#pragma once
/*
 * A link that is kept: finds the server (sentinels), dials, greets (AUTH, SELECT, who it is), and
 * after whatever ends it begins anew, later and later up to some seconds, each time a little at
 * random so that replicas do not come in step. Reactor thread only.
 *
 *   seeking ──► dialing ──► greeting ──► up
 *      ▲            │           │         │
 *      └── resting ◄┴───────────┴─────────┘
 */
#include "config/config.h"
#include "config/redis_url.h"
#include "state/redis.h"
#include "state/redis_link.h"

#define REDIS_SCRIPTS_MAX 16

/* What the server says of itself; "" or 0 where it may not be asked. */
struct redis_hello {
    char run_id[64];
    char version[32];
    char policy[32]; /* maxmemory-policy */
    uint64_t maxmemory;
    bool is_replica;
};

struct redis_conn_events {
    void (*on_up)(void *arg, const struct redis_hello *hello);
    /* It was up and is not; or an attempt failed. what was sent has been called back. */
    void (*on_down)(void *arg, const char *why, bool was_up);
    void (*on_push)(void *arg, const struct redisReply *reply); /* or NULL */
};

struct redis_conn_options {
    struct event_base *base;     /* borrowed, as all here */
    const struct config *config; /* redis.timeout, redis.max_queue */
    const struct redis_url *url;
    SSL_CTX *tls;                        /* NULL: plain */
    const char *name;                    /* for CLIENT LIST */
    struct redis_script *const *scripts; /* REDIS_SCRIPTS_MAX, NULL behind the last; NULL: none */
    const struct redis_conn_events *events;
    void *arg;
};

struct redis_conn;
/* Connects from the loop. */
struct redis_conn *redis_conn_new(const struct redis_conn_options *o);
struct redis_conn *redis_conn_free(struct redis_conn *c);
bool redis_conn_is_up(const struct redis_conn *c);
/* To send by, while it is up. */
struct redis_link *redis_conn_link(struct redis_conn *c);
