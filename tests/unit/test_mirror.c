/* The mirror: what a reader finds in Redis is what the journal holds. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "state/base/metrics.h"
#include "tests/unit/mirror_fixture.h"

static bool is_idle(void *arg)
{
    return mirror_is_idle(t.mirror);
}

/* Of this process, so of the tests that ran before as well. */
static void check_metric(const char *line, bool is_there)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    metrics_render(&text);
    if ((strstr(text.data, line) != NULL) != is_there)
        fail_msg("%s is %s in:\n%s", line, is_there ? "not" : "", text.data);
}

static void a_life_is_mirrored_under_the_contracts_keys(void **state)
{
    mirror_wait_up();
    struct run *r = run_new("echo hello");
    redis_wait(t.base, run_is_announced, r, "it may be answered");
    assert_true(run_is_mirrored(r));
    assert_int_equal(r->written, 1);
    assert_int_equal(reader_integer("SISMEMBER replica:r1:running %s", r->id), 1);
    run_begin(r);
    run_print(r, "hello\n", 6);
    run_print(r, "\xff\0\x01z\n", 5);
    run_wait_mirrored(r);
    run_end(r, REASON_EXITED);
    run_wait_mirrored(r);
    CLEANUP(record_deinit) struct record rec = {0};
    assert_true(run_read_record(r, &rec));
    assert_string_equal(rec.principal, "alice");
    assert_string_equal(rec.command, "echo hello");
    assert_int_equal(rec.output_bytes, 11);
    /* sha256sum of what was printed */
    struct journal_sums sums;
    assert_int_equal(journal_sums(t.state_dir, r->id, 0, &sums), 0);
    assert_string_equal(rec.stdout_sha256, sums.stdout_hex);
    assert_string_equal(rec.stderr_sha256, sums.stderr_hex);
    assert_int_equal(reader_integer("SISMEMBER replica:r1:running %s", r->id), 0);
    assert_int_equal(
        reader_integer("SISMEMBER session:r1-abcdefghijklmnopqrstuvwxyz:executions %s", r->id), 1);
    redisReply *score = reader_ask("ZSCORE owner:alice:executions %s", r->id);
    assert_string_equal(score->str, "1764120000");
    freeReplyObject(score);
    redisReply *keys = reader_ask("KEYS *%s", "");
    for (size_t i = 0; i < keys->elements; i++)
        assert_in_range(reader_integer("TTL %s", keys->element[i]->str), 3590, 3600);
    assert_int_equal(keys->elements, 4);
    freeReplyObject(keys);
    CLEANUP(free_p) char *dump = redis_server_cli(t.server, "--no-raw get execution:*");
    assert_null(strstr(dump, "hunter2"));
    assert_int_equal(r->announced, 1);
    redis_wait(t.base, is_idle, NULL, "all is acknowledged");
    mirror_tick(t.mirror);
    check_metric("mcp_execd_mirror_events_total 4\n", true);
    check_metric("mcp_execd_mirror_lag_events 0\n", true);
    check_metric("mcp_execd_mirror_lag_seconds 0\n", true);
}

/* A long command's record is not written with each step, but its list must not outlive it. */
static void a_list_never_lives_for_ever(void **state)
{
    CLEANUP(free_p) char *command = xcalloc(1, 8193);
    memset(command, 'x', 8192);
    mirror_wait_up();
    struct run *r = run_new(command);
    r->status = EXECUTION_RUNNING; /* known before its journal has a first event */
    mirror_changed(t.mirror, r->id, true);
    redis_wait(t.base, run_is_mirrored, r, "it runs");
    char key[128];
    (void)snprintf(key, sizeof(key), "execution:%s:output", r->id);
    assert_int_equal(reader_integer("EXISTS %s", key), 0);
    run_begin(r);
    for (int i = 0; reader_integer("LLEN %s", key) == 0; i++) {
        assert_in_range(i, 0, 1000);
        (void)event_base_loop(t.base, EVLOOP_ONCE);
    }
    assert_in_range(reader_integer("TTL %s", key), 3000, 3600);
    run_wait_mirrored(r);
}

static void a_long_session_forgets_what_is_gone(void **state)
{
    static const char *const key = "session:r1-abcdefghijklmnopqrstuvwxyz:executions";
    char command[128];
    mirror_wait_up();
    for (int i = 0; i < 60; i++) {
        (void)snprintf(command, sizeof(command), "SADD %s r1-gone%d", key, i);
        free(redis_server_cli(t.server, command));
    }
    for (int i = 0; i < 40; i++)
        redis_wait(t.base, run_is_announced, run_new("new"), "it may be answered");
    assert_in_range(reader_integer("SCARD %s", key), 40, 70);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(command, sizeof(command), "SISMEMBER %s %s", key, t.runs[i].id);
        CLEANUP(free_p) char *is_there = redis_server_cli(t.server, command);
        assert_string_equal(is_there, "1");
    }
}

static void megabytes_arrive_in_pieces(void **state)
{
    struct random rnd = {.state = 11};
    mirror_wait_up();
    struct run *r = run_new("big");
    run_begin(r);
    run_print_much(r, 6 << 20, &rnd);
    run_wait_mirrored(r);
    run_print_much(r, 1 << 20, &rnd);
    run_end(r, REASON_EXITED);
    run_wait_mirrored(r);
}

/* They come from a thread: until then there is no end to be told, and a drain waits. */
static void the_sums_of_much_come_with_the_end(void **state)
{
    struct random rnd = {.state = 17};
    mirror_wait_up();
    struct run *r = run_new("much");
    run_begin(r);
    run_print_much(r, 3 << 20, &rnd);
    run_wait_mirrored(r);
    run_end(r, REASON_EXITED);
    redis_wait(t.base, is_idle, NULL, "nothing is left to be mirrored");
    CLEANUP(record_deinit) struct record rec = {0};
    struct journal_sums sums;
    assert_true(run_read_record(r, &rec));
    assert_int_equal(rec.status, EXECUTION_COMPLETED);
    assert_int_equal(journal_sums(t.state_dir, r->id, 0, &sums), 0);
    assert_string_equal(rec.stdout_sha256, sums.stdout_hex);
    assert_string_equal(rec.stderr_sha256, sums.stderr_hex);
}

static void many_at_a_time(void **state)
{
    struct random rnd = {.state = 12};
    mirror_wait_up();
    while (t.n < ARRAY_LEN(t.runs))
        run_begin(run_new("one of many"));
    for (int i = 0; i < 1500; i++) {
        struct run *r = &t.runs[random_below(&rnd, t.n)];
        if (r->status == EXECUTION_RUNNING)
            run_print_much(r, 300, &rnd);
        if (i > 1000 && r->status == EXECUTION_RUNNING && random_below(&rnd, 3) == 0)
            run_end(r, REASON_EXITED);
        if (random_below(&rnd, 20) == 0)
            (void)event_base_loop(t.base, EVLOOP_ONCE);
    }
    for (size_t i = 0; i < t.n; i++)
        run_wait_mirrored(&t.runs[i]);
    check_metric("mcp_execd_mirror_repairs_total{", false); /* nothing went wrong */
}

static void the_list_is_bounded(void **state)
{
    struct random rnd = {.state = 13};
    t.config.redis_max_output_bytes = 512 << 10;
    mirror_wait_up();
    struct run *r = run_new("bounded");
    run_begin(r);
    for (int i = 0; i < 20; i++) {
        run_print_much(r, 200 << 10, &rnd);
        run_wait_mirrored(r);
    }
    run_end(r, REASON_EXITED);
    run_wait_mirrored(r);
    CLEANUP(record_deinit) struct record rec = {0};
    CLEANUP(free_p) char *key = record_output_key(r->id);
    assert_true(run_read_record(r, &rec));
    assert_true(rec.first_event > 0);
    long long usage = reader_integer("MEMORY USAGE %s SAMPLES 0", key);
    assert_in_range(usage, 100 << 10, 900 << 10);
}

static void retention_faster_than_the_mirror_leaves_what_is_there(void **state)
{
    mirror_wait_up();
    struct run *r = run_new("holes");
    run_begin(r);
    run_print(r, "one\n", 4);
    run_wait_mirrored(r);
    run_print(r, "two\n", 4);
    run_print(r, "three\n", 6);
    journal_file_drop(&r->file, 3, 8);
    run_end(r, REASON_EXITED);
    run_wait_mirrored(r);
    CLEANUP(record_deinit) struct record rec = {0};
    assert_true(run_read_record(r, &rec));
    assert_int_equal(rec.first_event, 3);
    assert_int_equal(rec.first_offset, 8);
    assert_string_equal(rec.stdout_sha256, "");
}

static void the_next_server_goes_on_where_it_stood(void **state)
{
    struct random rnd = {.state = 16};
    mirror_wait_up();
    struct run *r = run_new("adopted"), *ended = run_new("ended");
    run_begin(r);
    run_begin(ended);
    run_end(ended, REASON_EXITED);
    run_print_much(r, 100000, &rnd);
    run_wait_mirrored(r);
    run_wait_mirrored(ended);
    CLEANUP(free_p) char *ended_key = record_key(ended->id);
    redisReply *before = reader_ask("GET %s", ended_key);
    mirror_stop();
    run_print_much(r, 100000, &rnd);
    mirror_start();
    (void)mirror_add(t.mirror, r->id, NULL);
    (void)mirror_add(t.mirror, ended->id, NULL);
    mirror_wait_up();
    mirror_changed(t.mirror, r->id, true);
    run_wait_mirrored(r);
    run_end(r, REASON_EXITED);
    run_wait_mirrored(r);
    run_wait_mirrored(ended);
    redisReply *after = reader_ask("GET %s", ended_key);
    assert_string_equal(after->str, before->str);
    freeReplyObject(before);
    freeReplyObject(after);
}

int main(void)
{
    redis_server_need();
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        MIRROR_TEST(a_life_is_mirrored_under_the_contracts_keys),
        MIRROR_TEST(a_list_never_lives_for_ever),
        MIRROR_TEST(a_long_session_forgets_what_is_gone),
        MIRROR_TEST(megabytes_arrive_in_pieces),
        MIRROR_TEST(the_sums_of_much_come_with_the_end),
        MIRROR_TEST(many_at_a_time),
        MIRROR_TEST(the_list_is_bounded),
        MIRROR_TEST(retention_faster_than_the_mirror_leaves_what_is_there),
        MIRROR_TEST(the_next_server_goes_on_where_it_stood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
