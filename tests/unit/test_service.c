/*
 * What calls and the keeper's news do to executions: the real service on a real state directory,
 * with a keeper that does what the test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/journal.h"
#include "tests/unit/fake_keeper.h"
#include "tests/unit/service_fixture.h"

static void a_start_is_answered_when_the_command_runs(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    service_call(&f->service, make_start(f, "s", NULL));
    assert_null(answer(f));
    assert_int_equal(fake_keeper.n_spawned, 1);
    fake_keeper_started(fake_keeper.spawned[0]);
    struct call *c = answer(f);
    assert_int_equal(c->outcome, CALL_OK);
    assert_int_equal(c->view.status, EXECUTION_RUNNING);
    assert_string_equal(c->id, fake_keeper.spawned[0]);
    call_free(c);
}

static void a_start_before_the_keeper_is_there_waits_in_line(void **state)
{
    struct fixture *f = *state;
    service_call(&f->service, make_start(f, "s", NULL));
    struct call *c = answer(f);
    assert_int_equal(c->view.status, EXECUTION_PENDING);
    assert_int_equal(c->view.queue_position, 1);
    call_free(c);
    assert_int_equal(fake_keeper.n_spawned, 0);
    fake_keeper_ready();
    assert_int_equal(fake_keeper.n_spawned, 1);
}

static void beyond_max_concurrent_executions_wait_and_go_when_one_ends(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    run_one(f, "a");
    run_one(f, "a");
    service_call(&f->service, make_start(f, "b", NULL));
    assert_int_equal(outcome(f), CALL_OK);
    assert_int_equal(fake_keeper.n_spawned, 2);
    fake_keeper_ended(f->dir, fake_keeper.spawned[0], REASON_EXITED, 0);
    assert_int_equal(fake_keeper.n_spawned, 3);
}

static void limits_are_refused_by_name(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    for (int i = 0; i < 2; i++)
        run_one(f, "a");
    service_call(&f->service, make_start(f, "a", NULL)); /* third of the session, first in line */
    assert_int_equal(outcome(f), CALL_OK);
    service_call(&f->service, make_start(f, "a", NULL));
    assert_int_equal(outcome(f), CALL_E_SESSION_LIMIT);
    static const char *const others[] = {"b", "c", "d"};
    for (size_t i = 0; i < 3; i++) {
        service_call(&f->service, make_start(f, others[i], NULL));
        assert_int_equal(outcome(f), CALL_OK);
    }
    service_call(&f->service, make_start(f, "e", NULL));
    assert_int_equal(outcome(f), CALL_E_PENDING_FULL);
}

/* A limit that would hold for less than all processes of a command: told, or not taken at all. */
static void a_limit_weaker_than_asked_for_is_told_or_refused(void **state)
{
    struct fixture *f = *state;
    fake_keeper.host.memory = false;
    fake_keeper_ready();
    f->config.max_memory_bytes = 1000; /* the operator's: no news to a caller */
    struct call *c = make_start(f, "a", NULL);
    c->spec->limits.max_memory_bytes = 1000;
    service_call(&f->service, c);
    fake_keeper_started(fake_keeper.spawned[0]);
    assert_int_equal(outcome(f), CALL_OK);
    assert_int_equal(fake_keeper.n_notes, 0);
    fake_keeper_ended(f->dir, fake_keeper.spawned[0], REASON_EXITED, 0);

    c = make_start(f, "a", NULL);
    c->spec->limits.max_memory_bytes = 500;
    c->spec->limits.max_processes = 5; /* holds */
    service_call(&f->service, c);
    fake_keeper_started(fake_keeper.spawned[1]);
    assert_int_equal(outcome(f), CALL_OK);
    assert_int_equal(fake_keeper.n_notes, 1);
    assert_non_null(strstr(fake_keeper.note, "memory limit holds for each process"));
    assert_null(strstr(fake_keeper.note, "pids"));

    f->config.require_tree_limits = true;
    c = make_start(f, "b", NULL);
    c->spec->limits.max_memory_bytes = 1000;
    service_call(&f->service, c);
    c = answer(f);
    assert_int_equal(c->view.status, EXECUTION_FAILED);
    CLEANUP(free_p) char *dir = journal_dir(f->dir, c->id);
    struct execution_exit x;
    assert_int_equal(journal_read_exit(dir, &x), 0);
    assert_int_equal(x.reason, REASON_SPAWN_FAILED);
    assert_non_null(strstr(x.error, "limits.require_tree"));
    call_free(c);
    assert_int_equal(fake_keeper.n_spawned, 2);
}

static void the_same_key_starts_once(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    service_call(&f->service, make_start(f, "a", "key"));
    fake_keeper_started(fake_keeper.spawned[0]);
    struct call *first = answer(f);
    service_call(&f->service, make_start(f, "a", "key"));
    struct call *second = answer(f);
    assert_true(second->repeated);
    assert_string_equal(second->id, first->id);
    assert_int_equal(fake_keeper.n_spawned, 1);
    call_free(first);
    call_free(second);
    struct call *other = make_start(f, "a", "key");
    other->spec->request_hash[0] = 'X';
    service_call(&f->service, other);
    assert_int_equal(outcome(f), CALL_E_KEY_REUSED);
}

static void every_waiter_is_answered_once_when_output_grows_or_it_ends(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    const char *id = run_one(f, "a");
    service_call(&f->service, make_wait(f, id, CALL_UNTIL_GREW, 1));
    service_call(&f->service, make_wait(f, id, CALL_UNTIL_GREW, 5));
    service_call(&f->service, make_wait(f, id, CALL_UNTIL_ENDED, 0));
    fake_keeper_grew(id, 2, 10);
    struct call *c = answer(f);
    assert_int_equal(c->view.events, 2);
    call_free(c);
    assert_null(answer(f));
    fake_keeper_ended(f->dir, id, REASON_SIGNALED, -9);
    assert_int_equal(outcome(f), CALL_OK);
    assert_int_equal(outcome(f), CALL_OK);
    assert_null(answer(f));
}

static void waiters_have_a_maximum(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    const char *id = run_one(f, "a");
    for (int i = 0; i < 5; i++)
        service_call(&f->service, make_wait(f, id, CALL_UNTIL_ENDED, 0));
    assert_null(answer(f));
    service_call(&f->service, make_wait(f, id, CALL_UNTIL_ENDED, 0));
    assert_int_equal(outcome(f), CALL_E_WAITERS_FULL);
}

static void a_deadline_answers_with_how_things_stand(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    struct call *c = make_wait(f, run_one(f, "a"), CALL_UNTIL_ENDED, 0);
    c->deadline_ms = clock_mono_ms() + 5;
    service_call(&f->service, c);
    while (list_is_empty(&f->answered))
        event_base_loop(f->base, EVLOOP_ONCE);
    c = answer(f);
    assert_int_equal(c->outcome, CALL_OK);
    assert_int_equal(c->view.status, EXECUTION_RUNNING);
    call_free(c);
}

static void giving_up_a_synchronous_start_ends_it_and_a_wait_does_not(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    struct call *c = make_start(f, "a", NULL);
    c->until = CALL_UNTIL_ENDED;
    uint64_t serial = c->serial;
    service_call(&f->service, c);
    fake_keeper_started(fake_keeper.spawned[0]);
    struct call *w = make_wait(f, fake_keeper.spawned[0], CALL_UNTIL_ENDED, 0);
    uint64_t wait_serial = w->serial;
    service_call(&f->service, w);
    service_give_up(&f->service, wait_serial, false);
    assert_int_equal(outcome(f), CALL_E_CANCELLED);
    assert_int_equal(fake_keeper.n_killed, 0);
    service_give_up(&f->service, serial, true);
    assert_int_equal(outcome(f), CALL_E_CANCELLED);
    assert_int_equal(fake_keeper.n_killed, 1);
    service_give_up(&f->service, serial, true); /* too late: nothing happens */
    assert_int_equal(fake_keeper.n_killed, 1);
}

static void cancelling_what_still_waits_ends_it_without_a_start(void **state)
{
    struct fixture *f = *state;
    service_call(&f->service, make_start(f, "a", NULL));
    struct call *started = answer(f);
    struct call *c = make_call(f, CALL_CANCEL, "a");
    memcpy(c->id, started->id, sizeof(c->id));
    service_call(&f->service, c);
    c = answer(f);
    assert_true(c->was_running);
    assert_int_equal(c->view.status, EXECUTION_CANCELLED);
    call_free(c);
    call_free(started);
    fake_keeper_ready();
    assert_int_equal(fake_keeper.n_spawned, 0);
}

static void stdin_waits_for_the_keepers_word(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    const char *id = run_one(f, "a");
    struct call *c = make_call(f, CALL_STDIN, "a");
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    service_call(&f->service, c);
    assert_null(answer(f));
    fake_keeper_stdin(fake_keeper.stdin_token, KEEPER_STDIN_FULL);
    assert_int_equal(outcome(f), CALL_E_STDIN_FULL);
    c = make_call(f, CALL_STDIN, "a");
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    service_call(&f->service, c);
    fake_keeper_gone();
    assert_int_equal(outcome(f), CALL_E_KEEPER_AWAY);
}

static struct call *make_input(struct fixture *f, const char *id)
{
    struct call *c = make_call(f, CALL_STDIN, "a");
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    return c;
}

static enum execution_waiting waiting_of(struct fixture *f, const char *id)
{
    service_call(&f->service, make_wait(f, id, CALL_UNTIL_NOTHING, 0));
    struct call *c = answer(f);
    enum execution_waiting w = c->view.waiting;
    call_free(c);
    return w;
}

/* Nothing more comes by itself, whatever was waited for. */
static void waiting_for_input_ends_every_wait(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    const char *id = run_one(f, "a");
    service_call(&f->service, make_wait(f, id, CALL_UNTIL_GREW, 5));
    service_call(&f->service, make_wait(f, id, CALL_UNTIL_ENDED, 0));
    fake_keeper_waits(id, 2, WAITING_UNKNOWN);
    assert_null(answer(f));
    fake_keeper_waits(id, 2, WAITING_SECRET);
    for (int i = 0; i < 2; i++) {
        struct call *c = answer(f);
        assert_int_equal(c->view.waiting, WAITING_SECRET);
        assert_int_equal(c->view.status, EXECUTION_RUNNING);
        call_free(c);
    }
    service_call(&f->service, make_wait(f, id, CALL_UNTIL_ENDED, 0));
    assert_int_equal(outcome(f), CALL_OK); /* it is so already */
    fake_keeper_ended(f->dir, id, REASON_EXITED, 0);
    assert_int_equal(waiting_of(f, id), WAITING_NO);
}

static void input_that_was_taken_ends_the_waiting_at_once(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    const char *id = run_one(f, "a");
    fake_keeper_waits(id, 2, WAITING_INPUT);
    service_call(&f->service, make_input(f, id));
    fake_keeper_stdin(fake_keeper.stdin_token, KEEPER_STDIN_FULL);
    assert_int_equal(outcome(f), CALL_E_STDIN_FULL);
    assert_int_equal(waiting_of(f, id), WAITING_INPUT);
    service_call(&f->service, make_input(f, id));
    fake_keeper_stdin(fake_keeper.stdin_token, KEEPER_STDIN_OK);
    assert_int_equal(outcome(f), CALL_OK);
    assert_int_equal(waiting_of(f, id), WAITING_NO);
}

static void another_principal_gets_the_answer_of_an_unknown_id(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    const char *id = run_one(f, "a");
    static const enum call_op ops[] = {CALL_WAIT, CALL_STDIN, CALL_CANCEL};
    for (size_t i = 0; i < 3; i++) {
        struct call *c = make_call(f, ops[i], NULL);
        (void)snprintf(c->id, sizeof(c->id), "%s", id);
        c->principal[0] = 'X';
        service_call(&f->service, c);
        assert_int_equal(outcome(f), CALL_E_NOT_FOUND);
    }
}

static void retention_removes_the_oldest_finished_and_never_what_runs(void **state)
{
    struct fixture *f = *state;
    f->config.max_finished = 1;
    fake_keeper_ready();
    char first[EXECUTION_ID_MAX + 1];
    (void)snprintf(first, sizeof(first), "%s", run_one(f, "a"));
    fake_keeper_ended(f->dir, first, REASON_EXITED, 0);
    const char *second = run_one(f, "a");
    fake_keeper_ended(f->dir, second, REASON_EXITED, 0);
    CLEANUP(free_p) char *kept = strdup(second);
    const char *running = run_one(f, "a");
    service_tick(&f->service);
    assert_null(registry_find(&f->service.registry, first));
    assert_non_null(registry_find(&f->service.registry, kept));
    assert_non_null(registry_find(&f->service.registry, running));
    CLEANUP(free_p) char *dir = journal_dir(f->dir, first);
    struct stat st;
    assert_int_equal(stat(dir, &st), -1);
}

static void low_disk_refuses_new_work(void **state)
{
    struct fixture *f = *state;
    f->config.min_free_bytes = UINT64_MAX;
    fake_keeper_ready();
    service_tick(&f->service);
    service_call(&f->service, make_start(f, "a", NULL));
    assert_int_equal(outcome(f), CALL_E_LOW_DISK);
}

/* What retention drops of an output is not on the disk: counted, it made room by removing all that
 * had finished, and then refused new work. */
static void output_that_is_not_kept_does_not_count_as_disk_space(void **state)
{
    struct fixture *f = *state;
    f->config.max_disk_bytes = 1 << 20;
    fake_keeper_ready();
    const char *id = run_one(f, "a");
    fake_keeper_ended(f->dir, id, REASON_EXITED, 0);
    CLEANUP(free_p) char *finished = strdup(id);
    struct call *c = make_start(f, "a", NULL);
    c->spec->limits.keep_output_bytes = 1000;
    service_call(&f->service, c);
    fake_keeper_started(fake_keeper.spawned[1]);
    assert_int_equal(outcome(f), CALL_OK);
    fake_keeper_grew(fake_keeper.spawned[1], 10, UINT64_C(1) << 40);
    assert_int_equal(f->service.registry.journal_bytes, 1000 + 10 * 32);
    service_tick(&f->service);
    assert_non_null(registry_find(&f->service.registry, finished));
    service_call(&f->service, make_start(f, "b", NULL));
    fake_keeper_started(fake_keeper.spawned[2]);
    assert_int_equal(outcome(f), CALL_OK);
}

/* Two have one key when the first could not be removed from the disk and a server read both. */
static void a_key_outlives_an_older_execution_that_had_it(void **state)
{
    struct fixture *f = *state;
    struct registry *r = &f->service.registry;
    char principal[] = "alice", key[] = "key";
    struct entry *e[2];
    for (int i = 0; i < 2; i++) {
        struct exec_spec s = {.principal = principal, .idempotency_key = key};
        id_make("r1", s.id);
        e[i] = registry_add(r, &s);
    }
    registry_remove(r, e[0]);
    assert_ptr_equal(registry_find_key(r, principal, key), e[1]);
    registry_remove(r, e[1]);
    assert_null(registry_find_key(r, principal, key));
}

/* It was answered at once, as pending. */
static void a_repeat_waits_as_the_first_does_until_it_runs(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    for (int i = 0; i < 2; i++) {
        struct call *c = make_start(f, "a", "key");
        c->deadline_ms = 0;
        service_call(&f->service, c);
    }
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    assert_null(answer(f));
    fake_keeper_started(fake_keeper.spawned[0]);
    for (int i = 0; i < 2; i++) {
        struct call *c = answer(f);
        assert_int_equal(c->view.status, EXECUTION_RUNNING);
        call_free(c);
    }
}

static void lists_are_newest_first_and_go_on_at_the_cursor(void **state)
{
    struct fixture *f = *state;
    f->config.max_concurrent = 10;
    fake_keeper_ready();
    char ids[3][EXECUTION_ID_MAX + 1];
    for (int i = 0; i < 3; i++)
        memcpy(ids[i], run_one(f, i == 1 ? "b" : "a"), sizeof(ids[i]));
    struct call *c = make_call(f, CALL_LIST, "a");
    c->list.limit = 2;
    service_call(&f->service, c);
    c = answer(f);
    assert_int_equal(c->n_views, 2);
    assert_true(c->has_more);
    assert_string_equal(c->views[0].id, ids[2]);
    struct call *next = make_call(f, CALL_LIST, "a");
    next->list.limit = 2;
    next->list.before_us = c->views[1].created_us;
    memcpy(next->list.before_id, c->views[1].id, sizeof(next->list.before_id));
    call_free(c);
    service_call(&f->service, next);
    c = answer(f);
    assert_int_equal(c->n_views, 1);
    assert_string_equal(c->views[0].id, ids[0]);
    call_free(c);
    c = make_call(f, CALL_LIST, "b");
    c->list.limit = 5;
    c->list.session_only = true;
    service_call(&f->service, c);
    c = answer(f);
    assert_int_equal(c->n_views, 1);
    assert_string_equal(c->views[0].id, ids[1]);
    call_free(c);
}

/* The cursor of a list is a time: the order must be by time too. */
static void lists_are_by_time_also_when_the_clock_was_set_back(void **state)
{
    struct fixture *f = *state;
    static const uint64_t times_us[] = {5000, 9000, 2000, 7000};
    static const uint64_t want_us[] = {9000, 7000, 5000, 2000};
    f->config.max_per_session = 10;
    for (size_t i = 0; i < ARRAY_LEN(times_us); i++) {
        clock_hold(clock_mono_us(), times_us[i]);
        service_call(&f->service, make_start(f, "a", NULL));
        assert_int_equal(outcome(f), CALL_OK);
    }
    clock_hold(0, 0);
    struct call *c = make_call(f, CALL_LIST, "a");
    c->list.limit = 10;
    service_call(&f->service, c);
    c = answer(f);
    assert_int_equal(c->n_views, ARRAY_LEN(want_us));
    for (size_t i = 0; i < c->n_views; i++)
        assert_int_equal(c->views[i].created_us, want_us[i]);
    call_free(c);
}

static void shutdown_cancels_what_runs_and_what_waits(void **state)
{
    struct fixture *f = *state;
    f->config.max_concurrent = 1;
    fake_keeper_ready();
    run_one(f, "a");
    service_call(&f->service, make_start(f, "b", NULL));
    struct call *c = answer(f);
    service_drain(&f->service, REACTOR_DRAIN_CANCEL);
    assert_int_equal(fake_keeper.n_killed, 1);
    assert_int_equal(fake_keeper.kill_reason, REASON_SHUTDOWN);
    struct entry *e = registry_find(&f->service.registry, c->id);
    assert_int_equal(e->phase, ENTRY_ENDED);
    call_free(c);
    service_call(&f->service, make_start(f, "c", NULL));
    assert_int_equal(outcome(f), CALL_E_DRAINING);
}

/* Whoever is told of a task may ask another replica for it at once. */
static void a_start_is_not_answered_before_others_can_know(void **state)
{
    struct fixture *f = *state;
    fake_keeper_ready();
    struct call *c = make_start(f, "s", NULL);
    c->until = CALL_UNTIL_ENDED;
    c->deadline_ms = clock_mono_ms() + 20;
    service_call(&f->service, c);
    const char *id = fake_keeper.spawned[0];
    struct entry *e = registry_find(&f->service.registry, id);
    e->is_announcing = true;
    fake_keeper_started(id);
    event_base_loop(f->base, EVLOOP_ONCE); /* the deadline */
    assert_null(answer(f));
    e->is_announcing = false;
    waiters_wake(f->service.waiters, e, false);
    assert_int_equal(outcome(f), CALL_OK);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_start_is_answered_when_the_command_runs),
        TEST(a_start_before_the_keeper_is_there_waits_in_line),
        TEST(beyond_max_concurrent_executions_wait_and_go_when_one_ends),
        TEST(limits_are_refused_by_name),
        TEST(a_limit_weaker_than_asked_for_is_told_or_refused),
        TEST(the_same_key_starts_once),
        TEST(every_waiter_is_answered_once_when_output_grows_or_it_ends),
        TEST(waiters_have_a_maximum),
        TEST(a_deadline_answers_with_how_things_stand),
        TEST(giving_up_a_synchronous_start_ends_it_and_a_wait_does_not),
        TEST(cancelling_what_still_waits_ends_it_without_a_start),
        TEST(stdin_waits_for_the_keepers_word),
        TEST(waiting_for_input_ends_every_wait),
        TEST(input_that_was_taken_ends_the_waiting_at_once),
        TEST(another_principal_gets_the_answer_of_an_unknown_id),
        TEST(retention_removes_the_oldest_finished_and_never_what_runs),
        TEST(low_disk_refuses_new_work),
        TEST(output_that_is_not_kept_does_not_count_as_disk_space),
        TEST(a_key_outlives_an_older_execution_that_had_it),
        TEST(a_repeat_waits_as_the_first_does_until_it_runs),
        TEST(lists_are_newest_first_and_go_on_at_the_cursor),
        TEST(lists_are_by_time_also_when_the_clock_was_set_back),
        TEST(a_start_is_not_answered_before_others_can_know),
        TEST(shutdown_cancels_what_runs_and_what_waits),
    };
    return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
