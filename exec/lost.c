#include "exec/lost.h"

#include <stdio.h>

#include "exec/peers_impl.h"
#include "exec/reserve.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/mirror.h"
#include "state/redis_reply.h"

#define REPLICAS_KEY "replicas"
/* Looked at so many times in the time after which a replica counts as silent. */
#define BEATS_PER_TTL 3u
/* Replicas that are dealt with at a time. */
#define BODIES_MAX 16u
/* Replicas that are silent at a time; more wait until some of them are buried. */
#define SUSPECTS_MAX 64u

struct body; /* of one dead replica */

/* A replica that does not beat. */
struct suspect {
    char replica[RECORD_REPLICA_MAX + 1];
    uint64_t since_ms; /* CLOCK_MONOTONIC: we have seen that */
    bool is_silent;    /* this time */
};

struct lost {
    struct peers *peers; /* borrowed */
    uint64_t next_ms;    /* CLOCK_MONOTONIC: the next beat */
    bool is_beating;     /* a reply is due */
    unsigned n_bodies;
    bool is_own_searched; /* what is in our name and not here */
    struct suspect suspects[SUSPECTS_MAX];
    size_t n_suspects;
};

struct body {
    struct lost *lost; /* borrowed */
    char replica[RECORD_REPLICA_MAX + 1];
    bool is_own;
    unsigned refs; /* replies that are due */
    unsigned left; /* executions that could not be declared lost, this time */
};

/* KEYS replicas; ARGV our id, silent after (ms), TTL. "1" if we were silent ourselves, else "0";
 * then the ids of those who are. */
const char lost_beat_script[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "local last = redis.call('ZSCORE', KEYS[1], ARGV[1])\n"
    "redis.call('ZADD', KEYS[1], now, ARGV[1])\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[3])\n"
    "local v = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])\n"
    "local silent = not last or now - last > tonumber(ARGV[2])\n"
    "table.insert(v, 1, silent and '1' or '0')\n"
    "return v\n";

/* KEYS record, heartbeat, running set; ARGV text as read, lost text, id, "1": don't look at the
 * heartbeat. 1: done. */
const char lost_mark_script[] =
    "if ARGV[4] ~= '1' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end\n"
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
    "redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')\n"
    "redis.call('SREM', KEYS[3], ARGV[3])\n"
    "redis.call('PUBLISH', KEYS[1], 'lost')\n"
    "return 1\n";

/* KEYS replicas, heartbeat, running set; ARGV id. Forgets a replica that left nothing behind. */
const char lost_bury_script[] = "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end\n"
                                "if redis.call('SCARD', KEYS[3]) > 0 then return 0 end\n"
                                "return redis.call('ZREM', KEYS[1], ARGV[1])\n";

static char *heartbeat_key(const char *replica)
{
    char *key = NULL;
    if (asprintf(&key, "replica:%s", replica) < 0)
        abort();
    return key;
}

/* ---- one dead replica ---- */

static void bury(struct body *b)
{
    struct peers *p = b->lost->peers;
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(free_p) char *heartbeat = heartbeat_key(b->replica);
    CLEANUP(free_p) char *running = record_running_key(b->replica);
    redis_args_script(&args, &p->scripts[PEER_SCRIPT_BURY], 3);
    redis_args_str(&args, REPLICAS_KEY);
    redis_args_str(&args, heartbeat);
    redis_args_str(&args, running);
    redis_args_str(&args, b->replica);

    DISREGARD(redis_command(p->redis, NULL, &args)); /* the next beat finds it again */
}

static void unref(struct body *b)
{
    if (--b->refs > 0)
        return;
    if (!b->is_own && b->left == 0)
        bury(b);
    b->lost->n_bodies--;
    free(b);
}

/* An execution of it. */
struct remains {
    struct body *body; /* a reference */
    char id[EXECUTION_ID_MAX + 1];
};

static void free_remains(struct remains *m)
{
    unref(m->body);
    free(m);
}

static void on_marked(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct remains *m = arg;
    struct peers *p = m->body->lost->peers;
    if (o == REDIS_E_NONE && redis_reply_number(reply) == 1) {
        metric_add(METRIC_MARKED_LOST, NULL, NULL, 1);
        LOG_WARN("execution_marked_lost", LOG_STR("exec", m->id),
                 LOG_STR("peer", m->body->replica));
        struct entry *e = registry_find(&p->service->registry, m->id);
        if (e && e->shadow && shadow_is_wanted(e->shadow))
            shadow_refresh(e->shadow);
    } else {
        m->body->left++; /* it came back, or another one was faster: the next beat looks again */
    }
    free_remains(m);
}

static void make_lost(struct record *r, const struct peers *p, bool is_own)
{
    free(r->reserved);
    r->reserved = NULL;
    r->status = EXECUTION_LOST;
    r->has_exit = true;
    r->exit = (struct execution_exit){.reason = REASON_LOST,
                                      .started_us = r->started_us,
                                      .ended_us = clock_real_us(),
                                      .events = r->events,
                                      .output_bytes = r->output_bytes};
    if (r->started_us && r->exit.ended_us > r->started_us)
        r->exit.wall_ms = (r->exit.ended_us - r->started_us) / 1000;
    if (is_own)
        (void)snprintf(r->exit.error, sizeof(r->exit.error),
                       "replica %s came back without it; the output up to then is kept",
                       r->replica);
    else
        (void)snprintf(
            r->exit.error, sizeof(r->exit.error),
            "replica %s gave no sign of life for %llu s; the output up to then is kept", r->replica,
            (unsigned long long)(p->config->redis_heartbeat_ttl_ms + p->config->redis_grace_ms) /
                1000);
}

/* False: not sent. */
static bool mark(struct remains *m, const char *text, size_t len, struct record *r)
{
    struct peers *p = m->body->lost->peers;
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(buf_deinit) struct buf lost = {0};
    CLEANUP(free_p) char *key = record_key(m->id);
    CLEANUP(free_p) char *heartbeat = heartbeat_key(m->body->replica);
    CLEANUP(free_p) char *running = record_running_key(m->body->replica);
    make_lost(r, p, m->body->is_own);
    record_write(r, &lost);
    redis_args_script(&args, &p->scripts[PEER_SCRIPT_MARK], 3);
    redis_args_str(&args, key);
    redis_args_str(&args, heartbeat);
    redis_args_str(&args, running);
    redis_args_bytes(&args, text, len);
    redis_args_bytes(&args, lost.data, lost.len);
    redis_args_str(&args, m->id);
    redis_args_str(&args, m->body->is_own ? "1" : "0");
    const struct redis_call call = {.on_reply = on_marked, .arg = m};
    return redis_command(p->redis, &call, &args) == REDIS_E_NONE;
}

/* It has ended, or expired: then it should not be in the set. */
static void strike_out(const struct remains *m)
{
    CLEANUP(free_p) char *running = record_running_key(m->body->replica);

    DISREGARD(redis_ask(m->body->lost->peers->redis, NULL, "SREM", running, m->id));
}

static void on_record(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct remains *m = arg;
    struct record r = {0};
    size_t len = 0;
    const char *text = redis_reply_text(reply, &len);
    if (o != REDIS_E_NONE) {
        m->body->left++;
        return free_remains(m);
    }
    bool is_record = text && record_read(text, len, &r);
    bool is_open = is_record && strcmp(r.id, m->id) == 0 &&
                   strcmp(r.replica, m->body->replica) == 0 && !execution_status_is_final(r.status);
    bool is_withdrawn =
        is_open && m->body->is_own && r.reserved && reserve_withdraw(m->body->lost->peers, &r);
    bool is_sent = is_open && !is_withdrawn && mark(m, text, len, &r);
    record_deinit(&r);
    if (is_sent)
        return;
    if (is_withdrawn)
        return free_remains(m);
    if (is_open)
        m->body->left++;
    else
        strike_out(m);
    free_remains(m);
}

static void look_at(struct body *b, const char *id)
{
    struct peers *p = b->lost->peers;
    const struct entry *e = registry_find(&p->service->registry, id);
    if (b->is_own && e && !e->shadow)
        return; /* it is here */
    struct remains *m = xcalloc(1, sizeof(*m));
    m->body = b;
    b->refs++;
    memcpy(m->id, id, strlen(id) + 1);
    CLEANUP(free_p) char *key = record_key(id);
    const struct redis_call call = {.on_reply = on_record, .arg = m};
    if (redis_ask(p->redis, &call, "GET", key) == REDIS_E_NONE)
        return;
    b->left++;
    free_remains(m);
}

static void on_running(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct body *b = arg;
    if (o != REDIS_E_NONE || !redis_reply_is_array(reply)) {
        b->left++;
        b->lost->is_own_searched = b->lost->is_own_searched && !b->is_own;
        return unref(b);
    }
    /* By now the answer to our own sign of life, which was sent before (service_init()), is there.
     * Once nobody else has the name, what is left in it is ours to look at. */
    bool is_others = b->is_own && peers_is_id_taken(b->lost->peers);
    if (is_others)
        b->lost->is_own_searched = false;
    for (size_t i = 0; !is_others && i < redis_reply_count(reply); i++) {
        const char *id = redis_reply_text(redis_reply_at(reply, i), NULL);
        if (id && id_is_valid(id))
            look_at(b, id);
    }
    unref(b);
}

static void examine(struct lost *l, const char *replica, bool is_own)
{
    struct body *b = xcalloc(1, sizeof(*b));
    *b = (struct body){.lost = l, .is_own = is_own, .refs = 1};
    (void)snprintf(b->replica, sizeof(b->replica), "%s", replica);
    l->n_bodies++;
    CLEANUP(free_p) char *running = record_running_key(replica);
    const struct redis_call call = {.on_reply = on_running, .arg = b};
    if (redis_ask(l->peers->redis, &call, "SMEMBERS", running) == REDIS_E_NONE)
        return;
    l->is_own_searched = l->is_own_searched && !is_own;
    b->left++;
    unref(b);
}

/* ---- the beat ---- */

/* How long it has been silent, as we have seen it ourselves: after Redis was away everybody seems
 * to have been, and needs a moment to come back. */
static uint64_t suspect(struct lost *l, const char *replica, uint64_t now)
{
    for (size_t i = 0; i < l->n_suspects; i++) {
        struct suspect *p = &l->suspects[i];
        if (strcmp(p->replica, replica) != 0)
            continue;
        p->is_silent = true;
        return now - p->since_ms;
    }
    if (l->n_suspects < SUSPECTS_MAX) {
        struct suspect *p = &l->suspects[l->n_suspects++];
        *p = (struct suspect){.since_ms = now, .is_silent = true};
        (void)snprintf(p->replica, sizeof(p->replica), "%s", replica);
    }
    return 0;
}

/* Those that were not among the silent this time live. */
static void clear_suspects(struct lost *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_suspects; i++) {
        if (!l->suspects[i].is_silent)
            continue;
        l->suspects[n] = l->suspects[i];
        l->suspects[n++].is_silent = false;
    }
    l->n_suspects = n;
}

static void on_beat(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct lost *l = arg;
    const struct config *c = l->peers->config;
    uint64_t now = clock_mono_ms();
    l->is_beating = false;
    const char *was_silent = redis_reply_text(redis_reply_at(reply, 0), NULL);
    if (o != REDIS_E_NONE || !was_silent)
        return;
    if (*was_silent == '1' && l->peers->service->mirror)
        mirror_check(l->peers->service->mirror);
    for (size_t i = 1; i < redis_reply_count(reply); i++) {
        size_t len;
        const char *id = redis_reply_text(redis_reply_at(reply, i), &len);
        if (!id || len > RECORD_REPLICA_MAX || strcmp(id, c->replica_id) == 0)
            continue;
        if (suspect(l, id, now) >= c->redis_grace_ms && l->n_bodies < BODIES_MAX)
            examine(l, id, false);
    }
    clear_suspects(l);
}

static void beat(struct lost *l)
{
    const struct config *c = l->peers->config;
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    redis_args_script(&args, &l->peers->scripts[PEER_SCRIPT_BEAT], 1);
    redis_args_str(&args, REPLICAS_KEY);
    redis_args_str(&args, c->replica_id);
    redis_args_u64(&args, c->redis_heartbeat_ttl_ms);
    redis_args_u64(&args, c->retention_ttl_ms + c->redis_heartbeat_ttl_ms + c->redis_grace_ms);
    const struct redis_call call = {.on_reply = on_beat, .arg = l};
    l->is_beating = redis_command(l->peers->redis, &call, &args) == REDIS_E_NONE;
}

static void look(struct lost *l)
{
    if (l->is_beating || l->n_bodies > 0 || l->peers->is_released || !redis_is_up(l->peers->redis))
        return;
    l->next_ms = clock_mono_ms() + l->peers->config->redis_heartbeat_ttl_ms / BEATS_PER_TTL;
    if (!l->is_own_searched) {
        l->is_own_searched = true;
        examine(l, l->peers->config->replica_id, true);
    }
    beat(l);
}

struct lost *lost_new(struct peers *p)
{
    struct lost *l = xcalloc(1, sizeof(*l));
    l->peers = p;
    return l;
}

struct lost *lost_free(struct lost *l)
{
    assert(!l || (!l->is_beating && l->n_bodies == 0));
    free(l);
    return NULL;
}

void lost_up(struct lost *l)
{
    l->n_suspects = 0;
    look(l);
}

void lost_tick(struct lost *l)
{
    if (clock_mono_ms() >= l->next_ms)
        look(l);
}
