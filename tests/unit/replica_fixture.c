#include "tests/unit/replica_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "tests/unit/fake_keeper.h"

#define EVENTS_MAX 20000u

struct replicas replicas;
static redisContext *redis; /* of the replica that is none */
static uint64_t published;  /* of the one struct mirrored that there is at a time */

static void come_back(struct call_home *home, struct call *c)
{
    struct replica *r = CONTAINER_OF(home, struct replica, home);
    list_append(&r->answered, &c->link);
}

static void init_replica(struct replica *r, const char *id)
{
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/mcp-execd-replica.XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    r->config = (struct config){.state_dir = r->dir,
                                .keeper_path = (char *)"/bin/true",
                                .replica_id = (char *)id,
                                .redis_url = replicas.url,
                                .redis_timeout_ms = 5000,
                                .redis_max_queue_bytes = 16 << 20,
                                .redis_batch_ms = 5,
                                .redis_max_output_bytes = 64 << 10,
                                .redis_max_channels = 100,
                                .redis_heartbeat_ttl_ms = 3000,
                                .redis_grace_ms = 20000,
                                .redis_command_timeout_ms = 3000,
                                .redis_max_commands = 100,
                                .redis_max_shadows = 3,
                                .redis_max_shadow_bytes = 64 << 20,
                                .redis_shadow_ttl_ms = 60000,
                                .max_concurrent = 10,
                                .max_per_session = 10,
                                .max_pending = 10,
                                .max_waiters = 50,
                                .max_finished = 100,
                                .update_interval_ms = 10,
                                .retention_ttl_ms = 60000};
    r->home.post = come_back;
    list_init(&r->answered);
    replica_start(r);
}

void replica_start(struct replica *r)
{
    assert_int_equal(service_init(&r->service, &r->config, replicas.base), 0);
    r->is_running = true;
}

void replica_stop(struct replica *r)
{
    if (!r->is_running)
        return;
    service_release_all(&r->service);
    service_deinit(&r->service);
    r->is_running = false;
}

static bool are_up(void *arg)
{
    return redis_is_up(replicas.a.service.redis) && redis_is_up(replicas.b.service.redis);
}

static void connect_model(void)
{
    redis = redisConnect("127.0.0.1", replicas.redis->port);
    assert_non_null(redis);
    assert_int_equal(redis->err, 0);
}

static bool are_alive(void *arg)
{
    CLEANUP(free_p) char *n = redis_server_cli(replicas.redis, "EXISTS replica:a replica:b");
    return strcmp(n, "2") == 0;
}

int replicas_set_up(void **state)
{
    replicas = (struct replicas){.redis = redis_server_start(NULL), .base = event_base_new()};
    replicas.url = redis_server_url(replicas.redis);
    published = 0;
    connect_model();
    init_replica(&replicas.b, "b");
    init_replica(&replicas.a, "a");
    fake_keeper_ready();
    replicas_wait(are_up, NULL, "Redis is up for both");
    replicas_wait(are_alive, NULL, "both have a heartbeat");
    return 0;
}

static void deinit_replica(struct replica *r)
{
    replica_stop(r);
    list_for_each_safe (l, next, &r->answered)
        call_free(CONTAINER_OF(l, struct call, link));
    assert_int_equal(dir_remove(r->dir), 0);
}

int replicas_tear_down(void **state)
{
    deinit_replica(&replicas.a);
    deinit_replica(&replicas.b);
    event_base_free(replicas.base);
    redisFree(redis);
    redis_server_free(replicas.redis);
    free(replicas.url);
    return 0;
}

static void tick(void)
{
    if (replicas.a.is_running)
        service_tick(&replicas.a.service);
    if (replicas.b.is_running)
        service_tick(&replicas.b.service);
}

void replicas_wait(bool (*is_done)(void *arg), void *arg, const char *what)
{
    uint64_t end = clock_mono_ms() + REDIS_WAIT_MS, next_tick = 0;
    static const struct timeval look = {.tv_usec = 5000};
    while (!is_done(arg)) {
        uint64_t now = clock_mono_ms();
        if (now > end)
            fail_msg("waited in vain: %s", what);
        if (now >= next_tick) {
            tick();
            next_tick = now + 100; /* a second's work ten times a second */
        }
        (void)event_base_loopexit(replicas.base, &look);
        (void)event_base_loop(replicas.base, EVLOOP_ONCE);
    }
}

static bool is_time(void *arg)
{
    return clock_mono_ms() >= *(const uint64_t *)arg;
}

void replicas_run(unsigned ms)
{
    uint64_t end = clock_mono_ms() + ms;
    replicas_wait(is_time, &end, "time");
}

/* ---- calls ---- */

struct call *replica_call(struct replica *r, enum call_op op, const char *id)
{
    struct call *c = call_new(op, &r->home, NULL, NULL);
    c->serial = ++replicas.serial;
    c->principal = xstrdup("alice");
    c->deadline_ms = clock_mono_ms() + 20000;
    if (id)
        (void)snprintf(c->id, sizeof(c->id), "%s", id);
    return c;
}

struct call *replica_wait_call(struct replica *r, const char *id, enum call_until until,
                               uint64_t after)
{
    struct call *c = replica_call(r, CALL_WAIT, id);
    c->until = until;
    c->after_events = after;
    c->reads_output = true;
    return c;
}

static char **strings(const char *a)
{
    char **v = xcalloc(2, sizeof(*v));
    v[0] = xstrdup(a);
    return v;
}

struct call *replica_start_call(struct replica *r, const char *key, const char *hash)
{
    struct call *c = replica_call(r, CALL_START, NULL);
    struct exec_spec *s = xcalloc(1, sizeof(*s));
    s->principal = xstrdup("alice");
    s->command = xstrdup("true");
    s->argv = strings("/bin/true");
    s->env = strings("PATH=/bin");
    s->cwd = xstrdup("/");
    s->interactive = true;
    s->idempotency_key = key ? xstrdup(key) : NULL;
    if (hash) {
        s->request_hash = xcalloc(1, 65);
        memset(s->request_hash, hash[0], 64);
    }
    c->spec = s;
    return c;
}

struct call *replica_answer(struct replica *r)
{
    struct list *l = list_first(&r->answered);
    if (!l)
        return NULL;
    list_remove(l);
    return CONTAINER_OF(l, struct call, link);
}

static bool has_answer(void *arg)
{
    return !list_is_empty(&((struct replica *)arg)->answered);
}

struct call *replica_await(struct replica *r)
{
    replicas_wait(has_answer, r, "an answer");
    return replica_answer(r);
}

struct call *replica_ask(struct replica *r, struct call *c)
{
    assert_true(list_is_empty(&r->answered));
    service_call(&r->service, c);
    return replica_await(r);
}

enum call_outcome replica_outcome(struct replica *r, struct call *c)
{
    struct call *done = replica_ask(r, c);
    enum call_outcome o = done->outcome;
    call_free(done);
    return o;
}

/* ---- what a mirror writes ---- */

/* A command of strings, the last of which may hold any bytes; NULL ends them. */
static void command(const char *const *words, const void *data, size_t len)
{
    const char *argv[8];
    size_t lens[8], n = 0;
    for (; words[n]; n++) {
        argv[n] = words[n];
        lens[n] = strlen(words[n]);
    }
    if (data) {
        argv[n] = data;
        lens[n++] = len;
    }
    redisReply *reply = redisCommandArgv(redis, (int)n, argv, lens);
    if (!reply) { /* it was restarted */
        redisFree(redis);
        connect_model();
        reply = redisCommandArgv(redis, (int)n, argv, lens);
    }
    if (!reply)
        fail_msg("%s: %s", words[0], redis->errstr);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", words[0], reply->str);
    freeReplyObject(reply);
}
#define COMMAND(data, len, ...) command((const char *const[]){__VA_ARGS__, NULL}, data, len)

void mirrored_init(struct mirrored *m, const char *principal)
{
    *m = (struct mirrored){.record = {.status = EXECUTION_PENDING,
                                      .replica = "m",
                                      .principal = xstrdup(principal),
                                      .command = xstrdup("echo \"first_event\":7"),
                                      .interactive = true,
                                      .created_us = clock_real_us()}};
    m->recs = xcalloc(EVENTS_MAX, sizeof(*m->recs));
    id_make("m", m->record.id);
    (void)snprintf(m->key, sizeof(m->key), "execution:%s", m->record.id);
    (void)snprintf(m->output_key, sizeof(m->output_key), "%s:output", m->key);
    published = 0;
}

void mirrored_deinit(struct mirrored *m)
{
    record_deinit(&m->record);
    buf_deinit(&m->bytes);
    free(m->recs);
}

void mirrored_add(struct mirrored *m, enum journal_type type, const char *data, size_t len)
{
    assert_true(m->record.events < EVENTS_MAX);
    m->recs[m->record.events++] = (struct journal_record){.offset = m->bytes.len,
                                                          .length = (uint32_t)len,
                                                          .type = (uint8_t)type,
                                                          .time_us = clock_real_us()};
    if (len > 0)
        buf_append(&m->bytes, data, len);
    m->record.output_bytes = m->bytes.len;
    if (m->record.status == EXECUTION_PENDING) {
        m->record.status = EXECUTION_RUNNING;
        m->record.started_us = clock_real_us();
    }
}

void mirrored_publish(struct mirrored *m, uint64_t first_event)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    char count[24];
    COMMAND(NULL, 0, "PING"); /* finds out that it was restarted */
    COMMAND(NULL, 0, "MULTI");
    for (; published < m->record.events; published++) {
        const struct journal_record *rec = &m->recs[published];
        const struct record_event e = {
            .number = published, .record = *rec, .data = m->bytes.data + rec->offset};
        text.len = 0;
        record_event_write(&e, m->record.has_exit ? &m->record.exit : NULL, &text);
        COMMAND(text.data, text.len, "RPUSH", m->output_key);
    }
    if (first_event > m->record.first_event) {
        (void)snprintf(count, sizeof(count), "%llu",
                       (unsigned long long)(first_event - m->record.first_event));
        COMMAND(NULL, 0, "LTRIM", m->output_key, count, "-1");
        m->record.first_event = first_event;
        m->record.first_offset = m->recs[first_event].offset;
    }
    text.len = 0;
    record_write(&m->record, &text);
    COMMAND(text.data, text.len, "SET", m->key);
    COMMAND("more", 4, "PUBLISH", m->key);
    COMMAND(NULL, 0, "EXEC");
}

void mirrored_claim(struct mirrored *m)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    record_write(&m->record, &text);
    COMMAND(text.data, text.len, "SET", m->key);
    COMMAND("more", 4, "PUBLISH", m->key);
}

void mirrored_republish(struct mirrored *m)
{
    published = 0;
    mirrored_publish(m, 0);
}

void mirrored_end(struct mirrored *m, enum execution_reason reason, int code)
{
    mirrored_add(m, JOURNAL_EXIT, NULL, 0);
    m->record.status = execution_status_of(reason);
    m->record.has_exit = true;
    m->record.exit = (struct execution_exit){.reason = reason,
                                             .exit_code = code,
                                             .started_us = m->record.started_us,
                                             .ended_us = clock_real_us(),
                                             .events = m->record.events,
                                             .output_bytes = m->bytes.len};
}

void mirrored_heartbeat(const char *replica, bool is_alive)
{
    char key[64];
    (void)snprintf(key, sizeof(key), "replica:%s", replica);
    if (is_alive)
        COMMAND("{}", 2, "SET", key);
    else
        COMMAND(NULL, 0, "DEL", key);
}

void mirrored_index(const struct record *r)
{
    char key[160], score[48];
    (void)snprintf(key, sizeof(key), "owner:%s:executions", r->principal);
    (void)snprintf(score, sizeof(score), "%llu.%06llu",
                   (unsigned long long)(r->created_us / 1000000),
                   (unsigned long long)(r->created_us % 1000000));
    COMMAND(NULL, 0, "ZADD", key, score, r->id);
    (void)snprintf(key, sizeof(key), "replica:%s:running", r->replica);
    COMMAND(NULL, 0, r->has_exit ? "SREM" : "SADD", key, r->id);
}

void mirrored_reserve(struct mirrored *m, const char *key, char hash)
{
    char name[160];
    memset(m->record.request_hash, hash, sizeof(m->record.request_hash) - 1);
    m->record.reserved = xstrdup(key);
    mirrored_publish(m, 0);
    mirrored_index(&m->record);
    (void)snprintf(name, sizeof(name), "idempotency:%s:%s", m->record.principal, key);
    COMMAND(m->record.id, strlen(m->record.id), "SET", name);
}

void record_declare_lost(const char *id)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    struct record r;
    char key[160];
    replica_record(id, &r);
    r.status = EXECUTION_LOST;
    r.has_exit = true;
    r.exit = (struct execution_exit){.reason = REASON_LOST, .events = r.events};
    record_write(&r, &text);
    (void)snprintf(key, sizeof(key), "execution:%s", id);
    COMMAND(text.data, text.len, "SET", key);
    record_deinit(&r);
}

void mirrored_note(const char *session, const char *id)
{
    char key[160];
    (void)snprintf(key, sizeof(key), "session:%s:executions", session);
    COMMAND(NULL, 0, "SADD", key, id);
}

void mirrored_beat(const char *replica, uint64_t ms)
{
    char score[32];
    (void)snprintf(score, sizeof(score), "%llu", (unsigned long long)ms);
    COMMAND(NULL, 0, "ZADD", "replicas", score, replica);
}

static bool find_record(const char *id, struct record *ret)
{
    char command[160];
    (void)snprintf(command, sizeof(command), "GET execution:%s", id);
    CLEANUP(free_p) char *text = redis_server_cli(replicas.redis, command);
    return record_read(text, strlen(text), ret);
}

void replica_record(const char *id, struct record *ret)
{
    if (!find_record(id, ret))
        fail_msg("%s has no record", id);
}

struct expected {
    const char *id;
    uint64_t events;
};

static bool has_events(void *arg)
{
    const struct expected *x = arg;
    struct record r;
    if (!find_record(x->id, &r))
        return false;
    bool is_there = r.events >= x->events;
    record_deinit(&r);
    return is_there;
}

void replica_await_events(const char *id, uint64_t events)
{
    struct expected x = {id, events};
    replicas_wait(has_events, &x, "its mirror has written them");
}

const char *run_on_a(void)
{
    static char id[EXECUTION_ID_MAX + 1];
    struct record r;
    unsigned n = fake_keeper.n_spawned;
    service_call(&replicas.a.service, replica_start_call(&replicas.a, NULL, NULL));
    assert_int_equal(fake_keeper.n_spawned, n + 1);
    memcpy(id, fake_keeper.spawned[n % 64], sizeof(id));
    fake_keeper_started(id);
    struct call *c = replica_await(&replicas.a);
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    replica_record(id, &r); /* a start is answered when everybody can see it */
    record_deinit(&r);
    return id;
}

void wait_for(const char *command, const char *expected)
{
    uint64_t end = clock_mono_ms() + REDIS_WAIT_MS;
    for (;;) {
        CLEANUP(free_p) char *seen = redis_server_cli(replicas.redis, command);
        if (strcmp(seen, expected) == 0)
            return;
        if (clock_mono_ms() > end)
            fail_msg("%s: \"%s\", not \"%s\"", command, seen, expected);
        replicas_run(20);
    }
}
