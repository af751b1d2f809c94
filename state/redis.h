#pragma once
/*
 * Redis, as the reactor uses it, on its libevent loop: one connection for commands (pipelined, in
 * order), one for SUBSCRIBE, one for reads that block (XREAD). Each is made, kept and made again by
 * itself; which of them is up is told, never waited for.
 *
 * Reactor thread only. Nothing here blocks: names are resolved on a short-lived thread, and every
 * step has a deadline.
 *
 * Callbacks come from the loop, never from inside the function that was called. A callback may call
 * everything here but redis_free().
 *
 * What can go wrong with a command, and what it means:
 *
 *   refused (REDIS_E_DOWN, REDIS_E_FULL)  returned by redis_command(): it was not taken and there
 *                                         is no callback. Nothing is queued while Redis is away.
 *   REDIS_E_LOST, REDIS_E_TIMEOUT         told by the callback: it may have been carried out or
 * not. REDIS_E_REPLY                         Redis refused it: reply->str says why ("OOM …").
 *
 * A command that is not answered within redis.timeout ends the connection, since all behind it wait
 * as well; a command's own, shorter deadline only answers that command.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/base/macro.h"

struct config;
struct event_base;
struct redis;
struct redisReply; /* <hiredis/hiredis.h> */

enum redis_outcome {
    REDIS_E_NONE = 0,
    REDIS_E_REPLY,   /* an error of Redis */
    REDIS_E_DOWN,    /* not connected */
    REDIS_E_FULL,    /* redis.max_queue bytes are on their way already */
    REDIS_E_LOST,    /* the connection went before the answer came */
    REDIS_E_TIMEOUT, /* no answer in time */
    REDIS_E_ENDED    /* redis_free() */
};
const char *redis_outcome_name(enum redis_outcome o); /* for logs */

/* The configuration (redis.*) is borrowed and outlives it; c->redis_url is not NULL. Connects in
 * the background. `name` is what CLIENT LIST shows. 0 or -errno (TLS files that can't be read). */
MUST_USE int redis_new(struct event_base *base, const struct config *c, const char *name,
                       struct redis **ret);
/* Calls every outstanding callback with REDIS_E_ENDED first. NULL is legal. */
struct redis *redis_free(struct redis *r);

bool redis_is_up(const struct redis *r);
/* CLOCK_MONOTONIC since when it is up, or away; 0: it never was up. */
uint64_t redis_since_ms(const struct redis *r);

/* ---- commands ---- */

/* reply is borrowed and NULL but for REDIS_E_NONE and REDIS_E_REPLY. */
typedef void redis_reply_fn(void *arg, enum redis_outcome o, const struct redisReply *reply);

struct redis_call {
    redis_reply_fn *on_reply; /* NULL: nobody wants to know */
    void *arg;
    uint64_t timeout_ms; /* 0, or longer than redis.timeout: redis.timeout */
};

/* A command under construction: byte strings, borrowed until redis_command() has returned. Zeroed
 * is empty. */
struct redis_args {
    const char **v; /* owned array of borrowed strings */
    size_t *len;    /* owned */
    size_t n, cap;
    char numbers[16][24]; /* what redis_args_u64() wrote */
    size_t n_numbers;
};
void redis_args_deinit(struct redis_args *a);
void redis_args_bytes(struct redis_args *a, const void *data, size_t len);
void redis_args_str(struct redis_args *a, const char *s);
void redis_args_u64(struct redis_args *a, uint64_t v); /* at most 16 in one command */

/* REDIS_E_NONE: taken, and on_reply comes exactly once. Else: refused. */
MUST_USE enum redis_outcome redis_command(struct redis *r, const struct redis_call *call,
                                          const struct redis_args *args);
/* MULTI, the commands, EXEC: nobody comes in between. The answer is an array with one for each
 * command, of which some may be errors, or an error: then none was carried out. */
#define REDIS_TRANSACTION_MAX 4u
MUST_USE enum redis_outcome redis_transaction(struct redis *r, const struct redis_call *call,
                                              const struct redis_args *commands, size_t n);
/* redis_command() with NUL-terminated strings: redis_ask(r, &call, "GET", key). */
#define redis_ask(r, call, ...) \
    redis_command_strv((r), (call), (const char *const[]){__VA_ARGS__, NULL})
MUST_USE enum redis_outcome redis_command_strv(struct redis *r, const struct redis_call *call,
                                               const char *const *argv);

/* A Lua script, loaded at each connect and run by EVALSHA. Static storage. */
struct redis_script {
    const char *name; /* for logs */
    const char *text;
    char sha[41]; /* set by redis_add_script() */
    bool is_added;
};
/* Once for each, before the loop runs. At most 16. */
void redis_add_script(struct redis *r, struct redis_script *s);
/* Begins args with EVALSHA <sha> <n_keys>; keys and arguments follow. */
void redis_args_script(struct redis_args *a, const struct redis_script *s, size_t n_keys);

/* ---- up and down ---- */

struct redis_watcher {
    /* It can be used (again). is_other: not the server that answered last (restarted, failed over,
     * first time): keys may be missing. */
    void (*on_up)(void *arg, bool is_other);
    void (*on_down)(void *arg); /* each outstanding command has been called back before */
    void *arg;
};
/* Why it is away, for people; "": it is not, or nothing has been heard yet. */
const char *redis_why(const struct redis *r);
/* w is borrowed and outlives r. At most 8. */
void redis_watch(struct redis *r, const struct redis_watcher *w);

/* ---- channels ---- */

struct redis_subscription;
struct redis_listener {
    void (*on_message)(void *arg, const char *data, size_t len);
    /* In force, for the first time or again: look once, since messages before it were missed. */
    void (*on_ready)(void *arg); /* NULL: does not matter */
};
/* At most redis.max_channels; NULL beyond. l is borrowed, outlives the subscription. Several
 * subscriptions may name one channel. */
struct redis_subscription *redis_subscribe(struct redis *r, const char *channel,
                                           const struct redis_listener *l, void *arg);
/* No callback comes for it afterwards. NULL is legal. Legal from its own callbacks. */
struct redis_subscription *redis_unsubscribe(struct redis_subscription *s);

/* ---- a stream, followed ---- */

struct redis_follower {
    /* One entry of the stream: an array of name, value, name, value … */
    void (*on_entry)(void *arg, const char *entry_id, const struct redisReply *fields);
    void *arg;
};
/* Reads the stream's entries as they come (XREAD BLOCK), beginning behind entry `after` ("0": all,
 * "$": what comes from now on), over reconnections without gaps or repeats as long as the stream is
 * there. One for each redis; f is borrowed and outlives r. */
void redis_follow(struct redis *r, const char *stream, const char *after,
                  const struct redis_follower *f);
void redis_unfollow(struct redis *r);
