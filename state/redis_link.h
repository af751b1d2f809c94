#pragma once
/*
 * One connection to Redis: dials, writes commands in order, hands each answer to who asked. hiredis
 * 0.14 of Debian has no TLS, no timeouts and a blocking resolver in its connections, so only its
 * formatter and its reader are used, over libevent's bufferevents. Reactor thread only; callbacks
 * come from the loop.
 *
 *   closed ──open──► dialing ──► open ──► closed      on_open, on_closed; each may open again
 */
#include "state/redis.h"
#include "state/redis_dial.h"

struct redis_link;

struct redis_link_events {
    void (*on_open)(void *arg);
    /* Every command was called back before. `why` is for people. */
    void (*on_closed)(void *arg, const char *why);
    /* An answer nobody waits for: a message of a channel. NULL: that is an error. */
    void (*on_push)(void *arg, const struct redisReply *reply);
};

struct redis_link_options {
    struct event_base *base; /* borrowed */
    uint64_t timeout_ms;     /* to dial, and without any answer while one is due */
    size_t max_queue_bytes;
    const struct redis_link_events *events; /* borrowed */
    void *arg;
};

struct redis_link *redis_link_new(const struct redis_link_options *o);
/* Outstanding commands are called back REDIS_E_ENDED; on_closed is not. Not from a callback. */
struct redis_link *redis_link_free(struct redis_link *l);

/* It must be closed. */
void redis_link_open(struct redis_link *l, const struct redis_place *place);
/* Legal at any time, also from callbacks: what is outstanding is called back REDIS_E_LOST, then
 * on_closed comes, all from the loop. */
void redis_link_close(struct redis_link *l, const char *why);
bool redis_link_is_open(const struct redis_link *l);

/* REDIS_E_NONE: taken. A timeout_ms longer than the link's own (a command that blocks) puts off the
 * link's as well. */
MUST_USE enum redis_outcome redis_link_send(struct redis_link *l, const struct redis_call *call,
                                            const struct redis_args *args);
/* All of them one behind the other, or none; the call is told the answer to the last. */
MUST_USE enum redis_outcome redis_link_send_all(struct redis_link *l, const struct redis_call *call,
                                                const struct redis_args *commands, size_t n);
/* redis_link_send() for what is answered by on_push (SUBSCRIBE …). */
MUST_USE enum redis_outcome redis_link_tell(struct redis_link *l, const struct redis_args *args);
size_t redis_link_queued_bytes(const struct redis_link *l);
/* CLOCK_MONOTONIC of the last bytes that came. */
uint64_t redis_link_heard_ms(const struct redis_link *l);
