/*
 * While the channel's news come, the table of sessions is trusted; the moment they may have been
 * missed, each session is asked for again before it is served (session_shared.h). Redis away:
 * those in the table are served as they are, others can't be.
 *
 * Our own sessions are written again when Redis is another than before. A note that one has ended
 * is never written over: then it is dropped here.
 */
#include "exec/session_share.h"

#include <stdatomic.h>
#include <stdio.h>

#include "exec/service.h"
#include "exec/session_round.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/redis_reply.h"
#include "state/session_record.h"

#define CHANNEL   "sessions"
#define ENDED_MAX 64u

struct session_share {
    const struct config *config; /* borrowed */
    struct redis *redis;         /* borrowed */
    struct sessions *sessions;   /* borrowed */
    struct redis_script put;
    struct redis_watcher watcher;
    struct list asking; /* owned */
    reactor_session_fn *on_end;
    void *on_end_arg;
    struct session_round renewal, touch;
    size_t renewing;                   /* answers that are due to the page of renewal */
    bool has_failed;                   /* one of them was none: the page is for another time */
    uint64_t touched_ms;               /* CLOCK_MONOTONIC */
    char ended[ENDED_MAX][ID_MAX + 1]; /* the last ones: an older answer may still be on its way */
    size_t next_ended;
};

/* KEYS session; ARGV text, TTL in ms, what a note begins with. 0: it has ended. */
static const char put_script[] = "local is = redis.call('GETRANGE', KEYS[1], 0, #ARGV[3] - 1)\n"
                                 "if is == ARGV[3] then return 0 end\n"
                                 "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
                                 "return 1\n";

/* ---- news ---- */

static void drop(struct session_share *s, const char *id)
{
    if (!sessions_drop(s->sessions, id))
        return;
    LOG_INFO("session_ended_elsewhere", LOG_STR("session", id));
    if (s->on_end)
        s->on_end(s->on_end_arg, id);
}

static bool was_ended(const struct session_share *s, const char *id)
{
    for (size_t i = 0; i < ENDED_MAX; i++)
        if (strcmp(s->ended[i], id) == 0)
            return true;
    return false;
}

static void note_ended(struct session_share *s, const char *id)
{
    if (was_ended(s, id))
        return;
    memcpy(s->ended[s->next_ended], id, strlen(id) + 1);
    s->next_ended = (s->next_ended + 1) % ENDED_MAX;
}

/* "end <id>", "level <id> <number>". */
static void on_message(void *arg, const char *data, size_t len)
{
    struct session_share *s = arg;
    char text[ID_MAX + 16], verb[8] = "", id[ID_MAX + 1] = "";
    int level = -1;
    static_assert(ID_MAX == 64, "as the format below says");
    if (len >= sizeof(text))
        return;
    memcpy(text, data, len);
    text[len] = '\0';
    int n = sscanf(text, "%7s %64s %d", verb, id, &level);
    if (n < 2 || !id_is_valid(id))
        return;
    if (n == 2 && strcmp(verb, "end") == 0) {
        note_ended(s, id);
        drop(s, id);
    }
    if (n == 3 && strcmp(verb, "level") == 0 && level >= 0 && level <= SESSION_LEVEL_UNSET)
        sessions_set_level(s->sessions, id, level);
}

static void on_ready(void *arg)
{
    sessions_trust(((struct session_share *)arg)->sessions, true);
}

PRINTF_LIKE(2, 3)
static void publish(struct session_share *s, const char *fmt, ...)
{
    char text[ID_MAX + 16];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    DISREGARD(redis_ask(s->redis, NULL, "PUBLISH", CHANNEL, text)); /* away: asked again anyway */
}

/* ---- writing ---- */

/* A question or a write under way: for a call, or for nobody. */
struct asking {
    struct session_share *share; /* borrowed */
    struct list link;            /* session_share.asking */
    struct call *call;           /* owned or NULL */
    bool is_renewal;
    char id[ID_MAX + 1];
};

static struct asking *asking_new(struct session_share *s, const char *id, struct call *c)
{
    struct asking *a = xcalloc(1, sizeof(*a));
    a->share = s;
    a->call = c;
    memcpy(a->id, id, strlen(id) + 1);
    list_append(&s->asking, &a->link);
    return a;
}

/* Its call, if it is still wanted. */
static struct call *asking_free(struct asking *a)
{
    struct call *c = a->call;
    list_remove(&a->link);
    free(a);
    return c;
}

static void answer(struct call *c, enum call_outcome o)
{
    if (c)
        service_answer(c, o, NULL);
}

static void renewed(struct session_share *s, enum redis_outcome o);

static void on_put(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct asking *a = arg;
    bool has_ended = o == REDIS_E_NONE && redis_reply_number(reply) == 0;
    if (has_ended)
        drop(a->share, a->id);
    if (a->is_renewal)
        renewed(a->share, o);
    /* Not written: it is served here, and written when Redis is back. */
    answer(asking_free(a), has_ended ? CALL_E_NOT_FOUND : CALL_OK);
}

static enum redis_outcome send_put(struct session_share *s, const struct session *session,
                                   struct asking *a)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(free_p) char *key = session_record_key(session->id);
    session_record_write(session, &text);
    redis_args_script(&args, &s->put, 1);
    redis_args_str(&args, key);
    redis_args_bytes(&args, text.data, text.len);
    redis_args_u64(&args, s->config->session_ttl_ms);
    redis_args_str(&args, SESSION_ENDED_HEAD);
    const struct redis_call call = {.on_reply = on_put, .arg = a};
    return redis_command(s->redis, &call, &args);
}

/* Takes the call (NULL: nobody asks). */
static void put(struct session_share *s, const struct session *session, struct call *c)
{
    struct asking *a = asking_new(s, session->id, c);
    if (send_put(s, session, a) != REDIS_E_NONE)
        answer(asking_free(a), CALL_OK);
}

static void on_ended(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    answer(asking_free(arg), CALL_OK);
}

/* call: NULL: nobody waits. */
static enum redis_outcome write_end(struct session_share *s, const char *id,
                                    const struct redis_call *call)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(free_p) char *key = session_record_key(id);
    char ttl[24];
    session_record_write_ended(id, &text);
    (void)snprintf(ttl, sizeof(ttl), "%llu", (unsigned long long)s->config->session_ttl_ms);
    /* The note first: who hears of the end and asks finds it. */
    enum redis_outcome o = redis_ask(s->redis, call, "SET", key, text.data, "PX", ttl);
    publish(s, "end %s", id);
    return o;
}

static void end(struct session_share *s, struct call *c)
{
    struct asking *a = asking_new(s, c->session.session->id, c);
    const struct redis_call call = {.on_reply = on_ended, .arg = a};
    note_ended(s, a->id); /* also if Redis can't be told before it is back */
    if (write_end(s, a->id, &call) != REDIS_E_NONE)
        answer(asking_free(a), CALL_OK);
}

static void set_level(struct session_share *s, struct call *c)
{
    char id[ID_MAX + 1];
    int level = atomic_load(&c->session.session->log_level);
    memcpy(id, c->session.session->id, sizeof(id)); /* the call takes the session along */
    put(s, c->session.session, c);
    publish(s, "level %s %d", id, level);
}

/* ---- asking ---- */

/* Redis does not have it: it lost ours, or it is nobody's. */
static bool keep_own(struct session_share *s, const char *id)
{
    CLEANUP(session_unrefp) struct session *own = sessions_keep_own(s->sessions, id);
    if (own)
        put(s, own, NULL);
    return own;
}

static enum call_outcome take_record(struct session_share *s, const char *id, const char *text,
                                     size_t len)
{
    struct session_record r;
    if (was_ended(s, id))
        return CALL_E_NOT_FOUND;
    if (!text)
        return keep_own(s, id) ? CALL_OK : CALL_E_NOT_FOUND;
    if (!session_record_read(text, len, id, &r)) {
        LOG_WARN("session_record_refused", LOG_STR("session", id));
        return CALL_E_NOT_FOUND;
    }
    enum call_outcome o = CALL_OK;
    if (r.has_ended)
        o = CALL_E_NOT_FOUND;
    else if (session_import(s->sessions, &r.facts) != SESSION_OK)
        o = CALL_E_PENDING_FULL;
    session_record_deinit(&r);
    return o;
}

static void on_found(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct asking *a = arg;
    struct session_share *s = a->share;
    enum call_outcome outcome = CALL_E_REDIS_AWAY;
    if (o == REDIS_E_NONE) {
        size_t len = 0;
        const char *text = redis_reply_text(reply, &len);
        outcome = take_record(s, a->id, text, len);
    }
    if (outcome == CALL_E_NOT_FOUND)
        drop(s, a->id);
    answer(asking_free(a), outcome);
}

static void find(struct session_share *s, struct call *c)
{
    CLEANUP(free_p) char *key = session_record_key(c->id);
    struct asking *a = asking_new(s, c->id, c);
    const struct redis_call call = {.on_reply = on_found, .arg = a};
    if (redis_ask(s->redis, &call, "GET", key) != REDIS_E_NONE)
        answer(asking_free(a), CALL_E_REDIS_AWAY);
}

void session_share_release_all(struct session_share *s)
{
    list_for_each (l, &s->asking) {
        struct asking *a = CONTAINER_OF(l, struct asking, link);
        answer(TAKE_PTR(a->call), CALL_E_DRAINING);
    }
}

void session_share_call(struct session_share *s, struct call *c)
{
    switch (c->session.what) {
    case CALL_SESSION_FIND:
        return find(s, c);
    case CALL_SESSION_MADE:
        return put(s, c->session.session, c);
    case CALL_SESSION_LEVEL:
        return set_level(s, c);
    case CALL_SESSION_ENDED:
        return end(s, c);
    }
    abort();
}

/* ---- all that are ours ---- */

/* A page, once the one before it is there. */
static void renew(struct session_share *s)
{
    struct session **v = s->renewal.v + s->renewal.at;
    size_t page = s->renewing == 0 ? session_round_page(&s->renewal) : 0;
    s->has_failed = s->has_failed && page == 0;
    for (size_t i = 0; i < page && !s->has_failed; i++) {
        struct asking *a = asking_new(s, v[i]->id, NULL);
        a->is_renewal = true;
        s->has_failed = send_put(s, v[i], a) != REDIS_E_NONE;
        if (s->has_failed)
            (void)asking_free(a);
        else
            s->renewing++;
    }
}

/* After a failure a tick tries again, or whoever is there when Redis is back. */
static void renewed(struct session_share *s, enum redis_outcome o)
{
    s->has_failed |= o != REDIS_E_NONE;
    if (--s->renewing > 0 || s->has_failed)
        return;
    session_round_skip(&s->renewal, session_round_page(&s->renewal));
    renew(s);
}

/* ---- up, down, once a second ---- */

static void on_up(void *arg, bool is_other)
{
    struct session_share *s = arg;
    if (is_other)
        session_round_own(&s->renewal, s->sessions);
    renew(s);
    for (size_t i = 0; i < ENDED_MAX; i++) /* some of them ended while Redis was away */
        if (s->ended[i][0])
            DISREGARD(write_end(s, s->ended[i], NULL));
}

static void on_down(void *arg)
{
    sessions_trust(((struct session_share *)arg)->sessions, false);
}

void session_share_tick(struct session_share *s)
{
    uint64_t ttl_ms = s->config->session_ttl_ms, now = clock_mono_ms();
    uint64_t each = ttl_ms / 16 < 60000 ? ttl_ms / 16 : 60000;
    if (!redis_is_up(s->redis))
        return;
    renew(s);
    session_round_touch(&s->touch, s->redis, ttl_ms);
    if (now - s->touched_ms < each || session_round_page(&s->touch) > 0)
        return;
    /* Those that were used live on, here and in Redis. */
    session_round_seen(&s->touch, s->sessions, s->touched_ms);
    s->touched_ms = now;
}

struct session_share *session_share_new(const struct config *c, struct redis *redis,
                                        struct sessions *sessions)
{
    static const struct redis_listener listener = {.on_message = on_message, .on_ready = on_ready};
    struct session_share *s = xcalloc(1, sizeof(*s));
    s->config = c;
    s->redis = redis;
    s->sessions = sessions;
    s->touched_ms = clock_mono_ms();
    s->put = (struct redis_script){.name = "session_put", .text = put_script};
    redis_add_script(redis, &s->put);
    s->watcher = (struct redis_watcher){.on_up = on_up, .on_down = on_down, .arg = s};
    redis_watch(redis, &s->watcher);
    list_init(&s->asking);
    if (!redis_subscribe(redis, CHANNEL, &listener, s))
        abort(); /* it is the first of redis.max_channels */
    sessions_share(sessions);
    return s;
}

struct session_share *session_share_free(struct session_share *s)
{
    if (!s)
        return NULL;
    session_round_deinit(&s->renewal);
    session_round_deinit(&s->touch);
    free(s);
    return NULL;
}

void session_share_on_end(struct session_share *s, reactor_session_fn *fn, void *arg)
{
    s->on_end = fn;
    s->on_end_arg = arg;
}
