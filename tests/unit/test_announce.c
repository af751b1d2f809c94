/* A start is answered when other replicas can find what it started, or Redis is away. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/fake_keeper.h"
#include "tests/unit/replica_fixture.h"

#define A (&replicas.a)

static bool is_down(void *arg)
{
    return !redis_is_up(A->service.redis);
}

/* Asks for a start; the command runs at once. */
static const char *start(void)
{
    unsigned n = fake_keeper.n_spawned;
    service_call(&A->service, replica_start_call(A, NULL, NULL));
    assert_int_equal(fake_keeper.n_spawned, n + 1);
    const char *id = fake_keeper.spawned[n % 64];
    fake_keeper_started(id);
    return id;
}

static void check_answered(const char *id)
{
    struct call *c = replica_await(A);
    assert_int_equal(c->outcome, CALL_OK);
    assert_string_equal(c->view.id, id);
    call_free(c);
    assert_null(replica_answer(A)); /* once */
}

static void a_start_waits_for_redis(void **state)
{
    redis_server_signal(replicas.redis, SIGSTOP);
    const char *id = start();
    replicas_run(200);
    assert_null(replica_answer(A));
    redis_server_signal(replicas.redis, SIGCONT);
    check_answered(id);
    struct record r;
    replica_record(id, &r);
    record_deinit(&r);
}

/* Also one that was over before Redis had heard of it. */
static void an_end_does_not_answer_it_earlier(void **state)
{
    redis_server_signal(replicas.redis, SIGSTOP);
    const char *id = start();
    fake_keeper_ended(A->config.state_dir, id, REASON_EXITED, 0);
    replicas_run(200);
    assert_null(replica_answer(A));
    redis_server_signal(replicas.redis, SIGCONT);
    check_answered(id);
}

static void who_asks_for_what_runs_is_answered_meanwhile(void **state)
{
    redis_server_signal(replicas.redis, SIGSTOP);
    const char *id = start();
    struct call *c = replica_ask(A, replica_wait_call(A, id, CALL_UNTIL_NOTHING, 0));
    assert_int_equal(c->op, CALL_WAIT);
    assert_int_equal(c->outcome, CALL_OK);
    call_free(c);
    redis_server_signal(replicas.redis, SIGCONT);
    check_answered(id);
}

static void it_does_not_wait_for_a_redis_that_dies(void **state)
{
    redis_server_signal(replicas.redis, SIGSTOP);
    const char *id = start();
    redis_server_stop(replicas.redis);
    check_answered(id);
    assert_true(is_down(NULL));
    check_answered(start()); /* nor for one that is away */
    redis_server_restart(replicas.redis);
    replica_await_events(id, 0); /* it is told once Redis is back */
}

int main(void)
{
    redis_server_need();
    (void)signal(SIGPIPE, SIG_IGN);
#define TEST(f) cmocka_unit_test_setup_teardown(f, replicas_set_up, replicas_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_start_waits_for_redis),
        TEST(an_end_does_not_answer_it_earlier),
        TEST(who_asks_for_what_runs_is_answered_meanwhile),
        TEST(it_does_not_wait_for_a_redis_that_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
