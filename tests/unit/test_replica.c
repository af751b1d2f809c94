/* The sign of life of a replica, and two that have one id. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state/base/json.h"
#include "state/replica.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/temp_dir.h"

#define TTL_MS 1500u

struct side {
    struct config config;
    struct redis *redis;
    struct replica *replica;
};

static struct redis_server *server;
static struct event_base *base;

static void get_facts(void *arg, struct replica_facts *ret)
{
    *ret = (struct replica_facts){.version = "1.2.3",
                                  .address = arg,
                                  .capacity = 10,
                                  .running = 3,
                                  .pending = 1,
                                  .is_draining = true};
}

static void start(struct side *s, char *dir, const char *address)
{
    s->config = (struct config){.redis_url = redis_server_url(server),
                                .redis_timeout_ms = 3000,
                                .redis_max_queue_bytes = 1 << 20,
                                .redis_max_channels = 8,
                                .redis_heartbeat_ttl_ms = TTL_MS,
                                .replica_id = (char *)"r1",
                                .state_dir = dir};
    assert_int_equal(redis_new(base, &s->config, "r1", &s->redis), 0);
    assert_int_equal(replica_new(base, s->redis, &s->config, &s->replica), 0);
    replica_set_facts(s->replica, get_facts, (void *)address);
}

static void stop(struct side *s)
{
    s->redis = redis_free(s->redis);
    s->replica = replica_free(s->replica);
    free(s->config.redis_url);
}

static int setup(void **state)
{
    server = redis_server_start(NULL);
    base = event_base_new();
    return temp_dir_setup(state);
}

static int teardown(void **state)
{
    event_base_free(base);
    redis_server_free(server);
    return temp_dir_teardown(state);
}

static char *sign(void)
{
    return redis_server_cli(server, "get replica:r1");
}

static bool is_there(void *arg)
{
    CLEANUP(free_p) char *text = sign();
    return strstr(text, arg);
}

static bool is_gone(void *arg)
{
    CLEANUP(free_p) char *text = sign();
    return text[0] == '\0';
}

static bool is_taken(void *arg)
{
    return replica_is_taken(arg);
}

static bool is_free(void *arg)
{
    return !replica_is_taken(arg);
}

static void says_how_it_is_and_lives_only_with_it(void **state)
{
    struct side s = {0};
    start(&s, *state, "here:1");
    redis_wait(base, is_there, (void *)"here:1", "the sign of life");
    CLEANUP(free_p) char *text = sign();
    CLEANUP(json_deletep) cJSON *o = NULL;
    size_t at;
    uint64_t n;
    bool is_draining;
    assert_int_equal(json_parse(text, strlen(text), &o, &at), JSON_OK);
    assert_true(json_get_u64(o, "running", &n) && n == 3);
    assert_true(json_get_u64(o, "capacity", &n) && n == 10);
    assert_true(json_get_bool(o, "draining", &is_draining) && is_draining);
    CLEANUP(free_p) char *ttl = redis_server_cli(server, "pttl replica:r1");
    assert_in_range(atoi(ttl), 1, TTL_MS);
    stop(&s);
    redis_wait(base, is_gone, NULL, "it expires by itself");
}

/* Killed and started again at once: the sign of before is its own. */
static void the_next_one_on_the_same_directory_is_the_same(void **state)
{
    struct side before = {0}, s = {0};
    start(&before, *state, "before:1");
    redis_wait(base, is_there, (void *)"before:1", "the first");
    stop(&before);
    start(&s, *state, "after:1");
    redis_wait(base, is_there, (void *)"after:1", "the second");
    assert_false(replica_is_taken(s.replica));
    stop(&s);
}

static void two_with_one_id_are_told_apart(void **state)
{
    CLEANUP(free_p) char *other_dir = NULL;
    struct side first = {0}, second = {0};
    assert_int_equal(temp_dir_setup((void **)&other_dir), 0);
    start(&first, *state, "first:1");
    redis_wait(base, is_there, (void *)"first:1", "the first");
    start(&second, other_dir, "second:1");
    redis_wait(base, is_taken, second.replica, "the second is told");
    assert_false(replica_is_taken(first.replica));
    CLEANUP(free_p) char *text = sign();
    assert_non_null(strstr(text, "first:1"));
    stop(&first);
    redis_wait(base, is_free, second.replica, "the id is free again");
    redis_wait(base, is_there, (void *)"second:1", "and taken over");
    stop(&second);
    assert_int_equal(dir_remove(other_dir), 0);
}

static void nonsense_in_its_place_is_written_over(void **state)
{
    struct side s = {0};
    free(redis_server_cli(server, "set replica:r1 '{\"home\":7'"));
    start(&s, *state, "here:1");
    redis_wait(base, is_there, (void *)"here:1", "the sign of life");
    stop(&s);
}

int main(void)
{
    redis_server_need();
    (void)signal(SIGPIPE, SIG_IGN);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(says_how_it_is_and_lives_only_with_it),
        TEST(the_next_one_on_the_same_directory_is_the_same),
        TEST(two_with_one_id_are_told_apart),
        TEST(nonsense_in_its_place_is_written_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
