/*
 * Replicas that ask each other, over a real Redis: commands to the owner, output that Redis no
 * longer has, lists, idempotency keys, and the death of one.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/journal.h"
#include "tests/unit/fake_keeper.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/replica_fixture.h"
#include "tests/unit/temp_dir.h"

#define A (&replicas.a)
#define B (&replicas.b)

/* An execution of a's that runs, as b can find it. */
static const char *run_on_a(void)
{
    static char id[EXECUTION_ID_MAX + 1];
    struct record r;
    unsigned n = fake_keeper.n_spawned;
    service_call(&A->service, replica_start_call(A, NULL, NULL));
    assert_int_equal(fake_keeper.n_spawned, n + 1);
    memcpy(id, fake_keeper.spawned[n % 64], sizeof(id));
    fake_keeper_started(id);
    struct call *c = replica_await(A);
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    replica_record(id, &r); /* a start is answered when everybody can see it */
    record_deinit(&r);
    return id;
}

/* Runs the loop until redis-cli prints this. */
static void wait_for(const char *command, const char *expected)
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

static struct call *make_input(struct replica *r, const char *id, const char *text)
{
    struct call *c = replica_call(r, CALL_STDIN, id);
    c->input.data = xstrdup(text);
    c->input.len = strlen(text);
    c->input.input_id = xstrdup("i-1");
    return c;
}

static bool has_input(void *arg)
{
    return fake_keeper.n_stdin >= *(unsigned *)arg;
}

static void input_reaches_the_owner_and_its_answer_comes_back(void **state)
{
    const char *id = run_on_a();
    unsigned one = 1;
    service_call(&B->service, make_input(B, id, "yes\n"));
    replicas_wait(has_input, &one, "the input is at the keeper");
    assert_string_equal(fake_keeper.input, "yes\n");
    assert_null(replica_answer(B));
    fake_keeper_stdin(fake_keeper.stdin_token, KEEPER_STDIN_REPEAT);
    struct call *c = replica_await(B);
    assert_int_equal(c->outcome, CALL_OK);
    assert_true(c->repeated);
    call_free(c);
    /* And what the owner says against it, too. */
    unsigned two = 2;
    service_call(&B->service, make_input(B, id, "no\n"));
    replicas_wait(has_input, &two, "the input is at the keeper");
    fake_keeper_stdin(fake_keeper.stdin_token, KEEPER_STDIN_CLOSED);
    c = replica_await(B);
    assert_int_equal(c->outcome, CALL_E_STDIN_CLOSED);
    call_free(c);
}

static void a_cancel_and_a_signal_reach_the_owner(void **state)
{
    const char *id = run_on_a();
    struct call *c = replica_call(B, CALL_CANCEL, id);
    c->cancel.signo = SIGINT;
    c = replica_ask(B, c);
    assert_int_equal(c->outcome, CALL_OK);
    assert_true(c->was_running);
    assert_int_equal(c->view.status, EXECUTION_RUNNING);
    assert_int_equal(fake_keeper.n_killed, 1);
    call_free(c);
    c = replica_ask(B, replica_call(B, CALL_CANCEL, id));
    assert_int_equal(c->outcome, CALL_OK);
    assert_int_equal(fake_keeper.n_killed, 2);
    assert_string_equal(fake_keeper.killed[1], id);
    call_free(c);
    fake_keeper_ended(A->dir, id, REASON_CANCELLED, -15);
    c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_ENDED, 0));
    assert_int_equal(c->view.status, EXECUTION_CANCELLED);
    call_free(c);
    c = replica_ask(B, replica_call(B, CALL_CANCEL, id));
    assert_int_equal(c->outcome, CALL_OK);
    assert_false(c->was_running);
    call_free(c);
    assert_int_equal(replica_outcome(B, make_input(B, id, "x")), CALL_E_COMPLETED);
    assert_int_equal(fake_keeper.n_killed, 2);
}

static void the_owner_asks_whose_it_is(void **state)
{
    const char *id = run_on_a();
    struct call *c = replica_call(B, CALL_CANCEL, id);
    free(c->principal);
    c->principal = xstrdup("mallory");
    assert_int_equal(replica_outcome(B, c), CALL_E_NOT_FOUND);
    /* Also when the asking replica does not: straight into the stream. */
    char command[512];
    (void)snprintf(command, sizeof(command),
                   "XADD replica:a:commands * op cancel id b.1.1 from b exec %s principal mallory "
                   "ttl_ms 5000",
                   id);
    free(redis_server_cli(replicas.redis, command));
    wait_for("XLEN replica:a:commands", "0"); /* it was taken … */
    assert_int_equal(fake_keeper.n_killed, 0);
}

static void a_command_is_carried_out_in_time_or_not_at_all(void **state)
{
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_on_a());
    call_free(replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0)));
    B->config.redis_command_timeout_ms = 200;
    /* An owner that reads nothing: its heartbeat is there, its loop is not. */
    replica_stop(A);
    mirrored_heartbeat("a", true);
    struct call *c = replica_ask(B, replica_call(B, CALL_CANCEL, id));
    assert_int_equal(c->outcome, CALL_E_OWNER_SILENT);
    call_free(c);
    CLEANUP(free_p) char *left = redis_server_cli(replicas.redis, "XLEN replica:a:commands");
    assert_string_equal(left, "0"); /* taken back: it will never be done */
    /* One whose time is over when its owner comes is dropped. */
    char command[512];
    (void)snprintf(command, sizeof(command),
                   "XADD replica:a:commands 1000-1 op cancel id b.1.1 from b exec %s principal "
                   "alice ttl_ms 5000",
                   id);
    free(redis_server_cli(replicas.redis, "DEL replica:a:commands replica:a"));
    free(redis_server_cli(replicas.redis, command));
    replica_start(A);
    fake_keeper_ready();
    fake_keeper.n_killed = 0;
    wait_for("XLEN replica:a:commands", "0");
    assert_int_equal(fake_keeper.n_killed, 0);
}

static void an_owner_without_a_heartbeat_is_not_waited_for(void **state)
{
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_on_a());
    call_free(replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0)));
    replica_stop(A);
    mirrored_heartbeat("a", false);
    uint64_t begun = clock_mono_ms();
    assert_int_equal(replica_outcome(B, make_input(B, id, "x")), CALL_E_OWNER_AWAY);
    assert_true(clock_mono_ms() - begun < B->config.redis_command_timeout_ms);
}

/* a's journal of it, of which Redis has only the end: from *ret_first on. */
static struct journal_file write_journal(const char *id, unsigned events, uint64_t *ret_first)
{
    struct record r;
    struct journal_file f;
    char line[64];
    journal_file_create(&f, A->dir, id);
    journal_file_event(&f, JOURNAL_READY, 0);
    for (unsigned i = 1; i < events; i++) {
        int n = snprintf(line, sizeof(line), "this is line %u of the output\n", i);
        journal_file_bytes(&f, i % 3 ? JOURNAL_STDOUT : JOURNAL_STDERR, 0, line, (size_t)n);
    }
    fake_keeper_grew(id, f.events, f.output_bytes);
    replica_await_events(id, events);
    replica_record(id, &r);
    *ret_first = r.first_event;
    assert_in_range(*ret_first, 1500, events - 100);
    record_deinit(&r);
    return f;
}

static void check_same_journals(const char *id, uint64_t first)
{
    CLEANUP(journal_closep) struct journal *a = NULL;
    CLEANUP(journal_closep) struct journal *b = NULL;
    struct journal_record ra, rb;
    char da[256], db[256];
    size_t n;
    assert_int_equal(journal_open(A->dir, id, &a), 0);
    assert_int_equal(journal_open(B->dir, id, &b), 0);
    assert_int_equal(journal_first_event(b), first);
    assert_int_equal(journal_events(b), journal_events(a));
    for (uint64_t i = first; i < journal_events(a); i++) {
        assert_int_equal(journal_records(a, i, &ra, 1, &n), 0);
        assert_int_equal(journal_records(b, i, &rb, 1, &n), 0);
        assert_memory_equal(&ra, &rb, sizeof(ra));
        assert_int_equal(journal_read(a, ra.offset, da, ra.length), 0);
        assert_int_equal(journal_read(b, rb.offset, db, rb.length), 0);
        assert_memory_equal(da, db, ra.length);
    }
}

static void output_that_redis_dropped_comes_from_the_owner(void **state)
{
    uint64_t first;
    const char *id = run_on_a();
    struct journal_file f = write_journal(id, 9000, &first);
    struct call *c = replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0);
    c->reads_output = false; /* a status needs no output */
    call_free(replica_ask(B, c));
    check_same_journals(id, first);
    c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, first - 1000));
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    check_same_journals(id, first - 1000);
    c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0));
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    check_same_journals(id, 0);
    journal_file_close(&f);
}

static void what_the_owner_has_dropped_too_is_not_asked_again(void **state)
{
    uint64_t first;
    const char *id = run_on_a();
    struct journal_file f = write_journal(id, 3000, &first);
    struct journal_record rec;
    size_t n;
    CLEANUP(journal_closep) struct journal *j = NULL;
    assert_int_equal(journal_open(A->dir, id, &j), 0);
    assert_int_equal(journal_records(j, 700, &rec, 1, &n), 0);
    journal_file_drop(&f, 700, rec.offset);
    for (int i = 0; i < 3; i++) {
        struct call *c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0));
        assert_int_equal(c->outcome, CALL_OK);
        call_free(c);
    }
    check_same_journals(id, 700);
    journal_file_close(&f);
}

static void behind_a_dead_owner_the_bytes_are_dropped(void **state)
{
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_on_a());
    uint64_t first;
    struct journal_file f = write_journal(id, 3000, &first);
    call_free(replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, first)));
    replica_stop(A);
    mirrored_heartbeat("a", false);
    struct call *c = replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_NOTHING, 0));
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    check_same_journals(id, first);
    journal_file_close(&f);
}

/* ---- lists ---- */

static struct call *list(struct replica *r, unsigned limit, const struct execution_view *after)
{
    struct call *c = replica_call(r, CALL_LIST, NULL);
    c->list.limit = limit;
    if (after) {
        c->list.before_us = after->created_us;
        memcpy(c->list.before_id, after->id, sizeof(after->id));
    }
    return replica_ask(r, c);
}

static void a_list_has_all_replicas_newest_first_page_by_page(void **state)
{
    char ids[9][EXECUTION_ID_MAX + 1];
    struct mirrored m[3];
    for (int i = 0; i < 9; i++) {
        if (i % 3 == 2) {
            mirrored_init(&m[i / 3], "alice");
            mirrored_add(&m[i / 3], JOURNAL_READY, NULL, 0);
            mirrored_publish(&m[i / 3], 0);
            mirrored_index(&m[i / 3].record);
            memcpy(ids[i], m[i / 3].record.id, sizeof(ids[i]));
        } else {
            (void)snprintf(ids[i], sizeof(ids[i]), "%s", run_on_a());
        }
    }
    struct replica *const both[] = {A, B};
    for (size_t k = 0; k < 2; k++) {
        struct execution_view last;
        int at = 8;
        struct call *c = list(both[k], 4, NULL);
        for (;;) {
            assert_false(c->is_partial);
            for (size_t i = 0; i < c->n_views; i++, at--)
                assert_string_equal(c->views[i].id, ids[at]);
            bool has_more = c->has_more;
            last = c->views[c->n_views - 1];
            call_free(c);
            if (!has_more)
                break;
            c = list(both[k], 4, &last);
        }
        assert_int_equal(at, -1);
    }
    redis_server_stop(replicas.redis);
    struct call *c = list(A, 9, NULL);
    assert_true(c->is_partial);
    assert_int_equal(c->n_views, 6);
    call_free(c);
    redis_server_restart(replicas.redis);
    for (int i = 0; i < 3; i++)
        mirrored_deinit(&m[i]);
}

/* ---- idempotency ---- */

static bool is_lost(void *arg)
{
    char command[160];
    (void)snprintf(command, sizeof(command), "GET execution:%s", (const char *)arg);
    CLEANUP(free_p) char *text = redis_server_cli(replicas.redis, command);
    return strstr(text, "\"status\":\"lost\"");
}

static bool is_killed_as_lost(void *arg)
{
    return fake_keeper.n_killed > 0 && fake_keeper.kill_reason == REASON_LOST;
}

static void one_key_starts_one_command_on_all_replicas(void **state)
{
    unsigned before = fake_keeper.n_spawned;
    service_call(&A->service, replica_start_call(A, "k", "a"));
    service_call(&B->service, replica_start_call(B, "k", "a"));
    replicas_run(300);
    /* Whoever was first has it; b has no keeper, so with b it waits. */
    assert_in_range(fake_keeper.n_spawned, before, before + 1);
    if (fake_keeper.n_spawned > before)
        fake_keeper_started(fake_keeper.spawned[before % 64]);
    struct call *a = replica_await(A), *b = replica_await(B);
    assert_int_equal(a->outcome, CALL_OK);
    assert_int_equal(b->outcome, CALL_OK);
    assert_string_equal(a->view.id, b->view.id);
    assert_true(a->repeated != b->repeated);
    CLEANUP(free_p) char *value = redis_server_cli(replicas.redis, "GET idempotency:alice:k");
    assert_string_equal(value, a->view.id);
    call_free(a);
    call_free(b);
}

static void a_key_stands_for_one_request(void **state)
{
    service_call(&A->service, replica_start_call(A, "k", "a"));
    replicas_run(100);
    fake_keeper_started(fake_keeper.spawned[0]);
    call_free(replica_await(A));
    assert_int_equal(replica_outcome(B, replica_start_call(B, "k", "b")), CALL_E_KEY_REUSED);
    assert_int_equal(replica_outcome(A, replica_start_call(A, "k", "b")), CALL_E_KEY_REUSED);
    assert_int_equal(fake_keeper.n_spawned, 1);
}

static void a_key_holds_over_a_redis_that_comes_back_empty(void **state)
{
    service_call(&A->service, replica_start_call(A, "k", "a"));
    replicas_run(100);
    fake_keeper_started(fake_keeper.spawned[0]);
    call_free(replica_await(A));
    redis_server_restart(replicas.redis);
    wait_for("GET idempotency:alice:k", fake_keeper.spawned[0]);
    replica_await_events(fake_keeper.spawned[0], 0);
    struct call *c = replica_ask(B, replica_start_call(B, "k", "a"));
    assert_int_equal(c->outcome, CALL_OK);
    assert_true(c->repeated);
    assert_string_equal(c->view.id, fake_keeper.spawned[0]);
    call_free(c);
    assert_int_equal(fake_keeper.n_spawned, 1);
}

static void a_key_that_was_refused_can_be_used_again(void **state)
{
    A->config.max_per_session = 0;
    struct call *c = replica_start_call(A, "k", "a");
    c->session_id = xstrdup("s");
    c->spec->session_id = xstrdup("s");
    assert_int_equal(replica_outcome(A, c), CALL_E_SESSION_LIMIT);
    A->config.max_per_session = 10;
    service_call(&A->service, replica_start_call(A, "k", "a"));
    replicas_run(100);
    assert_int_equal(fake_keeper.n_spawned, 1);
    fake_keeper_started(fake_keeper.spawned[0]);
    c = replica_await(A);
    assert_false(c->repeated);
    call_free(c);
}

static void without_redis_no_keyed_start_and_others_go_on(void **state)
{
    redis_server_stop(replicas.redis);
    replicas_run(50);
    assert_int_equal(replica_outcome(A, replica_start_call(A, "k", "a")), CALL_E_REDIS_AWAY);
    assert_int_equal(fake_keeper.n_spawned, 0);
    service_call(&A->service, replica_start_call(A, NULL, NULL));
    assert_int_equal(fake_keeper.n_spawned, 1);
    fake_keeper_started(fake_keeper.spawned[0]);
    struct call *c = replica_await(A);
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    redis_server_restart(replicas.redis);
}

static void an_owner_that_dies_with_a_reservation_is_an_honest_answer(void **state)
{
    struct mirrored m;
    mirrored_init(&m, "alice");
    mirrored_reserve(&m, "k", 'a');
    mirrored_beat("m", 0); /* it died before it started anything */
    B->config.redis_grace_ms = 1;
    replicas_wait(is_lost, m.record.id, "it is lost");
    struct call *c = replica_ask(B, replica_start_call(B, "k", "a"));
    assert_int_equal(c->outcome, CALL_OK);
    assert_true(c->repeated);
    assert_int_equal(c->view.status, EXECUTION_LOST);
    assert_string_equal(c->view.id, m.record.id);
    call_free(c);
    assert_int_equal(replica_outcome(B, replica_start_call(B, "k", "b")), CALL_E_KEY_REUSED);
    assert_int_equal(fake_keeper.n_spawned, 0);
    mirrored_deinit(&m);
}

/* ---- death ---- */

static void what_was_declared_lost_is_killed_when_its_owner_finds_out(void **state)
{
    const char *id = run_on_a();
    struct journal_file f;
    record_declare_lost(id);
    journal_file_create(&f, A->dir, id);
    journal_file_event(&f, JOURNAL_READY, 0);
    journal_file_close(&f);
    fake_keeper_grew(id, 1, 0);
    replicas_wait(is_killed_as_lost, NULL, "the owner kills it");
    assert_string_equal(fake_keeper.killed[0], id);
    fake_keeper_ended(A->dir, id, REASON_LOST, -9);
    struct call *c = replica_ask(A, replica_wait_call(A, id, CALL_UNTIL_ENDED, 0));
    assert_int_equal(c->view.status, EXECUTION_LOST);
    call_free(c);
}

static void what_was_declared_lost_and_has_ended_is_lost_for_its_owner_too(void **state)
{
    const char *id = run_on_a();
    record_declare_lost(id);
    fake_keeper_ended(A->dir, id, REASON_EXITED, 0);
    struct execution_exit x = {0};
    CLEANUP(free_p) char *dir = journal_dir(A->dir, id);
    for (int i = 0; i < 500 && x.reason != REASON_LOST; i++) {
        replicas_run(20);
        assert_int_equal(journal_read_exit(dir, &x), 0);
    }
    assert_int_equal(x.reason, REASON_LOST);
    struct call *c = replica_ask(A, replica_wait_call(A, id, CALL_UNTIL_NOTHING, 0));
    assert_int_equal(c->view.status, EXECUTION_LOST);
    call_free(c);
}

static void what_a_dead_replica_ran_is_lost_and_waits_hear_of_it(void **state)
{
    struct mirrored m;
    mirrored_init(&m, "alice");
    mirrored_add(&m, JOURNAL_READY, NULL, 0);
    mirrored_add(&m, JOURNAL_STDOUT, "so far\n", 7);
    mirrored_publish(&m, 0);
    mirrored_index(&m.record);
    mirrored_beat("m", 0);
    B->config.redis_grace_ms = 1;
    struct call *parked = replica_wait_call(B, m.record.id, CALL_UNTIL_ENDED, 0);
    service_call(&B->service, parked);
    mirrored_heartbeat("m", true);
    replicas_run(600);
    assert_false(is_lost(m.record.id)); /* its heartbeat is there, whatever else */
    mirrored_heartbeat("m", false);
    struct call *c = replica_await(B);
    assert_ptr_equal(c, parked);
    assert_int_equal(c->view.status, EXECUTION_LOST);
    assert_int_equal(c->view.output_bytes, 7);
    call_free(c);
    assert_true(is_lost(m.record.id));
    wait_for("ZSCORE replicas m", ""); /* nothing is left to be done for it */
    mirrored_deinit(&m);
}

/* A minute without Redis is the death of nobody. */
static void after_redis_was_away_everybody_gets_the_grace_to_come_back(void **state)
{
    struct mirrored m;
    mirrored_init(&m, "alice");
    mirrored_add(&m, JOURNAL_READY, NULL, 0);
    mirrored_publish(&m, 0);
    mirrored_index(&m.record);
    A->config.redis_grace_ms = B->config.redis_grace_ms = 2500;
    A->config.redis_heartbeat_ttl_ms = B->config.redis_heartbeat_ttl_ms = 300;
    mirrored_beat("m", 0); /* silent for ever, but nobody has seen it so yet */
    replicas_run(400);
    assert_false(is_lost(m.record.id));
    replicas_wait(is_lost, m.record.id, "it is lost");
    mirrored_deinit(&m);
}

static void a_replica_that_comes_back_without_its_executions_says_so(void **state)
{
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_on_a());
    replica_stop(A);
    CLEANUP(free_p) char *dir = temp_path(A->dir, "executions");
    assert_int_equal(dir_remove(dir), 0); /* another machine, a disk that was replaced */
    mirrored_heartbeat("a", true);
    replica_start(A);
    fake_keeper_ready();
    replicas_wait(is_lost, id, "it is lost");
}

int main(void)
{
    if (!redis_server_is_there()) {
        printf("1..0 # SKIP redis-server is not installed\n");
        return 77;
    }
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, replicas_set_up, replicas_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(input_reaches_the_owner_and_its_answer_comes_back),
        TEST(a_cancel_and_a_signal_reach_the_owner),
        TEST(the_owner_asks_whose_it_is),
        TEST(a_command_is_carried_out_in_time_or_not_at_all),
        TEST(an_owner_without_a_heartbeat_is_not_waited_for),
        TEST(output_that_redis_dropped_comes_from_the_owner),
        TEST(what_the_owner_has_dropped_too_is_not_asked_again),
        TEST(behind_a_dead_owner_the_bytes_are_dropped),
        TEST(a_list_has_all_replicas_newest_first_page_by_page),
        TEST(one_key_starts_one_command_on_all_replicas),
        TEST(a_key_stands_for_one_request),
        TEST(a_key_holds_over_a_redis_that_comes_back_empty),
        TEST(a_key_that_was_refused_can_be_used_again),
        TEST(without_redis_no_keyed_start_and_others_go_on),
        TEST(an_owner_that_dies_with_a_reservation_is_an_honest_answer),
        TEST(what_was_declared_lost_is_killed_when_its_owner_finds_out),
        TEST(what_was_declared_lost_and_has_ended_is_lost_for_its_owner_too),
        TEST(what_a_dead_replica_ran_is_lost_and_waits_hear_of_it),
        TEST(after_redis_was_away_everybody_gets_the_grace_to_come_back),
        TEST(a_replica_that_comes_back_without_its_executions_says_so),
    };
    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
