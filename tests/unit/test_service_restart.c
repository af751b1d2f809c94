/* What becomes of executions when the server or the keeper goes, at any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/journal.h"
#include "state/shadow_file.h"
#include "tests/unit/fake_keeper.h"
#include "tests/unit/service_fixture.h"

/* As the keeper does at a start. */
static void begin_journal(struct fixture *f, const char *id, uint64_t time_us)
{
    const struct {
        struct journal_header header;
        struct journal_record ready;
    } index = {
        .header = {.magic = JOURNAL_MAGIC, .version = JOURNAL_VERSION, .record_size = 32},
        .ready = {.type = JOURNAL_READY, .time_us = time_us},
    };
    CLEANUP(free_p) char *dir = journal_dir(f->dir, id);
    assert_int_equal(file_replace(dir, "output", "", 0), 0);
    assert_int_equal(file_replace(dir, "index", &index, sizeof(index)), 0);
}

static void the_key_holds_over_a_restart(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    service_call(&f->service, make_start(f, "a", "key"));
    fake_keeper_ended(f->dir, fake_keeper.spawned[0], REASON_EXITED, 3);
    assert_int_equal(outcome(f), CALL_OK);
    stop_server(f);
    start_server(f);
    fake_keeper_ready();
    service_call(&f->service, make_start(f, "a", "key"));
    struct call *c = answer(f);
    assert_true(c->repeated);
    assert_int_equal(c->view.status, EXECUTION_COMPLETED);
    assert_int_equal(fake_keeper.n_spawned, 0);
    call_free(c);
}

static void after_a_restart_what_runs_is_adopted_and_the_rest_told_truthfully(void **state)
{
    struct fixture *f = *state;
    f->config.max_concurrent = 3;
    fake_keeper_ready();
    char runs[EXECUTION_ID_MAX + 1], ended[EXECUTION_ID_MAX + 1], lost[EXECUTION_ID_MAX + 1];
    (void)snprintf(runs, sizeof(runs), "%s", run_one(f, "a"));
    (void)snprintf(ended, sizeof(ended), "%s", run_one(f, "a"));
    (void)snprintf(lost, sizeof(lost), "%s", run_one(f, "a"));
    stop_server(f);
    /* The journal of the lost one began; the other ended while nobody was there. */
    begin_journal(f, lost, 1);
    CLEANUP(free_p) char *ended_dir = journal_dir(f->dir, ended);
    const struct execution_exit x = {.reason = REASON_EXITED, .exit_code = 17, .ended_us = 5};
    assert_int_equal(journal_write_exit(ended_dir, &x), 0);
    start_server(f);
    fake_keeper_running(runs, 4, 40);
    fake_keeper_ready();
    assert_int_equal(fake_keeper.n_spawned, 0);
    const struct {
        const char *id;
        enum execution_status status;
    } want[] = {{runs, EXECUTION_RUNNING}, {ended, EXECUTION_COMPLETED}, {lost, EXECUTION_LOST}};
    for (size_t i = 0; i < 3; i++) {
        service_call(&f->service, make_wait(f, want[i].id, CALL_UNTIL_NOTHING, 0));
        struct call *c = answer(f);
        assert_int_equal(c->outcome, CALL_OK);
        assert_int_equal(c->view.status, want[i].status);
        call_free(c);
    }
    assert_int_equal(f->service.queue.running, 1);
}

static void what_was_accepted_and_never_began_is_started_once_after_a_restart(void **state)
{
    struct fixture *f = *state;
    service_call(&f->service, make_start(f, "a", NULL));
    assert_int_equal(outcome(f), CALL_OK);
    stop_server(f);
    start_server(f);
    fake_keeper_ready();
    assert_int_equal(fake_keeper.n_spawned, 1);
}

static void a_keeper_that_dies_loses_what_ran_and_the_next_one_takes_what_waits(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    const char *id = run_one(f, "a");
    begin_journal(f, id, 1);
    service_call(&f->service, make_wait(f, id, CALL_UNTIL_ENDED, 0));
    fake_keeper_gone();
    service_call(&f->service, make_start(f, "b", NULL));
    assert_int_equal(outcome(f), CALL_OK);
    assert_int_equal(fake_keeper.n_spawned, 1);
    fake_keeper_ready();
    struct call *c = answer(f);
    assert_int_equal(c->view.status, EXECUTION_LOST);
    call_free(c);
    assert_int_equal(fake_keeper.n_spawned, 2);
}

static struct call *make_cancel(struct fixture *f, const char *id)
{
    struct call *c = make_call(f, CALL_CANCEL, "a");
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    return c;
}

static enum execution_status status_of(struct fixture *f, const char *id)
{
    const struct entry *e = registry_find(&f->service.registry, id);
    assert_non_null(e);
    return e->status;
}

static bool has_exit(struct fixture *f, const char *id, struct execution_exit *ret)
{
    CLEANUP(free_p) char *dir = journal_dir(f->dir, id);
    return journal_read_exit(dir, ret) == 0;
}

/* Until the keeper has told, an execution that began may run: its end was written here, and the
 * command ran on. */
static void what_may_run_is_not_ended_before_the_keeper_is_there(void **state)
{
    struct fixture *f = *state;
    struct execution_exit x;
    fake_keeper_ready();
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_one(f, "a"));
    begin_journal(f, id, 1);
    stop_server(f);
    start_server(f);
    service_call(&f->service, make_cancel(f, id));
    assert_int_equal(outcome(f), CALL_E_KEEPER_AWAY);
    service_drain(&f->service, REACTOR_DRAIN_CANCEL);
    assert_false(has_exit(f, id, &x));
    assert_int_equal(status_of(f, id), EXECUTION_RUNNING);
    fake_keeper.is_away = false;
    fake_keeper_running(id, 1, 0);
    fake_keeper_ready();
    assert_int_equal(fake_keeper.n_killed, 1);
    assert_int_equal(fake_keeper.kill_reason, REASON_SHUTDOWN);
}

static void a_shutdown_reaches_what_runs_when_the_keeper_is_back(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    const char *id = run_one(f, "a");
    fake_keeper_gone();
    service_drain(&f->service, REACTOR_DRAIN_CANCEL);
    assert_int_equal(fake_keeper.n_killed, 0);
    fake_keeper.is_away = false;
    fake_keeper_running(id, 1, 0);
    fake_keeper_ready();
    assert_int_equal(fake_keeper.n_killed, 1);
    assert_int_equal(fake_keeper.kill_reason, REASON_SHUTDOWN);
}

/* A keeper that becomes a new program hangs up: what it had not read by then is gone. */
static void a_cancel_holds_when_the_keeper_goes_before_it_reads_it(void **state)
{
    struct fixture *f = *state;
    struct execution_exit x;
    fake_keeper_ready();
    char runs[EXECUTION_ID_MAX + 1];
    (void)snprintf(runs, sizeof(runs), "%s", run_one(f, "a"));
    service_call(&f->service, make_start(f, "a", NULL));
    const char *starts = fake_keeper.spawned[1];
    service_call(&f->service, make_cancel(f, runs));
    assert_int_equal(outcome(f), CALL_OK);
    service_call(&f->service, make_cancel(f, starts));
    assert_int_equal(outcome(f), CALL_OK);
    fake_keeper_gone();
    fake_keeper.is_away = false;
    fake_keeper.n_killed = 0;
    fake_keeper_running(runs, 1, 0);
    fake_keeper_ready();
    assert_int_equal(fake_keeper.n_killed, 1);
    assert_string_equal(fake_keeper.killed[0], runs);
    assert_int_equal(fake_keeper.kill_reason, REASON_CANCELLED);
    assert_int_equal(fake_keeper.n_spawned, 2);
    assert_true(has_exit(f, starts, &x));
    assert_int_equal(x.reason, REASON_CANCELLED);
}

/* The server before us had handed it over, the keeper began it after it had told us what runs, and
 * meanwhile it was cancelled in line. */
static void what_begins_after_its_end_is_killed(void **state)
{
    struct fixture *f = *state;
    f->config.max_concurrent = 1;
    fake_keeper_ready();
    run_one(f, "a");
    service_call(&f->service, make_start(f, "a", NULL));
    struct call *c = answer(f);
    char id[EXECUTION_ID_MAX + 1];
    memcpy(id, c->id, sizeof(id));
    call_free(c);
    service_call(&f->service, make_cancel(f, id));
    assert_int_equal(outcome(f), CALL_OK);
    assert_int_equal(fake_keeper.n_killed, 0);
    fake_keeper_started(id);
    assert_int_equal(fake_keeper.n_killed, 1);
    assert_string_equal(fake_keeper.killed[0], id);
}

static void what_waits_goes_oldest_first_after_a_restart(void **state)
{
    struct fixture *f = *state;
    char ids[6][EXECUTION_ID_MAX + 1];
    f->config.max_per_session = f->config.max_pending = f->config.max_concurrent = ARRAY_LEN(ids);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        service_call(&f->service, make_start(f, "a", NULL));
        struct call *c = answer(f);
        memcpy(ids[i], c->id, sizeof(ids[i]));
        call_free(c);
    }
    stop_server(f);
    start_server(f);
    fake_keeper_ready();
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_string_equal(fake_keeper.spawned[i], ids[i]);
}

/* Its begin lies in the future when the clock was set back: the time it took was 584,542 years. */
static void a_lost_one_took_no_time_when_the_clock_was_set_back(void **state)
{
    struct fixture *f = *state;
    struct execution_exit x;
    fake_keeper_ready();
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_one(f, "a"));
    uint64_t begun_us = clock_real_us() + 3600u * 1000 * 1000;
    begin_journal(f, id, begun_us);
    stop_server(f);
    start_server(f);
    fake_keeper_ready();
    assert_true(has_exit(f, id, &x));
    assert_int_equal(x.reason, REASON_LOST);
    assert_int_equal(x.started_us, begun_us);
    assert_int_equal(x.wall_ms, 0);
}

/* With a command that could not be ended in time it stayed for ever. */
static void the_keeper_is_asked_to_leave_also_while_something_runs(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    run_one(f, "a");
    service_drain(&f->service, REACTOR_DRAIN_CANCEL);
    stop_server(f);
    assert_int_equal(fake_keeper.n_quit, 1);
    start_server(f);
    service_drain(&f->service, REACTOR_DRAIN_HANDOVER);
    stop_server(f);
    assert_int_equal(fake_keeper.n_quit, 0);
    start_server(f);
}

/* It has no file exit: taken for an own one it would be adopted, or even started. */
static void a_shadow_is_gone_after_a_restart_whatever_its_replica_was(void **state)
{
    struct fixture *f = *state;
    struct shadow_file *shadow = NULL;
    struct call *c = make_start(f, "a", NULL);
    (void)snprintf(c->spec->id, sizeof(c->spec->id), "r1-abcdefghijklmnopqrstuvwx27");
    assert_int_equal(shadow_file_new(f->dir, c->spec, &shadow), 0);
    call_free(c);
    stop_server(f);
    start_server(f);
    fake_keeper_ready();
    assert_int_equal(fake_keeper.n_spawned, 0);
    assert_int_not_equal(access(shadow->dir, F_OK), 0);
    assert_null(registry_find(&f->service.registry, "r1-abcdefghijklmnopqrstuvwx27"));
    shadow_file_free(shadow);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_key_holds_over_a_restart),
        TEST(after_a_restart_what_runs_is_adopted_and_the_rest_told_truthfully),
        TEST(what_was_accepted_and_never_began_is_started_once_after_a_restart),
        TEST(a_keeper_that_dies_loses_what_ran_and_the_next_one_takes_what_waits),
        TEST(what_may_run_is_not_ended_before_the_keeper_is_there),
        TEST(a_shutdown_reaches_what_runs_when_the_keeper_is_back),
        TEST(a_cancel_holds_when_the_keeper_goes_before_it_reads_it),
        TEST(what_begins_after_its_end_is_killed),
        TEST(what_waits_goes_oldest_first_after_a_restart),
        TEST(the_keeper_is_asked_to_leave_also_while_something_runs),
        TEST(a_shadow_is_gone_after_a_restart_whatever_its_replica_was),
        TEST(a_lost_one_took_no_time_when_the_clock_was_set_back),
    };
    return cmocka_run_group_tests_name("service_restart", tests, NULL, NULL);
}
