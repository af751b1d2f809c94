/* What becomes of executions when the server or the keeper goes, at any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "state/base/fd.h"
#include "state/journal.h"
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

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_key_holds_over_a_restart),
        TEST(after_a_restart_what_runs_is_adopted_and_the_rest_told_truthfully),
        TEST(what_was_accepted_and_never_began_is_started_once_after_a_restart),
        TEST(a_keeper_that_dies_loses_what_ran_and_the_next_one_takes_what_waits),
    };
    return cmocka_run_group_tests_name("service_restart", tests, NULL, NULL);
}
