/* The reactor's thread: calls from others, up to its end and beyond. Without a keeper. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#include "exec/reactor.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "tests/unit/temp_dir.h"

#define THREADS          4
#define CALLS_PER_THREAD 2000

struct fixture {
    char *dir; /* owned */
    struct config config;
    struct sessions *sessions;
    struct reactor *reactor;
};

static void new_reactor(struct fixture *f)
{
    assert_int_equal(sessions_new(f->dir, "r1", 10, 60000, &f->sessions), 0);
    assert_int_equal(reactor_new(&f->config, f->sessions, &f->reactor), 0);
}

static void free_reactor(struct fixture *f)
{
    reactor_stop(f->reactor);
    f->reactor = reactor_free(f->reactor);
    f->sessions = sessions_free(f->sessions);
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    assert_int_equal(temp_dir_setup((void **)&f->dir), 0);
    f->config = (struct config){.state_dir = f->dir,
                                .keeper_path = (char *)"/bin/true", /* fake_keeper.c starts none */
                                .replica_id = (char *)"r1",
                                .max_concurrent = 1,
                                .max_per_session = 1,
                                .max_pending = 10,
                                .max_waiters = 5,
                                .max_finished = 100,
                                .retention_ttl_ms = 60000};
    new_reactor(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    free_reactor(f);
    assert_int_equal(temp_dir_teardown((void **)&f->dir), 0);
    free(f);
    return 0;
}

/* ---- a home that counts ---- */

struct counting_home {
    struct call_home home;
    _Atomic unsigned outcomes[CALL_E_INTERNAL + 1];
};

static void count(struct call_home *home, struct call *c)
{
    struct counting_home *h = CONTAINER_OF(home, struct counting_home, home);
    atomic_fetch_add(&h->outcomes[c->outcome], 1);
    call_free(c);
}

static struct call *make_list(struct counting_home *h)
{
    struct call *c = call_new(CALL_LIST, &h->home, NULL, NULL);
    c->principal = xstrdup("alice");
    c->list.limit = 1;
    return c;
}

static void a_call_that_comes_after_the_end_is_answered(void **state)
{
    struct fixture *f = *state;
    struct counting_home h = {.home.post = count};
    assert_int_equal(reactor_start(f->reactor), 0);
    reactor_stop(f->reactor);
    assert_int_equal(reactor_submit(f->reactor, make_list(&h)), 0);
    assert_int_equal(h.outcomes[CALL_E_DRAINING], 1);
    reactor_cancel_call(f->reactor, 1, true);
    reactor_drain(f->reactor, REACTOR_DRAIN_WAIT);
}

static void a_reactor_that_never_ran_answers_at_its_end(void **state)
{
    struct fixture *f = *state;
    struct counting_home h = {.home.post = count};
    assert_int_not_equal(reactor_submit(f->reactor, make_list(&h)), 0);
    reactor_stop(f->reactor);
    assert_int_equal(h.outcomes[CALL_E_DRAINING], 1);
}

struct caller {
    pthread_t thread;
    struct reactor *reactor;
    struct counting_home *home;
};

static void *call_often(void *arg)
{
    struct caller *c = arg;
    for (unsigned i = 0; i < CALLS_PER_THREAD; i++) {
        uint64_t serial = reactor_submit(c->reactor, make_list(c->home));
        reactor_cancel_call(c->reactor, serial, false);
    }
    return NULL;
}

static void every_call_is_answered_once_while_the_reactor_ends(void **state)
{
    struct fixture *f = *state;
    struct counting_home h = {.home.post = count};
    struct caller callers[THREADS];
    assert_int_equal(reactor_start(f->reactor), 0);
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){.reactor = f->reactor, .home = &h};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    uint64_t end = clock_mono_ms() + 10000;
    while (atomic_load(&h.outcomes[CALL_OK]) == 0 && clock_mono_ms() < end)
        sched_yield();
    reactor_stop(f->reactor);
    for (int i = 0; i < THREADS; i++)
        pthread_join(callers[i].thread, NULL);
    print_message("%u answered before the end, %u after\n", h.outcomes[CALL_OK],
                  h.outcomes[CALL_E_DRAINING]);
    assert_int_equal(h.outcomes[CALL_OK] + h.outcomes[CALL_E_DRAINING], THREADS * CALLS_PER_THREAD);
}

/* A signal may come before the first turn of the loop: whoever looks must not find it idle. */
static void what_an_earlier_server_left_is_known_from_the_begin(void **state)
{
    struct fixture *f = *state;
    struct reactor_health health;
    char *argv[] = {(char *)"/bin/true", NULL}, *env[] = {NULL};
    struct exec_spec spec = {.principal = (char *)"alice",
                             .command = (char *)"true",
                             .argv = argv,
                             .env = env,
                             .cwd = (char *)"/"};
    id_make("r1", spec.id);
    CLEANUP(free_p) char *path = NULL;
    assert_true(asprintf(&path, "%s/executions/%s", f->dir, spec.id) > 0);
    assert_int_equal(dir_make(path), 0);
    assert_int_equal(exec_spec_write(&spec, path), 0);
    free_reactor(f);
    new_reactor(f);
    reactor_get_health(f->reactor, &health);
    assert_int_equal(health.pending, 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_call_that_comes_after_the_end_is_answered),
        TEST(a_reactor_that_never_ran_answers_at_its_end),
        TEST(every_call_is_answered_once_while_the_reactor_ends),
        TEST(what_an_earlier_server_left_is_known_from_the_begin),
    };
    return cmocka_run_group_tests_name("reactor", tests, NULL, NULL);
}
