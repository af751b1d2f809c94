#include "tests/unit/mirror_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "state/base/id.h"
#include "tests/unit/temp_dir.h"

struct mirror_test t;

static struct run *find(const char *id)
{
    for (size_t i = 0; i < t.n; i++)
        if (strcmp(t.runs[i].id, id) == 0)
            return &t.runs[i];
    fail_msg("news of %s", id);
    return NULL;
}

static bool describe(void *arg, const char *id, struct mirror_facts *ret)
{
    const struct run *r = find(id);
    *ret = (struct mirror_facts){
        .status = r->status, .started_us = 1764120000000001, .events = r->file.events};
    return true;
}

static void on_announced(void *arg, const char *id, bool is_written)
{
    find(id)->announced++;
    find(id)->written += is_written;
}

static void on_fenced(void *arg, const char *id, enum execution_status status)
{
    find(id)->fenced++;
    find(id)->fenced_as = status;
}

static const struct mirror_events events = {
    .describe = describe, .on_announced = on_announced, .on_fenced = on_fenced};

void mirror_start(void)
{
    assert_int_equal(redis_new(t.base, &t.config, "mirror-test", &t.redis), 0);
    const struct mirror_options options = {
        .base = t.base, .redis = t.redis, .config = &t.config, .events = &events};
    assert_int_equal(mirror_new(&options, &t.mirror), 0);
}

void mirror_stop(void)
{
    t.redis = redis_free(t.redis);
    t.mirror = mirror_free(t.mirror);
}

int mirror_setup(void **state)
{
    memset(&t, 0, sizeof(t));
    if (temp_dir_setup((void **)&t.state_dir) != 0)
        return -1;
    t.server = redis_server_start(NULL);
    t.base = event_base_new();
    t.config = (struct config){.redis_url = redis_server_url(t.server),
                               .redis_timeout_ms = 5000,
                               .redis_max_queue_bytes = 16 << 20,
                               .redis_batch_ms = 10,
                               .redis_max_output_bytes = 64 << 20,
                               .redis_max_channels = 8,
                               .retention_ttl_ms = 3600000,
                               .max_finished = 1000,
                               .replica_id = (char *)"r1",
                               .state_dir = t.state_dir};
    mirror_start();
    return 0;
}

void reader_close(void)
{
    if (t.reader)
        redisFree(t.reader);
    t.reader = NULL;
}

int mirror_teardown(void **state)
{
    reader_close();
    mirror_stop();
    event_base_free(t.base);
    for (size_t i = 0; i < t.n; i++)
        if (t.runs[i].has_journal)
            journal_file_close(&t.runs[i].file);
    redis_server_free(t.server);
    free(t.config.redis_url);
    return temp_dir_teardown((void **)&t.state_dir);
}

/* ---- running commands ---- */

struct run *run_new(const char *command)
{
    struct run *r = &t.runs[t.n++];
    static char *argv[] = {(char *)"/bin/sh", NULL}, *env[] = {(char *)"SECRET=hunter2", NULL};
    struct exec_spec spec = {.principal = (char *)"alice",
                             .session_id = (char *)"r1-abcdefghijklmnopqrstuvwxyz",
                             .command = (char *)command,
                             .argv = argv,
                             .env = env,
                             .cwd = (char *)"/",
                             .created_us = 1764120000000000};
    assert_true(t.n <= ARRAY_LEN(t.runs));
    id_make("r1", r->id);
    memcpy(spec.id, r->id, sizeof(spec.id));
    CLEANUP(free_p) char *dir = journal_dir(t.state_dir, r->id);
    assert_int_equal(dir_make(dir), 0);
    assert_int_equal(exec_spec_write(&spec, dir), 0);
    r->status = EXECUTION_PENDING;
    (void)mirror_add(t.mirror, r->id, &spec);
    return r;
}

void run_begin(struct run *r)
{
    journal_file_create(&r->file, t.state_dir, r->id);
    r->has_journal = true;
    r->status = EXECUTION_RUNNING;
    journal_file_event(&r->file, JOURNAL_READY, 0);
    mirror_changed(t.mirror, r->id, true);
}

void run_print(struct run *r, const void *data, size_t len)
{
    journal_file_bytes(&r->file, JOURNAL_STDOUT, 0, data, len);
    if (t.mirror)
        mirror_changed(t.mirror, r->id, false);
}

void run_end(struct run *r, enum execution_reason reason)
{
    CLEANUP(free_p) char *dir = journal_dir(t.state_dir, r->id);
    struct execution_exit x = {.reason = reason,
                               .started_us = 1764120000000001,
                               .ended_us = 1764120009000000,
                               .wall_ms = 9000};
    journal_file_event(&r->file, JOURNAL_EXIT, 0);
    x.events = r->file.events;
    x.output_bytes = x.stdout_bytes = r->file.output_bytes;
    assert_int_equal(journal_write_exit(dir, &x), 0);
    r->status = execution_status_of(reason);
    mirror_changed(t.mirror, r->id, true);
}

/* ---- reading Redis ---- */

redisReply *reader_ask(const char *command, const char *key)
{
    if (!t.reader)
        t.reader = redisConnect("127.0.0.1", t.server->port);
    redisReply *reply = redisCommand(t.reader, command, key);
    if (!reply)
        fail_msg("%s: %s", command, t.reader->errstr);
    return reply;
}

bool run_read_record(const struct run *r, struct record *ret)
{
    CLEANUP(free_p) char *key = record_key(r->id);
    redisReply *reply = reader_ask("GET %s", key);
    bool ok = reply->type == REDIS_REPLY_STRING;
    if (ok && !record_read(reply->str, reply->len, ret))
        fail_msg("no record: %s", reply->str);
    freeReplyObject(reply);
    return ok;
}

bool run_is_mirrored(void *arg)
{
    struct run *r = arg;
    struct record rec;
    if (!run_read_record(r, &rec))
        return false;
    bool ok = rec.status == r->status && rec.events == r->file.events;
    record_deinit(&rec);
    return ok;
}

/* The list is the journal from first_event on, byte for byte. */
void run_check_list(const struct run *r)
{
    CLEANUP(record_deinit) struct record rec = {0};
    CLEANUP(free_p) char *key = record_output_key(r->id);
    CLEANUP(buf_deinit) struct buf data = {0};
    CLEANUP(journal_closep) struct journal *j = NULL;
    assert_true(run_read_record(r, &rec));
    assert_int_equal(journal_open(t.state_dir, r->id, &j), 0);
    redisReply *list = reader_ask("LRANGE %s 0 -1", key);
    assert_int_equal(rec.first_event + list->elements, r->file.events);
    uint64_t offset = rec.first_offset;
    for (size_t i = 0; i < list->elements; i++) {
        struct record_event e;
        struct journal_record original;
        size_t n;
        CLEANUP(free_p) char *bytes = NULL;
        assert_true(record_event_read(list->element[i]->str, list->element[i]->len, &data, &e));
        assert_int_equal(e.number, rec.first_event + i);
        assert_int_equal(journal_records(j, e.number, &original, 1, &n), 0);
        e.record.offset = offset;
        assert_memory_equal(&e.record, &original, sizeof(original));
        bytes = xcalloc(1, original.length + 1);
        assert_int_equal(journal_read(j, offset, bytes, original.length), 0);
        assert_memory_equal(bytes, e.data, original.length);
        offset += original.length;
    }
    assert_int_equal(offset, r->file.output_bytes);
    freeReplyObject(list);
}

void run_wait_mirrored(struct run *r)
{
    redis_wait(t.base, run_is_mirrored, r, "the mirror has all of it");
    run_check_list(r);
}

long long reader_integer(const char *command, const char *key)
{
    redisReply *reply = reader_ask(command, key);
    long long v = reply->integer;
    freeReplyObject(reply);
    return v;
}

static bool is_redis_up(void *arg)
{
    return redis_is_up(t.redis);
}

bool mirror_redis_is_down(void *arg)
{
    return !redis_is_up(t.redis);
}

void mirror_wait_up(void)
{
    redis_wait(t.base, is_redis_up, NULL, "Redis is up");
}

bool run_is_announced(void *arg)
{
    const struct run *r = arg;
    return r->announced > 0;
}

void run_print_much(struct run *r, size_t bytes, struct random *rnd)
{
    static char line[JOURNAL_RECORD_MAX];
    while (bytes > 0) {
        size_t len = random_below(rnd, 4) ? 1 + random_below(rnd, 200)
                                          : 1 + random_below(rnd, JOURNAL_RECORD_MAX);
        bool is_text = random_below(rnd, 4);
        for (size_t i = 0; i < len; i++)
            line[i] = (char)(is_text ? 32 + (i * 7 + len) % 90 : random_below(rnd, 256));
        line[len - 1] = '\n';
        run_print(r, line, len);
        bytes -= len < bytes ? len : bytes;
    }
}

bool run_is_fenced(void *arg)
{
    const struct run *r = arg;
    return r->fenced > 0;
}

void mirror_pass_ms(unsigned ms)
{
    const struct timeval pause = {.tv_usec = (suseconds_t)ms * 1000};
    (void)event_base_loopexit(t.base, &pause);
    (void)event_base_dispatch(t.base);
}
