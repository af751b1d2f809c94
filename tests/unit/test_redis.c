/* The connection to Redis, against a real one. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "config/config.h"
#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/redis.h"
#include "tests/unit/redis_server.h"

static struct test {
    struct redis_server *server;
    struct event_base *base;
    struct config config;
    struct redis *redis;
    unsigned ups, downs;
    bool was_other;
} t;

static void on_up(void *arg, bool is_other)
{
    t.ups++;
    t.was_other = is_other;
}

static void on_down(void *arg)
{
    t.downs++;
}

static const struct redis_watcher watcher = {.on_up = on_up, .on_down = on_down};

static void connect_to(char *url)
{
    t.base = event_base_new();
    t.config = (struct config){.redis_url = url,
                               .redis_timeout_ms = 2000,
                               .redis_max_queue_bytes = 1 << 20,
                               .redis_max_channels = 8};
    assert_int_equal(redis_new(t.base, &t.config, "mcp-execd-test", &t.redis), 0);
    redis_watch(t.redis, &watcher);
}

static int setup(void **state)
{
    memset(&t, 0, sizeof(t));
    t.server = redis_server_start(NULL);
    connect_to(redis_server_url(t.server));
    return 0;
}

static int teardown(void **state)
{
    redis_free(t.redis);
    event_base_free(t.base);
    redis_server_free(t.server);
    free(t.config.redis_url);
    return 0;
}

static bool has_been_up(void *arg)
{
    return redis_is_up(t.redis) && t.ups >= *(unsigned *)arg;
}

static void wait_up(unsigned ups)
{
    redis_wait(t.base, has_been_up, &ups, "Redis is up");
}

static bool is_down(void *arg)
{
    return !redis_is_up(t.redis);
}

/* ---- one answer ---- */

struct answer {
    unsigned n;
    enum redis_outcome outcome;
    long long integer;
    char text[64];
    size_t len;
};

static void on_answer(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct answer *a = arg;
    a->n++;
    a->outcome = o;
    if (!r)
        return;
    a->integer = r->integer;
    a->len = (size_t)r->len;
    if (r->str)
        (void)snprintf(a->text, sizeof(a->text), "%s", r->str);
}

static bool is_answered(void *arg)
{
    const struct answer *a = arg;
    return a->n > 0;
}

#define ASK(a, ...) \
    redis_ask(t.redis, &((struct redis_call){.on_reply = on_answer, .arg = (a)}), __VA_ARGS__)

static void check_text(struct answer *a, const char *wanted)
{
    redis_wait(t.base, is_answered, a, "an answer");
    assert_int_equal(a->outcome, REDIS_E_NONE);
    assert_string_equal(a->text, wanted);
}

static void check_works(void)
{
    struct answer set = {0}, get = {0};
    assert_int_equal(ASK(&set, "SET", "a key", "a\r\nvalue"), REDIS_E_NONE);
    assert_int_equal(ASK(&get, "GET", "a key"), REDIS_E_NONE);
    check_text(&get, "a\r\nvalue");
    assert_string_equal(set.text, "OK");
}

static void answers_come_in_order_to_who_asked(void **state)
{
    struct answer answers[1000] = {0};
    assert_int_equal(ASK(&answers[0], "PING"), REDIS_E_DOWN); /* not yet: refused at once */
    wait_up(1);
    assert_true(t.was_other);
    check_works();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        assert_int_equal(ASK(&answers[i], "INCR", "n"), REDIS_E_NONE);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        redis_wait(t.base, is_answered, &answers[i], "an answer");
        assert_int_equal(answers[i].integer, i + 1);
        assert_int_equal(answers[i].n, 1);
    }
}

static void an_error_is_the_commands_own(void **state)
{
    struct answer bad = {0}, good = {0};
    wait_up(1);
    assert_int_equal(ASK(&bad, "NOSUCH"), REDIS_E_NONE);
    assert_int_equal(ASK(&good, "ECHO", "still here"), REDIS_E_NONE);
    check_text(&good, "still here");
    assert_int_equal(bad.outcome, REDIS_E_REPLY);
    assert_int_equal(t.downs, 0);
}

static void a_large_answer_comes_whole(void **state)
{
    struct answer a = {0}, b = {0};
    wait_up(1);
    free(redis_server_cli(t.server, "eval \"return redis.call('set','big',string.rep('x',10000000"
                                    "))\" 0"));
    assert_int_equal(ASK(&a, "GET", "big"), REDIS_E_NONE);
    assert_int_equal(ASK(&b, "ECHO", "behind"), REDIS_E_NONE);
    check_text(&b, "behind");
    assert_int_equal(a.len, 10000000);
}

static void the_queue_has_an_end(void **state)
{
    CLEANUP(free_p) char *big = xcalloc(1, 300001);
    enum redis_outcome o = REDIS_E_NONE;
    struct answer a[8] = {0};
    unsigned taken = 0;
    memset(big, 'x', 300000);
    wait_up(1);
    while (taken < 8 && (o = ASK(&a[taken], "SET", "k", big)) == REDIS_E_NONE)
        taken++;
    assert_int_equal(o, REDIS_E_FULL);
    assert_int_equal(taken, 3); /* of 1 MiB */
    redis_wait(t.base, is_answered, &a[2], "room again");
    assert_int_equal(ASK(&a[3], "ECHO", "room"), REDIS_E_NONE);
    check_text(&a[3], "room");
}

/* ---- away ---- */

static void each_command_is_called_back_when_redis_goes(void **state)
{
    struct answer a[50] = {0};
    wait_up(1);
    redis_server_signal(t.server, SIGSTOP);
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        assert_int_equal(ASK(&a[i], "INCR", "n"), REDIS_E_NONE);
    redis_server_stop(t.server);
    redis_wait(t.base, is_down, NULL, "Redis is away");
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        assert_int_equal(a[i].n, 1);
        assert_int_equal(a[i].outcome, REDIS_E_LOST);
    }
    assert_int_equal(t.downs, 1);
    assert_int_equal(ASK(&a[0], "PING"), REDIS_E_DOWN);
    redis_server_restart(t.server);
    wait_up(2);
    assert_true(t.was_other);
    check_works();
}

static void silence_ends_the_connection(void **state)
{
    struct answer a = {0};
    wait_up(1);
    redis_server_signal(t.server, SIGSTOP);
    uint64_t begin = clock_mono_ms();
    redis_wait(t.base, is_down, NULL, "silence is noticed, without a command of ours");
    assert_in_range(clock_mono_ms() - begin, 1000, 15000);
    redis_server_signal(t.server, SIGCONT);
    wait_up(2);
    assert_false(t.was_other);
    assert_int_equal(ASK(&a, "ECHO", "again"), REDIS_E_NONE);
    check_text(&a, "again");
}

static void a_short_deadline_answers_only_its_command(void **state)
{
    struct answer sleeper = {0}, hurried = {0}, patient = {0};
    const struct redis_call call = {.on_reply = on_answer, .arg = &hurried, .timeout_ms = 100};
    wait_up(1);
    assert_int_equal(ASK(&sleeper, "DEBUG", "SLEEP", "0.7"), REDIS_E_NONE);
    assert_int_equal(redis_ask(t.redis, &call, "ECHO", "late"), REDIS_E_NONE);
    assert_int_equal(ASK(&patient, "ECHO", "in time"), REDIS_E_NONE);
    redis_wait(t.base, is_answered, &hurried, "the deadline");
    assert_int_equal(hurried.outcome, REDIS_E_TIMEOUT);
    assert_int_equal(patient.n, 0);
    check_text(&patient, "in time");
    assert_int_equal(hurried.n, 1); /* its late answer went to nobody */
    assert_int_equal(t.downs, 0);
}

static void what_is_outstanding_at_the_end_is_called_back(void **state)
{
    struct answer a = {0};
    wait_up(1);
    redis_server_signal(t.server, SIGSTOP);
    assert_int_equal(ASK(&a, "PING"), REDIS_E_NONE);
    t.redis = redis_free(t.redis);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.outcome, REDIS_E_ENDED);
}

/* ---- transactions ---- */

struct tally {
    bool is_answered;
    enum redis_outcome outcome;
    int types[REDIS_TRANSACTION_MAX];
    size_t n;
};

static void on_tally(void *arg, enum redis_outcome o, const redisReply *r)
{
    struct tally *y = arg;
    y->is_answered = true;
    y->outcome = o;
    y->n = o == REDIS_E_NONE && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
    assert_true(y->n <= ARRAY_LEN(y->types));
    for (size_t i = 0; i < y->n; i++)
        y->types[i] = r->element[i]->type;
}

static bool is_tallied(void *arg)
{
    return ((struct tally *)arg)->is_answered;
}

static struct tally transact(const char *second)
{
    CLEANUP(redis_args_deinit) struct redis_args one = {0}, two = {0};
    struct tally y = {0};
    const struct redis_call call = {.on_reply = on_tally, .arg = &y};
    redis_args_str(&one, "RPUSH");
    redis_args_str(&one, "list");
    redis_args_str(&one, "element");
    redis_args_str(&two, second);
    redis_args_str(&two, "list");
    const struct redis_args both[] = {one, two};
    assert_int_equal(redis_transaction(t.redis, &call, both, 2), REDIS_E_NONE);
    redis_wait(t.base, is_tallied, &y, "the answer to a transaction");
    return y;
}

static void a_transaction_has_one_answer(void **state)
{
    wait_up(1);
    struct tally y = transact("LLEN");
    assert_int_equal(y.n, 2);
    assert_int_equal(y.types[0], REDIS_REPLY_INTEGER);
    assert_int_equal(y.types[1], REDIS_REPLY_INTEGER);
    y = transact("INCR"); /* fails when it runs: the rest is done */
    assert_int_equal(y.n, 2);
    assert_int_equal(y.types[0], REDIS_REPLY_INTEGER);
    assert_int_equal(y.types[1], REDIS_REPLY_ERROR);
    y = transact("NOSUCH"); /* is refused: nothing is done */
    assert_int_equal(y.outcome, REDIS_E_REPLY);
    struct answer a = {0};
    assert_int_equal(ASK(&a, "LLEN", "list"), REDIS_E_NONE);
    redis_wait(t.base, is_answered, &a, "the length");
    assert_int_equal(a.integer, 2);
}

/* ---- scripts ---- */

static void scripts_are_there_after_each_connect(void **state)
{
    static struct redis_script script = {.name = "sum", .text = "return ARGV[1] + ARGV[2]"};
    for (unsigned i = 1; i <= 2; i++) {
        CLEANUP(redis_args_deinit) struct redis_args args = {0};
        struct answer a = {0};
        if (i == 1)
            redis_add_script(t.redis, &script);
        wait_up(i);
        redis_args_script(&args, &script, 0);
        redis_args_u64(&args, 40 + i);
        redis_args_u64(&args, 1);
        const struct redis_call call = {.on_reply = on_answer, .arg = &a};
        assert_int_equal(redis_command(t.redis, &call, &args), REDIS_E_NONE);
        redis_wait(t.base, is_answered, &a, "the script's answer");
        assert_int_equal(a.outcome, REDIS_E_NONE);
        assert_int_equal(a.integer, 41 + i);
        if (i == 1) {
            redis_server_stop(t.server);
            redis_wait(t.base, is_down, NULL, "Redis is away");
            redis_server_restart(t.server);
        }
    }
}

static void a_flush_of_scripts_is_healed(void **state)
{
    static struct redis_script script = {.name = "one", .text = "return 1"};
    redis_add_script(t.redis, &script);
    wait_up(1);
    free(redis_server_cli(t.server, "script flush"));
    for (unsigned i = 0; i < 2; i++) {
        CLEANUP(redis_args_deinit) struct redis_args args = {0};
        struct answer a = {0};
        const struct redis_call call = {.on_reply = on_answer, .arg = &a};
        redis_args_script(&args, &script, 0);
        assert_int_equal(redis_command(t.redis, &call, &args), REDIS_E_NONE);
        redis_wait(t.base, is_answered, &a, "the script's answer");
        assert_int_equal(a.outcome, i == 0 ? REDIS_E_REPLY : REDIS_E_NONE);
        wait_up(2);
    }
}

/* ---- channels ---- */

struct ear {
    unsigned messages, readies;
    char last[64];
    struct redis_subscription *s;
    bool ends_itself;
};

static void on_message(void *arg, const char *data, size_t len)
{
    struct ear *e = arg;
    e->messages++;
    (void)snprintf(e->last, sizeof(e->last), "%.*s", (int)len, data);
    if (e->ends_itself)
        e->s = redis_unsubscribe(e->s);
}

static void on_ready(void *arg)
{
    struct ear *e = arg;
    e->readies++;
}

static const struct redis_listener listener = {.on_message = on_message, .on_ready = on_ready};

static void listen_to(struct ear *e, const char *channel)
{
    e->s = redis_subscribe(t.redis, channel, &listener, e);
    assert_non_null(e->s);
}

static bool is_ready(void *arg)
{
    const struct ear *e = arg;
    return e->readies > 0;
}

static bool has_heard(void *arg)
{
    const struct ear *e = arg;
    return e->messages > 0;
}

static void publish(const char *channel, const char *message)
{
    struct answer a = {0};
    assert_int_equal(ASK(&a, "PUBLISH", channel, message), REDIS_E_NONE);
    redis_wait(t.base, is_answered, &a, "published");
}

static void listeners_hear_their_channel_over_reconnections(void **state)
{
    struct ear a = {0}, b = {0}, other = {0};
    listen_to(&a, "c");
    listen_to(&other, "d");
    wait_up(1);
    redis_wait(t.base, is_ready, &a, "subscribed before it was up");
    listen_to(&b, "c");
    redis_wait(t.base, is_ready, &b, "the second on one channel");
    assert_int_equal(a.readies, 1);
    publish("c", "hello");
    redis_wait(t.base, has_heard, &a, "a hears");
    redis_wait(t.base, has_heard, &b, "b hears");
    assert_string_equal(a.last, "hello");
    assert_int_equal(other.messages, 0);

    a.readies = b.readies = 0;
    free(redis_server_cli(t.server, "client kill type pubsub"));
    redis_wait(t.base, is_ready, &a, "subscribed again");
    redis_wait(t.base, is_ready, &b, "subscribed again");
    redis_unsubscribe(b.s);
    publish("c", "again");
    a.messages = b.messages = 0;
    publish("c", "more");
    redis_wait(t.base, has_heard, &a, "a hears again");
    assert_int_equal(b.messages, 0);
}

static void a_listener_may_go_when_it_is_called(void **state)
{
    struct ear a = {.ends_itself = true}, b = {.ends_itself = true}, c = {0};
    listen_to(&a, "c");
    listen_to(&b, "c");
    listen_to(&c, "c");
    wait_up(1);
    redis_wait(t.base, is_ready, &c, "subscribed");
    publish("c", "1");
    redis_wait(t.base, has_heard, &c, "the last hears as well");
    assert_int_equal(a.messages, 1);
    assert_int_equal(b.messages, 1);
    c.ends_itself = true;
    c.messages = 0;
    publish("c", "2");
    redis_wait(t.base, has_heard, &c, "the one that is left");
    assert_int_equal(a.messages + b.messages, 2);
    assert_null(c.s);
    listen_to(&a, "c");
    a.readies = a.messages = 0;
    redis_wait(t.base, is_ready, &a, "the channel has a second life");
    publish("c", "3");
    redis_wait(t.base, has_heard, &a, "heard in it");
}

static void channels_have_a_limit(void **state)
{
    struct ear e[9] = {0};
    for (size_t i = 0; i < 8; i++)
        listen_to(&e[i], "same");
    assert_null(redis_subscribe(t.redis, "same", &listener, &e[8]));
    redis_unsubscribe(e[3].s);
    listen_to(&e[8], "other");
}

/* ---- the stream ---- */

struct reader {
    unsigned n;
    char last[64];
};

static void on_entry(void *arg, const char *id, const struct redisReply *fields)
{
    struct reader *r = arg;
    r->n++;
    assert_int_equal(fields->elements, 2);
    (void)snprintf(r->last, sizeof(r->last), "%s", fields->element[1]->str);
}

static bool has_read_three(void *arg)
{
    const struct reader *r = arg;
    return r->n >= 3;
}

static void add_entry(const char *value)
{
    struct answer a = {0};
    assert_int_equal(ASK(&a, "XADD", "s", "*", "f", value), REDIS_E_NONE);
    redis_wait(t.base, is_answered, &a, "added");
}

static void a_stream_is_followed_without_gaps_or_repeats(void **state)
{
    struct reader r = {0};
    const struct redis_follower f = {.on_entry = on_entry, .arg = &r};
    wait_up(1);
    add_entry("before");
    redis_follow(t.redis, "s", "0", &f);
    add_entry("one");
    add_entry("two");
    redis_wait(t.base, has_read_three, &r, "three entries");
    assert_string_equal(r.last, "two");
    free(redis_server_cli(t.server, "client kill type normal"));
    unsigned ups = 2;
    redis_wait(t.base, has_been_up, &ups, "connected again");
    r.n = 0;
    add_entry("three");
    add_entry("four");
    add_entry("five");
    redis_wait(t.base, has_read_three, &r, "three more");
    assert_string_equal(r.last, "five");
    assert_int_equal(r.n, 3);
    redis_unfollow(t.redis);
}

int main(void)
{
    redis_server_need();
    (void)signal(SIGPIPE, SIG_IGN);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(answers_come_in_order_to_who_asked),
        TEST(an_error_is_the_commands_own),
        TEST(a_large_answer_comes_whole),
        TEST(the_queue_has_an_end),
        TEST(each_command_is_called_back_when_redis_goes),
        TEST(silence_ends_the_connection),
        TEST(a_short_deadline_answers_only_its_command),
        TEST(what_is_outstanding_at_the_end_is_called_back),
        TEST(a_transaction_has_one_answer),
        TEST(scripts_are_there_after_each_connect),
        TEST(a_flush_of_scripts_is_healed),
        TEST(listeners_hear_their_channel_over_reconnections),
        TEST(a_listener_may_go_when_it_is_called),
        TEST(channels_have_a_limit),
        TEST(a_stream_is_followed_without_gaps_or_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
