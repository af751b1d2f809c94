#pragma once
/* Between the files of peers.h. */
#include "exec/peers.h"
#include "exec/service.h"
#include "exec/shadow.h"
#include "state/base/list.h"
#include "state/peer_message.h"
#include "state/record.h"

/* Each server has its own copies: they are loaded into its Redis. */
enum peer_script {
    PEER_SCRIPT_FETCH,
    PEER_SCRIPT_SEND,
    PEER_SCRIPT_CLAIM,
    PEER_SCRIPT_BEAT,
    PEER_SCRIPT_MARK,
    PEER_SCRIPT_BURY,
    PEER_SCRIPT_RESERVE,
    PEER_SCRIPT_UNRESERVE,
    PEER_SCRIPT_KEEP,
    PEER_SCRIPT_LIST,
    PEER_SCRIPTS
};
extern const char shadow_fetch_script[], peer_send_script[], peer_claim_script[],
    lost_beat_script[], lost_mark_script[], lost_bury_script[], reserve_script[],
    unreserve_script[], keep_script[], list_records_script[];

struct peers {
    struct service *service;     /* borrowed: the owner */
    struct redis *redis;         /* borrowed */
    const struct config *config; /* borrowed */
    struct redis_script scripts[PEER_SCRIPTS];
    struct redis_watcher watcher;
    struct redis_follower follower;
    struct list shadows; /* shadow.in_line: the one not used for longest first */
    unsigned n_shadows;
    uint64_t shadow_bytes;
    struct list looks;
    unsigned n_calls;     /* that wait for Redis, here and on shadows: at most limits.max_waiters */
    struct list commands; /* sent and not answered, at most redis.max_commands */
    unsigned n_commands;
    uint64_t nonce, command_serial; /* make a command's id */
    struct call_home home;          /* of calls that peers sent */
    uint64_t job_serial;
    unsigned n_jobs;       /* taken from our stream and not begun */
    struct lost *lost;     /* owned */
    struct list listings;  /* lists that are being put together */
    struct list reserves;  /* starts whose key is being reserved */
    struct list leftovers; /* keys that may be reserved for nothing: to be given back */
    unsigned n_leftovers;
    uint64_t kept_ms; /* CLOCK_MONOTONIC: when the TTLs of our keys were refreshed; 0: never */
    bool was_up, is_released;
    uint64_t renewed_ms; /* CLOCK_MONOTONIC: Redis came back as another, or empty; 0: it did not */
};

/* Another living process has our id: what is in its name is its own. */
bool peers_is_id_taken(const struct peers *p);

/* Puts a message into a replica's stream; the reply is nil when that replica has no heartbeat. */
MUST_USE enum redis_outcome peer_send(struct peers *p, const char *replica,
                                      const struct peer_message *m, const struct redis_call *call);

/* peer_list.c */
struct call *peer_list_take_call(struct peers *p, uint64_t serial);
void peer_list_release_all(struct peers *p);

/* What a call that Redis did not serve is answered. */
static inline enum call_outcome peers_outcome_of(enum redis_outcome o)
{
    return o == REDIS_E_FULL ? CALL_E_WAITERS_FULL : CALL_E_REDIS_AWAY;
}
