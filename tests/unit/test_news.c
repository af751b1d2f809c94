/* What is told of watched executions, and when: the real libevent loop with short intervals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "exec/news.h"
#include "state/base/clock.h"
#include "state/base/macro.h"
#include "tests/unit/random.h"

#define INTERVAL_MS 60u

struct told {
    struct event_base *base;
    struct news *news;
    unsigned count;
    unsigned what; /* of the last one */
    char id[65];
    uint64_t at_ms;
    bool unwatches; /* in the callback */
};

static void on_due(void *arg, const char *id, unsigned what)
{
    struct told *t = arg;
    t->count++;
    t->what = what;
    t->at_ms = clock_mono_ms();
    (void)snprintf(t->id, sizeof(t->id), "%s", id);
    if (t->unwatches)
        (void)news_unwatch(t->news, id);
}

static int set_up(void **state)
{
    struct told *t = xcalloc(1, sizeof(*t));
    t->base = event_base_new();
    t->news = news_new(t->base, INTERVAL_MS, on_due, t);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct told *t = *state;
    news_free(t->news);
    event_base_free(t->base);
    free(t);
    return 0;
}

static void nobody_watches_and_nothing_is_told(void **state)
{
    struct told *t = *state;
    news_tell(t->news, "a", NEWS_OUTPUT, true);
    news_watch(t->news, "b");
    news_tell(t->news, "a", NEWS_OUTPUT, true);
    assert_int_equal(t->count, 0);
}

static void the_first_change_is_told_at_once(void **state)
{
    struct told *t = *state;
    news_watch(t->news, "a");
    news_tell(t->news, "a", NEWS_OUTPUT, false);
    assert_int_equal(t->count, 1);
    assert_int_equal(t->what, NEWS_OUTPUT);
    assert_string_equal(t->id, "a");
}

static void changes_of_an_interval_are_told_together_at_its_end(void **state)
{
    struct told *t = *state;
    news_watch(t->news, "a");
    uint64_t begun_ms = clock_mono_ms();
    news_tell(t->news, "a", NEWS_OUTPUT, false);
    news_tell(t->news, "a", NEWS_OUTPUT, false);
    news_tell(t->news, "a", NEWS_WAITS, false);
    assert_int_equal(t->count, 1);
    event_base_loop(t->base, EVLOOP_ONCE); /* the timer */
    assert_int_equal(t->count, 2);
    assert_int_equal(t->what, NEWS_OUTPUT | NEWS_WAITS);
    assert_true(t->at_ms >= begun_ms + INTERVAL_MS - 1);
    /* Nothing is left over. */
    assert_int_equal(event_base_loop(t->base, 0), 1); /* no event is pending */
    assert_int_equal(t->count, 2);
}

static void each_execution_has_its_own_interval(void **state)
{
    struct told *t = *state;
    news_watch(t->news, "a");
    news_watch(t->news, "b");
    for (int i = 0; i < 3; i++) {
        news_tell(t->news, "a", NEWS_OUTPUT, false);
        news_tell(t->news, "b", NEWS_OUTPUT, false);
    }
    assert_int_equal(t->count, 2);
    event_base_loop(t->base, 0);
    assert_int_equal(t->count, 4);
}

static void an_end_is_told_at_once_with_what_was_held_back(void **state)
{
    struct told *t = *state;
    news_watch(t->news, "a");
    news_tell(t->news, "a", NEWS_WAITS, false);
    news_tell(t->news, "a", NEWS_OUTPUT, false);
    news_tell(t->news, "a", NEWS_STATUS, true);
    assert_int_equal(t->count, 2);
    assert_int_equal(t->what, NEWS_OUTPUT | NEWS_STATUS);
    event_base_loop(t->base, 0);
    assert_int_equal(t->count, 2);
}

static void watchers_are_counted(void **state)
{
    struct told *t = *state;
    news_watch(t->news, "a");
    news_watch(t->news, "a");
    assert_false(news_unwatch(t->news, "a"));
    assert_true(news_is_watched(t->news, "a"));
    assert_true(news_unwatch(t->news, "a"));
    assert_false(news_is_watched(t->news, "a"));
    assert_false(news_unwatch(t->news, "a"));
}

static void who_is_told_may_stop_watching(void **state)
{
    struct told *t = *state;
    t->unwatches = true;
    news_watch(t->news, "a");
    news_tell(t->news, "a", NEWS_OUTPUT, false);
    news_tell(t->news, "a", NEWS_OUTPUT, false);
    assert_int_equal(t->count, 1);
    event_base_loop(t->base, 0);
    assert_int_equal(t->count, 1);
}

/* Whatever is done in whatever order: what was told covers what happened. */
static void no_change_is_forgotten(void **state)
{
    struct told *t = *state;
    struct random r = {.state = 7};
    unsigned happened = 0;
    news_watch(t->news, "a");
    for (int i = 0; i < 2000; i++) {
        unsigned before = t->count;
        unsigned what = 1u << random_below(&r, 3);
        happened |= what;
        news_tell(t->news, "a", what, random_below(&r, 50) == 0);
        if (t->count == before)
            continue;
        assert_int_equal(t->what, happened);
        happened = 0;
    }
    unsigned before = t->count;
    event_base_loop(t->base, 0);
    assert_int_equal(t->count, before + (happened != 0));
    assert_true(!happened || t->what == happened);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nobody_watches_and_nothing_is_told),
        TEST(the_first_change_is_told_at_once),
        TEST(changes_of_an_interval_are_told_together_at_its_end),
        TEST(each_execution_has_its_own_interval),
        TEST(an_end_is_told_at_once_with_what_was_held_back),
        TEST(watchers_are_counted),
        TEST(who_is_told_may_stop_watching),
        TEST(no_change_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
