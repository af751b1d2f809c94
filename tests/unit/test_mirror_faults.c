/* The mirror when things go wrong: what is in Redis in the end is still what the journal holds. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/mirror_fixture.h"

static void catches_up_after_redis_was_away(void **state)
{
    struct random rnd = {.state = 14};
    mirror_wait_up();
    struct run *ended = run_new("ended before"), *r = run_new("goes on");
    run_begin(ended);
    run_end(ended, REASON_EXITED);
    run_wait_mirrored(ended);
    run_begin(r);
    run_print_much(r, 100000, &rnd);
    run_wait_mirrored(r);
    reader_close();
    redis_server_stop(t.server);
    redis_wait(t.base, mirror_redis_is_down, NULL, "Redis is away");
    run_print_much(r, 300000, &rnd);
    struct run *born = run_new("born while it was away");
    assert_int_equal(born->announced, 0); /* mirror_add() said so */
    run_begin(born);
    redis_server_restart(t.server); /* empty */
    run_wait_mirrored(r);
    run_wait_mirrored(born);
    run_wait_mirrored(ended);
    run_end(r, REASON_CANCELLED);
    run_wait_mirrored(r);
}

static void a_lost_answer_does_no_harm(void **state)
{
    struct random rnd = {.state = 15};
    mirror_wait_up();
    struct run *r = run_new("shaken");
    run_begin(r);
    for (int i = 0; i < 15; i++) {
        run_print_much(r, 400000, &rnd);
        for (int j = 0; j < 3; j++)
            (void)event_base_loop(t.base, EVLOOP_ONCE);
        free(redis_server_cli(t.server, "client kill type normal skipme yes"));
        reader_close();
    }
    run_end(r, REASON_EXITED);
    run_wait_mirrored(r);
}

static void a_flush_is_repaired(void **state)
{
    mirror_wait_up();
    struct run *r = run_new("flushed");
    run_begin(r);
    run_print(r, "before\n", 7);
    run_wait_mirrored(r);
    free(redis_server_cli(t.server, "flushall"));
    run_print(r, "after\n", 6);
    run_wait_mirrored(r);
    /* Somebody else's hands in the list. */
    CLEANUP(free_p) char *key = record_output_key(r->id);
    (void)reader_integer("RPUSH %s nonsense", key);
    run_end(r, REASON_EXITED);
    run_wait_mirrored(r);
}

static void a_touch_finds_out_what_is_missing(void **state)
{
    mirror_wait_up();
    struct run *r = run_new("touched");
    run_begin(r);
    run_end(r, REASON_EXITED);
    run_wait_mirrored(r);
    CLEANUP(free_p) char *key = record_key(r->id);
    (void)reader_integer("EXPIRE %s 100", key);
    t.config.retention_ttl_ms = 8; /* so that an eighth is over at once */
    uint64_t ttl_ms = 3600000;
    struct timeval pause = {.tv_usec = 30000};
    (void)event_base_loopexit(t.base, &pause);
    (void)event_base_dispatch(t.base);
    mirror_touched(t.mirror, r->id);
    t.config.retention_ttl_ms = ttl_ms;
    for (int i = 0; reader_integer("TTL %s", key) < 3000; i++) {
        assert_true(i < 1000);
        pause.tv_usec = 10000;
        (void)event_base_loopexit(t.base, &pause);
        (void)event_base_dispatch(t.base);
    }
    free(redis_server_cli(t.server, "flushall"));
    t.config.retention_ttl_ms = 8;
    (void)event_base_loopexit(t.base, &pause);
    (void)event_base_dispatch(t.base);
    mirror_touched(t.mirror, r->id);
    t.config.retention_ttl_ms = ttl_ms;
    run_wait_mirrored(r);
}

static void declare_lost(struct run *r)
{
    CLEANUP(record_deinit) struct record rec = {0};
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(free_p) char *key = record_key(r->id);
    assert_true(run_read_record(r, &rec));
    rec.status = EXECUTION_LOST;
    rec.has_exit = true;
    rec.exit = (struct execution_exit){.reason = REASON_LOST};
    record_write(&rec, &text);
    redisReply *reply = redisCommand(t.reader, "SET %s %s", key, text.data);
    freeReplyObject(reply);
}

static void who_was_declared_lost_is_told_and_does_not_overwrite(void **state)
{
    mirror_wait_up();
    struct run *r = run_new("lost");
    run_begin(r);
    run_print(r, "before\n", 7);
    run_wait_mirrored(r);
    declare_lost(r);
    run_print(r, "after\n", 6);
    redis_wait(t.base, run_is_fenced, r, "told");
    assert_int_equal(r->fenced_as, EXECUTION_LOST);
    CLEANUP(record_deinit) struct record rec = {0};
    assert_true(run_read_record(r, &rec));
    assert_int_equal(rec.status, EXECUTION_LOST);
    /* The owner agrees: the rest of the output is added, the status stays. */
    run_end(r, REASON_LOST);
    run_wait_mirrored(r);
}

static void an_end_that_is_there_stays(void **state)
{
    mirror_wait_up();
    struct run *r = run_new("fenced at the end");
    CLEANUP(free_p) char *key = record_output_key(r->id);
    run_begin(r);
    run_print(r, "before\n", 7);
    run_wait_mirrored(r);
    declare_lost(r);
    long long there = reader_integer("LLEN %s", key);
    assert_true(there > 0);
    run_end(r, REASON_EXITED);
    redis_wait(t.base, run_is_fenced, r, "told");
    assert_int_equal(reader_integer("LLEN %s", key), there); /* what was refused left no trace */
    CLEANUP(record_deinit) struct record rec = {0};
    assert_true(run_read_record(r, &rec));
    assert_int_equal(rec.status, EXECUTION_LOST);
}

static void run_loop_us(unsigned us)
{
    const struct timeval end = {.tv_usec = (suseconds_t)us};
    (void)event_base_loopexit(t.base, &end);
    (void)event_base_dispatch(t.base);
}

/* What was refused is tried again with a tick. */
static void wait_with_ticks(struct run *r)
{
    for (int i = 0; !run_is_mirrored(r) && i < 200; i++) {
        mirror_tick(t.mirror);
        run_loop_us(50000);
    }
    run_wait_mirrored(r);
}

/* The script is missed when its transaction has pushed already. */
static void a_flush_of_scripts_is_healed(void **state)
{
    struct random rnd = {.state = 16};
    mirror_wait_up();
    struct run *r = run_new("without a script");
    run_begin(r);
    run_print(r, "before\n", 7);
    run_wait_mirrored(r);
    for (int i = 0; i < 3; i++) {
        free(redis_server_cli(t.server, "script flush"));
        run_print_much(r, 300000, &rnd);
        wait_with_ticks(r);
    }
    run_end(r, REASON_EXITED);
    run_wait_mirrored(r);
}

/* In the middle of what is on its way; one ends meanwhile, one is declared lost. */
static void flushes_of_scripts_under_load_are_healed(void **state)
{
    struct random rnd = {.state = 17};
    struct run *runs[3];
    mirror_wait_up();
    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        runs[i] = run_new("under load");
        run_begin(runs[i]);
    }
    for (unsigned i = 0; i < 30; i++) {
        run_print_much(runs[i < 15 ? i % 3 : i % 2], 150000, &rnd);
        if (i == 15)
            run_end(runs[2], REASON_TIMEOUT);
        if (i % 3 == 0)
            free(redis_server_cli(t.server, "script flush"));
        run_loop_us(random_below(&rnd, 8000));
    }
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        wait_with_ticks(runs[i]);
    declare_lost(runs[1]);
    free(redis_server_cli(t.server, "script flush"));
    run_print(runs[1], "more\n", 5);
    for (int i = 0; !run_is_fenced(runs[1]) && i < 200; i++) {
        mirror_tick(t.mirror);
        run_loop_us(50000);
    }
    assert_int_equal(runs[1]->fenced_as, EXECUTION_LOST);
    run_end(runs[0], REASON_EXITED);
    run_end(runs[1], REASON_LOST);
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        wait_with_ticks(runs[i]);
}

static void a_full_redis_is_waited_for(void **state)
{
    mirror_wait_up();
    struct run *r = run_new("full");
    run_begin(r);
    run_wait_mirrored(r);
    free(redis_server_cli(t.server, "config set maxmemory 1"));
    run_print(r, "more\n", 5);
    struct timeval pause = {.tv_usec = 200000};
    (void)event_base_loopexit(t.base, &pause);
    (void)event_base_dispatch(t.base);
    assert_false(run_is_mirrored(r));
    free(redis_server_cli(t.server, "config set maxmemory 0"));
    wait_with_ticks(r);
}

int main(void)
{
    redis_server_need();
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        MIRROR_TEST(catches_up_after_redis_was_away),
        MIRROR_TEST(a_lost_answer_does_no_harm),
        MIRROR_TEST(a_flush_is_repaired),
        MIRROR_TEST(a_flush_of_scripts_is_healed),
        MIRROR_TEST(flushes_of_scripts_under_load_are_healed),
        MIRROR_TEST(a_touch_finds_out_what_is_missing),
        MIRROR_TEST(who_was_declared_lost_is_told_and_does_not_overwrite),
        MIRROR_TEST(an_end_that_is_there_stays),
        MIRROR_TEST(a_full_redis_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
