/* What the service tells of executions that somebody watches, and of lists that changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_keeper.h"
#include "tests/unit/service_fixture.h"

struct heard {
    unsigned count, what;
    char principal[16];
    struct execution_view view;
};

static void hear(void *arg, const char *principal, const struct execution_view *v, unsigned what)
{
    struct heard *h = arg;
    h->count++;
    h->what = what;
    h->view = *v;
    (void)snprintf(h->principal, sizeof(h->principal), "%s", principal);
}

static void changes_of_a_watched_execution_are_told(void **state)
{
    struct fixture *f = *state;
    struct heard h = {0};
    f->service.on_news = hear;
    f->service.news_arg = &h;
    fake_keeper_ready();
    service_call(&f->service, make_start(f, "s", NULL));
    const char *id = fake_keeper.spawned[0];
    service_watch(&f->service, id);
    service_watch(&f->service, "nobody");
    fake_keeper_started(id);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.what, NEWS_STATUS);
    assert_string_equal(h.principal, "alice");
    assert_string_equal(h.view.id, id);
    assert_int_equal(h.view.status, EXECUTION_RUNNING);
    assert_true(h.view.changed_us >= h.view.created_us);
    fake_keeper_grew(id, 2, 10);
    assert_int_equal(h.count, 2);
    assert_int_equal(h.what, NEWS_OUTPUT);
    assert_int_equal(h.view.output_bytes, 10);
    uint64_t changed_us = h.view.changed_us;
    fake_keeper_ended(f->dir, id, REASON_EXITED, 0);
    assert_int_equal(h.count, 3);
    assert_true(h.what & NEWS_STATUS);
    assert_int_equal(h.view.status, EXECUTION_COMPLETED);
    assert_true(h.view.changed_us > changed_us);
    assert_int_equal(outcome(f), CALL_OK);
}

/* The keeper's totals come after its answer: between the two nobody may be asked again. */
static void who_was_written_to_no_longer_waits(void **state)
{
    struct fixture *f = *state;
    struct heard h = {0};
    f->service.on_news = hear;
    f->service.news_arg = &h;
    fake_keeper_ready();
    const char *id = run_one(f, "s");
    struct entry *e = registry_find(&f->service.registry, id);
    e->waiting = WAITING_INPUT;
    service_watch(&f->service, id);
    struct call *c = make_call(f, CALL_STDIN, NULL);
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    c->input.data = strdup("yes\n");
    c->input.len = 4;
    service_call(&f->service, c);
    fake_keeper_stdin(fake_keeper.stdin_token, KEEPER_STDIN_OK);
    assert_int_equal(outcome(f), CALL_OK);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.what, NEWS_WAITS);
    assert_int_equal(h.view.waiting, WAITING_NO);
    assert_int_equal(h.view.inputs, 1);
}

static void nothing_is_told_of_what_nobody_watches_any_more(void **state)
{
    struct fixture *f = *state;
    struct heard h = {0};
    f->service.on_news = hear;
    f->service.news_arg = &h;
    fake_keeper_ready();
    const char *id = run_one(f, "s");
    service_watch(&f->service, id);
    service_unwatch(&f->service, id);
    fake_keeper_grew(id, 2, 10);
    assert_int_equal(h.count, 0);
}

static void hear_list(void *arg, const char *principal)
{
    struct heard *h = arg;
    h->count++;
    h->what += !principal; /* everybody */
    (void)snprintf(h->principal, sizeof(h->principal), "%s", principal ? principal : "");
}

static void a_list_that_changed_is_told_of_once_in_a_while(void **state)
{
    struct fixture *f = *state;
    struct heard h = {0};
    list_news_listen(f->service.list_news, hear_list, &h);
    fake_keeper_ready();
    run_one(f, "s");
    run_one(f, "s");
    assert_int_equal(h.count, 0);
    while (h.count == 0)
        event_base_loop(f->base, EVLOOP_ONCE);
    assert_int_equal(h.count, 1);
    assert_string_equal(h.principal, "alice");
    /* Of very many principals nobody is told by name. */
    for (int i = 0; i < 300; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "user%d", i);
        list_news_mark(f->service.list_news, name);
    }
    while (h.what == 0)
        event_base_loop(f->base, EVLOOP_ONCE);
    assert_int_equal(h.what, 1);
    assert_int_equal(h.count, 1 + 257);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(changes_of_a_watched_execution_are_told),
        TEST(who_was_written_to_no_longer_waits),
        TEST(nothing_is_told_of_what_nobody_watches_any_more),
        TEST(a_list_that_changed_is_told_of_once_in_a_while),
    };
    return cmocka_run_group_tests_name("service_news", tests, NULL, NULL);
}
