#include "exec/reserve.h"

#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/redis_reply.h"

/* More than can be on their way when a connection is lost. */
#define LEFTOVERS_MAX 10000u

/* Another start with the key is on its way: how often, and after how long, that is looked at. */
#define TRIES_MAX    100u
#define TRY_AFTER_US 20000
/* After Redis came back as another one, owners write their keys again as soon as they are connected
 * (redis_conn.c: within 2 s). So long a key that is not there is not taken for a new one. */
#define RENEWED_MS 2500u

struct reserve {
    struct peers *peers; /* borrowed */
    struct call *call;   /* owned; NULL: it was given up */
    char *key;           /* owned: of the reservation */
    char id[EXECUTION_ID_MAX + 1];
    unsigned tries;
    struct event *timer; /* owned; NULL: a reply is due */
    struct list link;    /* peers.reserves, or peers.leftovers */
};

/* KEYS key, record, running set; ARGV id, record's text, TTL. */
const char reserve_script[] = "local id = redis.call('GET', KEYS[1])\n"
                              "if id and id ~= ARGV[1] then\n"
                              "  return {id, redis.call('GET', 'execution:' .. id)}\n"
                              "end\n"
                              "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])\n"
                              "redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])\n"
                              "redis.call('SADD', KEYS[3], ARGV[1])\n"
                              "redis.call('PEXPIRE', KEYS[3], ARGV[3])\n"
                              "return {ARGV[1]}\n";

/* KEYS key, record, running set; ARGV id. */
const char unreserve_script[] = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
                                "redis.call('SREM', KEYS[3], ARGV[1])\n"
                                "return redis.call('DEL', KEYS[1], KEYS[2])\n";

/* KEYS key; ARGV id, TTL. */
const char keep_script[] = "local id = redis.call('GET', KEYS[1])\n"
                           "if id and id ~= ARGV[1] then return 0 end\n"
                           "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
                           "return 1\n";

static void add_keys(struct redis_args *args, const char *key, const char *record,
                     const char *running)
{
    redis_args_str(args, key);
    redis_args_str(args, record);
    redis_args_str(args, running);
}

static struct reserve *free_reserve(struct reserve *v)
{
    if (v->timer)
        event_free(v->timer);
    call_free(v->call);
    free(v->key);
    free(v);
    return NULL;
}

/* ---- giving back ---- */

static bool send_unreserve(struct peers *p, const char *key, const char *id)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(free_p) char *record = record_key(id);
    CLEANUP(free_p) char *running = record_running_key(p->config->replica_id);
    redis_args_script(&args, &p->scripts[PEER_SCRIPT_UNRESERVE], 3);
    add_keys(&args, key, record, running);
    redis_args_str(&args, id);
    return redis_command(p->redis, NULL, &args) == REDIS_E_NONE;
}

/* It may be reserved, and nobody will start it. Beyond the bound, what is in our name and not here
 * is declared lost (lost.h). */
static void leave(struct reserve *v)
{
    struct peers *p = v->peers;
    if (p->n_leftovers >= LEFTOVERS_MAX) {
        free_reserve(v);
        return;
    }
    list_append(&p->leftovers, &v->link);
    p->n_leftovers++;
}

void reserve_up(struct peers *p)
{
    list_for_each_safe (l, next, &p->leftovers) {
        struct reserve *v = CONTAINER_OF(l, struct reserve, link);
        if (!send_unreserve(p, v->key, v->id))
            return;
        list_remove(l);
        p->n_leftovers--;
        free_reserve(v);
    }
}

void peers_unreserve(struct peers *p, const struct exec_spec *spec)
{
    struct reserve *v = xcalloc(1, sizeof(*v));
    v->peers = p;
    v->key = record_idempotency_key(spec->principal, spec->idempotency_key);
    memcpy(v->id, spec->id, sizeof(v->id));
    leave(v);
    if (redis_is_up(p->redis))
        reserve_up(p);
}

/* ---- keeping ---- */

static void keep(const char *name, void *value, void *arg)
{
    struct peers *p = arg;
    const struct entry *e = value;
    const char *key = strchr(name, '\n'); /* "<principal>\n<key>" */
    if (!key || !redis_is_up(p->redis))
        return;
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(free_p) char *principal = xstrndup(name, (size_t)(key - name));
    CLEANUP(free_p) char *full = record_idempotency_key(principal, key + 1);
    redis_args_script(&args, &p->scripts[PEER_SCRIPT_KEEP], 1);
    redis_args_str(&args, full);
    redis_args_str(&args, e->id);
    redis_args_u64(&args, p->config->retention_ttl_ms);
    DISREGARD(redis_command(p->redis, NULL, &args)); /* the next time */
}

void reserve_tick(struct peers *p)
{
    uint64_t now = clock_mono_ms();
    if (redis_is_up(p->redis))
        reserve_up(p); /* what was not answered in time while the connection stayed */
    if (!redis_is_up(p->redis) || p->is_released ||
        (p->kept_ms && now - p->kept_ms < p->config->retention_ttl_ms / 8))
        return;
    p->kept_ms = now;
    map_each(p->service->registry.by_key, keep, p);
}

/* ---- what the key stands for ---- */

/* The execution of an earlier start: the answer is about that one. */
static void answer_repeat(struct peers *p, struct call *c, const struct record *r)
{
    bool is_same = r->request_hash[0] && c->spec->request_hash &&
                   strcmp(r->request_hash, c->spec->request_hash) == 0;
    memcpy(c->id, r->id, sizeof(c->id));
    if (!is_same)
        return service_answer(c, CALL_E_KEY_REUSED, NULL);
    c->repeated = true;
    service_start_repeated(p->service, c);
}

static void end(struct reserve *v)
{
    list_remove(&v->link);
    v->peers->n_calls--;
    free_reserve(v);
}

static void on_again(evutil_socket_t fd, short what, void *arg);

static void try_later(struct reserve *v)
{
    static const struct timeval pause = {.tv_usec = TRY_AFTER_US};
    v->timer = evtimer_new(v->peers->service->base, on_again, v);
    if (!v->timer)
        abort();
    evtimer_add(v->timer, &pause);
}

/* Who reserved it has not accepted it yet, and may never: nobody is told its id before that. */
static void wait_for_other(struct reserve *v)
{
    struct call *c = v->call;
    if (++v->tries < TRIES_MAX)
        return try_later(v);
    v->call = NULL;
    end(v);
    service_answer(c, CALL_E_KEY_BUSY, NULL);
}

/* The key stands for another execution: *reply is its record. */
static void take_other(struct reserve *v, const struct redisReply *reply)
{
    struct peers *p = v->peers;
    struct record r = {0};
    size_t len;
    const char *text = redis_reply_text(reply, &len);
    bool is_record = text && record_read(text, len, &r);
    if (!v->call)
        end(v);
    else if (is_record && r.reserved) {
        wait_for_other(v);
    } else {
        struct call *c = TAKE_PTR(v->call);
        end(v);
        if (is_record)
            answer_repeat(p, c, &r);
        else /* what it stands for can't be read: started again it might run twice */
            service_answer(c, CALL_E_REDIS_AWAY, NULL);
    }
    if (is_record)
        record_deinit(&r);
}

static void on_reserved(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct reserve *v = arg;
    struct peers *p = v->peers;
    const char *id = o == REDIS_E_NONE ? redis_reply_text(redis_reply_at(reply, 0), NULL) : NULL;
    bool is_ours = id && strcmp(id, v->id) == 0;
    if (id && !is_ours)
        return take_other(v, redis_reply_at(reply, 1));
    struct call *c = TAKE_PTR(v->call);
    list_remove(&v->link);
    p->n_calls--;
    if (is_ours && c && !p->is_released) {
        free_reserve(v);
        return service_start_reserved(p->service, c);
    }
    if (c)
        service_answer(c, p->is_released ? CALL_E_DRAINING : peers_outcome_of(o), NULL);
    leave(v);
    if (o == REDIS_E_NONE)
        reserve_up(p);
}

static void write_record(const struct peers *p, const struct exec_spec *spec, struct buf *to)
{
    struct record r = {.status = EXECUTION_PENDING,
                       .principal = spec->principal,
                       .session_id = spec->session_id,
                       .command = spec->command,
                       .interactive = spec->interactive,
                       .created_us = spec->created_us,
                       .reserved = spec->idempotency_key};
    memcpy(r.id, spec->id, sizeof(r.id));
    (void)snprintf(r.replica, sizeof(r.replica), "%s", p->config->replica_id);
    if (spec->request_hash)
        (void)snprintf(r.request_hash, sizeof(r.request_hash), "%s", spec->request_hash);
    record_write(&r, to);
}

static enum redis_outcome send_reserve(struct reserve *v, const struct exec_spec *spec)
{
    struct peers *p = v->peers;
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(free_p) char *record = record_key(v->id);
    CLEANUP(free_p) char *running = record_running_key(p->config->replica_id);
    write_record(p, spec, &text);
    redis_args_script(&args, &p->scripts[PEER_SCRIPT_RESERVE], 3);
    add_keys(&args, v->key, record, running);
    redis_args_str(&args, v->id);
    redis_args_bytes(&args, text.data, text.len);
    redis_args_u64(&args, p->config->retention_ttl_ms);
    const struct redis_call call = {.on_reply = on_reserved, .arg = v};
    return redis_command(p->redis, &call, &args);
}

static bool is_renewed_lately(const struct peers *p)
{
    return p->renewed_ms && clock_mono_ms() - p->renewed_ms < RENEWED_MS;
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct reserve *v = arg;
    event_free(v->timer);
    v->timer = NULL;
    if (!v->call)
        return end(v);
    if (is_renewed_lately(v->peers))
        return try_later(v);
    enum redis_outcome o = send_reserve(v, v->call->spec);
    if (o == REDIS_E_NONE)
        return;
    struct call *c = TAKE_PTR(v->call);
    end(v);
    service_answer(c, peers_outcome_of(o), NULL);
}

void peers_reserve(struct peers *p, struct call *c)
{
    const struct exec_spec *spec = c->spec;
    if (p->n_calls >= p->config->max_waiters)
        return service_answer(c, CALL_E_WAITERS_FULL, NULL);
    struct reserve *v = xcalloc(1, sizeof(*v));
    *v = (struct reserve){.peers = p,
                          .key = record_idempotency_key(c->principal, spec->idempotency_key)};
    memcpy(v->id, spec->id, sizeof(v->id));
    bool is_early = redis_is_up(p->redis) && is_renewed_lately(p);
    enum redis_outcome o = is_early ? REDIS_E_NONE : send_reserve(v, spec);
    if (o != REDIS_E_NONE) {
        free_reserve(v);
        return service_answer(c, peers_outcome_of(o), NULL);
    }
    if (is_early)
        try_later(v);
    v->call = c;
    list_append(&p->reserves, &v->link);
    p->n_calls++;
}

bool reserve_withdraw(struct peers *p, const struct record *r)
{
    CLEANUP(free_p) char *key = record_idempotency_key(r->principal, r->reserved);
    LOG_INFO("reservation_withdrawn", LOG_STR("exec", r->id));
    return send_unreserve(p, key, r->id);
}

struct call *reserve_take_call(struct peers *p, uint64_t serial)
{
    list_for_each (l, &p->reserves) {
        struct reserve *v = CONTAINER_OF(l, struct reserve, link);
        if (v->call && v->call->serial == serial)
            return TAKE_PTR(v->call);
    }
    return NULL;
}

void reserve_release_all(struct peers *p)
{
    list_for_each (l, &p->reserves) {
        struct call *c = TAKE_PTR(CONTAINER_OF(l, struct reserve, link)->call);
        if (c)
            service_answer(c, CALL_E_DRAINING, NULL);
    }
}

void reserve_deinit(struct peers *p)
{
    list_for_each_safe (l, next, &p->reserves) { /* Redis has answered all others */
        list_remove(l);
        free_reserve(CONTAINER_OF(l, struct reserve, link));
    }
    list_for_each_safe (l, next, &p->leftovers) {
        list_remove(l);
        free_reserve(CONTAINER_OF(l, struct reserve, link));
    }
}
