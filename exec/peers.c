#include "exec/peers.h"

#include <sys/random.h>

#include "exec/lost.h"
#include "exec/peer_command.h"
#include "exec/peers_impl.h"
#include "exec/reserve.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/redis_reply.h"
#include "state/replica.h"

/* After Redis came back as another one, what it does not hold may be written again by its owner. */
#define RENEWED_PATIENCE_MS 5000u

/* A call whose id is looked for in Redis. */
struct look {
    struct peers *peers; /* borrowed */
    struct call *call;   /* owned; NULL: it was given up */
    struct list link;    /* peers.looks */
};

bool peers_is_id_taken(const struct peers *p)
{
    return p->service->replica && replica_is_taken(p->service->replica);
}

/* ---- looking for an id ---- */

static enum call_outcome missing_outcome(const struct peers *p)
{
    bool may_come = p->renewed_ms && clock_mono_ms() - p->renewed_ms < RENEWED_PATIENCE_MS;
    return may_come ? CALL_E_REDIS_AWAY : CALL_E_NOT_FOUND;
}

/* Another principal's is as good as none. */
static enum call_outcome read_look(const struct look *k, const struct redisReply *reply,
                                   struct record *ret)
{
    size_t len;
    const char *text = redis_reply_text(reply, &len);
    if (!text)
        return missing_outcome(k->peers);
    if (!record_read(text, len, ret)) {
        LOG_WARN("record_not_understood", LOG_STR("exec", k->call->id));
        return CALL_E_NOT_FOUND;
    }
    if (strcmp(ret->id, k->call->id) == 0 && strcmp(ret->principal, k->call->principal) == 0)
        return CALL_OK;
    record_deinit(ret);
    return CALL_E_NOT_FOUND;
}

static void on_looked(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct look *k = arg;
    struct peers *p = k->peers;
    struct call *c = TAKE_PTR(k->call);
    struct record r = {0};
    list_remove(&k->link);
    p->n_calls--;
    if (!c) {
        free(k);
        return;
    }
    k->call = c;
    enum call_outcome outcome = o == REDIS_E_NONE ? read_look(k, reply, &r) : peers_outcome_of(o);
    free(k);
    if (outcome != CALL_OK)
        return service_answer(c, outcome, NULL);
    struct shadow *sh = shadow_get(p, &r, &outcome);
    record_deinit(&r);
    if (!sh)
        return service_answer(c, outcome, NULL);
    peers_serve(p, c, sh->entry);
}

void peers_call(struct peers *p, struct call *c)
{
    if (p->is_released)
        return service_answer(c, CALL_E_DRAINING, NULL);
    if (p->n_calls >= p->config->max_waiters)
        return service_answer(c, CALL_E_WAITERS_FULL, NULL);
    struct look *k = xcalloc(1, sizeof(*k));
    *k = (struct look){.peers = p, .call = c};
    CLEANUP(free_p) char *key = record_key(c->id);
    const struct redis_call call = {.on_reply = on_looked, .arg = k};
    enum redis_outcome o = redis_ask(p->redis, &call, "GET", key);
    if (o != REDIS_E_NONE) {
        free(k);
        return service_answer(c, peers_outcome_of(o), NULL);
    }
    list_append(&p->looks, &k->link);
    p->n_calls++;
}

void peers_serve(struct peers *p, struct call *c, struct entry *e)
{
    if (p->is_released)
        return service_answer(c, CALL_E_DRAINING, NULL);
    if (c->op == CALL_WAIT || c->op == CALL_START)
        return shadow_serve(e->shadow, c);
    if (e->phase != ENTRY_ENDED)
        return peer_command_call(e->shadow, c);
    service_answer(c, c->op == CALL_CANCEL ? CALL_OK : CALL_E_COMPLETED, e);
}

enum call_outcome peers_outcome(const struct entry *e)
{
    return e->shadow ? shadow_outcome(e->shadow) : CALL_OK;
}

bool peers_give_up(struct peers *p, uint64_t serial)
{
    struct call *c = peer_command_take_call(p, serial);
    list_for_each (l, &p->looks) {
        struct look *k = CONTAINER_OF(l, struct look, link);
        if (!c && k->call && k->call->serial == serial)
            c = TAKE_PTR(k->call);
    }
    if (!c)
        c = reserve_take_call(p, serial);
    if (!c)
        c = peer_list_take_call(p, serial);
    for (struct list *l = p->shadows.next; !c && l != &p->shadows; l = l->next)
        c = shadow_take_call(CONTAINER_OF(l, struct shadow, in_line), serial);
    if (c)
        service_answer(c, CALL_E_CANCELLED, NULL);
    return c;
}

void peers_watch(struct peers *p, const char *id)
{
    struct entry *e = registry_find(&p->service->registry, id);
    if (e && e->shadow && shadow_is_wanted(e->shadow))
        shadow_refresh(e->shadow);
}

/* ---- Redis comes and goes ---- */

/* From the begin of our stream, each time commands can be taken (again): what was sent while we
 * were away may still be in time, what was taken is not in it any more, and another Redis has other
 * ids. */
static void follow(struct peers *p)
{
    CLEANUP(free_p) char *stream = peer_stream_key(p->config->replica_id);
    p->follower = (struct redis_follower){.on_entry = peer_serve_entry, .arg = p};
    redis_follow(p->redis, stream, "0", &p->follower);
}

static void on_up(void *arg, bool is_other)
{
    struct peers *p = arg;
    if (is_other && p->was_up)
        p->renewed_ms = clock_mono_ms();
    if (p->was_up)
        redis_unfollow(p->redis);
    follow(p);
    p->was_up = true;
    lost_up(p->lost);
    reserve_up(p);
    if (is_other)
        p->kept_ms = 0; /* it may not have our keys */
    reserve_tick(p);
    list_for_each_safe (l, next, &p->shadows) {
        struct shadow *sh = CONTAINER_OF(l, struct shadow, in_line);
        sh->is_dirty = true;
        if (shadow_is_wanted(sh))
            shadow_refresh(sh);
    }
}

static void on_down(void *arg)
{
    struct peers *p = arg;
    list_for_each (l, &p->shadows) {
        struct shadow *sh = CONTAINER_OF(l, struct shadow, in_line);
        sh->is_subscribed = false; /* until it is in force again, each look asks */
        sh->is_dirty = true;
    }
}

static void add_scripts(struct peers *p)
{
    const struct redis_script scripts[] = {
        [PEER_SCRIPT_FETCH] = {.name = "fetch", .text = shadow_fetch_script},
        [PEER_SCRIPT_SEND] = {.name = "send", .text = peer_send_script},
        [PEER_SCRIPT_CLAIM] = {.name = "claim", .text = peer_claim_script},
        [PEER_SCRIPT_BEAT] = {.name = "beat", .text = lost_beat_script},
        [PEER_SCRIPT_MARK] = {.name = "mark", .text = lost_mark_script},
        [PEER_SCRIPT_BURY] = {.name = "bury", .text = lost_bury_script},
        [PEER_SCRIPT_RESERVE] = {.name = "reserve", .text = reserve_script},
        [PEER_SCRIPT_UNRESERVE] = {.name = "unreserve", .text = unreserve_script},
        [PEER_SCRIPT_KEEP] = {.name = "keep", .text = keep_script},
        [PEER_SCRIPT_LIST] = {.name = "list_records", .text = list_records_script}};
    static_assert(ARRAY_LEN(scripts) == PEER_SCRIPTS, "each has a text");
    for (size_t i = 0; i < PEER_SCRIPTS; i++) {
        p->scripts[i] = scripts[i];
        redis_add_script(p->redis, &p->scripts[i]);
    }
}

struct peers *peers_new(struct service *s, struct redis *redis)
{
    struct peers *p = xcalloc(1, sizeof(*p));
    p->service = s;
    p->redis = redis;
    p->config = s->config;
    list_init(&p->shadows);
    list_init(&p->looks);
    list_init(&p->commands);
    list_init(&p->listings);
    list_init(&p->reserves);
    list_init(&p->leftovers);
    if (getrandom(&p->nonce, sizeof(p->nonce), 0) != sizeof(p->nonce))
        abort();
    peer_serve_init(p);
    add_scripts(p);
    p->lost = lost_new(p);
    p->watcher = (struct redis_watcher){.on_up = on_up, .on_down = on_down, .arg = p};
    redis_watch(redis, &p->watcher);
    return p;
}

void peers_release_all(struct peers *p)
{
    p->is_released = true;
    list_for_each (l, &p->looks) {
        struct look *k = CONTAINER_OF(l, struct look, link);
        struct call *c = TAKE_PTR(k->call);
        if (c)
            service_answer(c, CALL_E_DRAINING, NULL);
    }
    list_for_each_safe (l, next, &p->shadows) {
        struct shadow *sh = CONTAINER_OF(l, struct shadow, in_line);
        sh->subscription = redis_unsubscribe(sh->subscription);
        shadow_release(sh, CALL_E_DRAINING);
        waiters_wake(p->service->waiters, sh->entry, true);
    }
    reserve_release_all(p);
    peer_list_release_all(p);
    peer_command_release_all(p, CALL_E_OWNER_UNSURE);
}

struct peers *peers_free(struct peers *p)
{
    if (!p)
        return NULL;
    shadow_drop_all(p);
    reserve_deinit(p);
    lost_free(p->lost);
    assert(list_is_empty(&p->looks) && list_is_empty(&p->commands));
    free(p);
    return NULL;
}

void peers_tick(struct peers *p)
{
    list_for_each_safe (l, next, &p->shadows)
        shadow_tick(CONTAINER_OF(l, struct shadow, in_line));
    lost_tick(p->lost);
    reserve_tick(p);
    metric_set(METRIC_SHADOWS, NULL, NULL, p->n_shadows);
    metric_set(METRIC_SHADOW_BYTES, NULL, NULL, (int64_t)p->shadow_bytes);
}
