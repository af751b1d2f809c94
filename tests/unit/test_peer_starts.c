/*
 * One start for one key on all replicas, and the death of one of them, over a real Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec/peers_impl.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/journal.h"
#include "state/replica.h"
#include "tests/unit/fake_keeper.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/replica_fixture.h"
#include "tests/unit/temp_dir.h"

#define A (&replicas.a)
#define B (&replicas.b)

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

/* Its owner is not connected yet to the Redis that came back empty. */
static void a_missing_key_is_not_new_before_its_owner_is_back(void **state)
{
    service_call(&A->service, replica_start_call(A, "k", "a"));
    replicas_run(100);
    fake_keeper_started(fake_keeper.spawned[0]);
    call_free(replica_await(A));
    free(redis_server_cli(replicas.redis, "DEL idempotency:alice:k"));
    B->service.peers->renewed_ms = clock_mono_ms();
    service_call(&B->service, replica_start_call(B, "k", "a"));
    replicas_run(200);
    assert_null(replica_answer(B));
    char command[160];
    (void)snprintf(command, sizeof(command), "SET idempotency:alice:k %s", fake_keeper.spawned[0]);
    free(redis_server_cli(replicas.redis, command));
    struct call *c = replica_await(B);
    assert_int_equal(c->outcome, CALL_OK);
    assert_true(c->repeated);
    assert_string_equal(c->view.id, fake_keeper.spawned[0]);
    call_free(c);
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

static void a_reservation_that_came_to_nothing_is_withdrawn_by_its_owner(void **state)
{
    struct mirrored m;
    replica_stop(A);
    mirrored_init(&m, "alice");
    id_make("a", m.record.id);
    memcpy(m.record.replica, "a", 2);
    (void)snprintf(m.key, sizeof(m.key), "execution:%s", m.record.id);
    mirrored_reserve(&m, "k", 'a');
    /* Who uses the key meanwhile waits, and is not told an id that may never be. */
    service_call(&B->service, replica_start_call(B, "k", "a"));
    replicas_run(100);
    assert_null(replica_answer(B));
    replica_start(A);
    fake_keeper_ready();
    struct call *c = replica_await(B);
    assert_int_equal(c->outcome, CALL_OK);
    assert_false(c->repeated);
    assert_string_not_equal(c->view.id, m.record.id);
    call_free(c);
    char exists[160];
    (void)snprintf(exists, sizeof(exists), "EXISTS %s", m.key);
    wait_for(exists, "0");
    mirrored_deinit(&m);
}

static void who_waits_for_a_reservation_does_so_for_a_while(void **state)
{
    struct mirrored m;
    mirrored_init(&m, "alice");
    mirrored_reserve(&m, "k", 'a');
    assert_int_equal(replica_outcome(B, replica_start_call(B, "k", "a")), CALL_E_KEY_BUSY);
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

static bool is_left_to_redis(void *arg)
{
    return !registry_find(&A->service.registry, arg);
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

/* As after a loss of power: the file exit was not on the disk yet. */
static void what_was_told_of_an_end_holds_also_when_the_disk_forgot_it(void **state)
{
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_on_a());
    struct journal_file f;
    journal_file_create(&f, A->dir, id);
    journal_file_event(&f, JOURNAL_READY, 0);
    journal_file_close(&f);
    fake_keeper_ended(A->dir, id, REASON_EXITED, 3);
    call_free(replica_ask(B, replica_wait_call(B, id, CALL_UNTIL_ENDED, 0)));
    replica_stop(A);
    CLEANUP(free_p) char *dir = journal_dir(A->dir, id);
    CLEANUP(free_p) char *exit_path = temp_path(dir, "exit");
    assert_int_equal(unlink(exit_path), 0);
    replica_start(A);
    fake_keeper_ready(); /* it does not know of it: it is lost, as far as can be seen here */
    replicas_wait(is_left_to_redis, id, "what was told is found");
    struct call *c = replica_ask(A, replica_wait_call(A, id, CALL_UNTIL_NOTHING, 0));
    assert_int_equal(c->outcome, CALL_OK);
    assert_int_equal(c->view.status, EXECUTION_COMPLETED);
    call_free(c);
    struct execution_exit x = {0};
    assert_int_equal(journal_read_exit(dir, &x), 0);
    assert_int_equal(x.exit_code, 3);
    assert_false(is_lost(id));
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

static bool is_b_taken(void *arg)
{
    return replica_is_taken(B->service.replica);
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

/* Its name is somebody else's, who lives: what is in that name is not its own to judge. */
static void a_second_one_of_a_name_declares_nothing_lost(void **state)
{
    char id[EXECUTION_ID_MAX + 1];
    (void)snprintf(id, sizeof(id), "%s", run_on_a());
    replica_stop(B);
    B->config.replica_id = (char *)"a";
    replica_start(B);
    replicas_wait(is_b_taken, NULL, "it knows that its name is taken");
    replicas_run(500);
    assert_false(is_lost(id));
    /* Once that one is gone for good, nobody else would. */
    replica_stop(A);
    mirrored_heartbeat("a", false);
    replicas_wait(is_lost, id, "it is lost");
}

int main(void)
{
    redis_server_need();
    const struct CMUnitTest tests[] = {
        REPLICAS_TEST(one_key_starts_one_command_on_all_replicas),
        REPLICAS_TEST(a_key_stands_for_one_request),
        REPLICAS_TEST(a_key_holds_over_a_redis_that_comes_back_empty),
        REPLICAS_TEST(a_missing_key_is_not_new_before_its_owner_is_back),
        REPLICAS_TEST(a_key_that_was_refused_can_be_used_again),
        REPLICAS_TEST(without_redis_no_keyed_start_and_others_go_on),
        REPLICAS_TEST(an_owner_that_dies_with_a_reservation_is_an_honest_answer),
        REPLICAS_TEST(a_reservation_that_came_to_nothing_is_withdrawn_by_its_owner),
        REPLICAS_TEST(who_waits_for_a_reservation_does_so_for_a_while),
        REPLICAS_TEST(what_was_declared_lost_is_killed_when_its_owner_finds_out),
        REPLICAS_TEST(what_was_declared_lost_and_has_ended_is_lost_for_its_owner_too),
        REPLICAS_TEST(what_was_told_of_an_end_holds_also_when_the_disk_forgot_it),
        REPLICAS_TEST(what_a_dead_replica_ran_is_lost_and_waits_hear_of_it),
        REPLICAS_TEST(after_redis_was_away_everybody_gets_the_grace_to_come_back),
        REPLICAS_TEST(a_replica_that_comes_back_without_its_executions_says_so),
        REPLICAS_TEST(a_second_one_of_a_name_declares_nothing_lost),
    };
    return cmocka_run_group_tests_name("peer_starts", tests, NULL, NULL);
}
