/* Two replicas' sessions over one Redis. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exec/session_share.h"
#include "state/redis_reply.h"
#include "state/session_shared.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/temp_dir.h"

#define MANY 1700u

struct side {
    char *dir; /* owned */
    struct redis *redis;
    struct sessions *sessions;
    struct session_share *share;
    unsigned ended; /* elsewhere */
};

static struct test {
    struct redis_server *server;
    struct event_base *base;
    struct config config;
    struct side a, b;
} t;

static void on_end(void *arg, const char *id)
{
    struct side *s = arg;
    s->ended++;
}

static void start(struct side *s, const char *replica)
{
    assert_int_equal(temp_dir_setup((void **)&s->dir), 0);
    assert_int_equal(redis_new(t.base, &t.config, replica, &s->redis), 0);
    assert_int_equal(sessions_new(s->dir, replica, MANY, 3600000, &s->sessions), 0);
    s->share = session_share_new(&t.config, s->redis, s->sessions);
    session_share_on_end(s->share, on_end, s);
}

static void stop(struct side *s)
{
    s->redis = redis_free(s->redis);
    s->share = session_share_free(s->share);
    s->sessions = sessions_free(s->sessions);
    (void)temp_dir_teardown((void **)&s->dir);
}

static bool are_up(void *arg)
{
    return redis_is_up(t.a.redis) && redis_is_up(t.b.redis);
}

static int setup(void **state)
{
    memset(&t, 0, sizeof(t));
    t.server = redis_server_start(NULL);
    t.base = event_base_new();
    t.config = (struct config){.redis_url = redis_server_url(t.server),
                               .redis_timeout_ms = 3000,
                               .redis_max_queue_bytes = 1 << 20,
                               .redis_max_channels = 8,
                               .session_ttl_ms = 3600000};
    start(&t.a, "a");
    start(&t.b, "b");
    redis_wait(t.base, are_up, NULL, "both are up");
    return 0;
}

static int teardown(void **state)
{
    stop(&t.a);
    stop(&t.b);
    event_base_free(t.base);
    redis_server_free(t.server);
    free(t.config.redis_url);
    return 0;
}

/* ---- calls ---- */

struct asked {
    struct call_home home;
    unsigned n;
    enum call_outcome outcome;
};

static void post(struct call_home *home, struct call *c)
{
    struct asked *a = CONTAINER_OF(home, struct asked, home);
    a->n++;
    a->outcome = c->outcome;
    call_free(c);
}

static bool is_answered(void *arg)
{
    const struct asked *a = arg;
    return a->n > 0;
}

static enum call_outcome ask(struct side *s, enum call_session what, const char *id,
                             struct session *session)
{
    struct asked a = {.home = {.post = post}};
    struct call *c = call_new(CALL_SESSION, &a.home, NULL, NULL);
    c->session.what = what;
    c->session.session = session ? session_ref(session) : NULL;
    if (id)
        memcpy(c->id, id, strlen(id) + 1);
    session_share_call(s->share, c);
    redis_wait(t.base, is_answered, &a, "the call is answered");
    assert_int_equal(a.n, 1);
    return a.outcome;
}

static struct session *make(struct side *s)
{
    struct session *made;
    assert_int_equal(session_create(s->sessions, "alice", "2025-06-18", NULL, "{}", &made),
                     SESSION_OK);
    assert_int_equal(ask(s, CALL_SESSION_MADE, NULL, made), CALL_OK);
    return made;
}

/* ---- tests ---- */

static void one_makes_it_both_serve_it(void **state)
{
    CLEANUP(session_unrefp) struct session *made = make(&t.a);
    assert_int_equal(ask(&t.b, CALL_SESSION_FIND, made->id, NULL), CALL_OK);
    CLEANUP(session_unrefp) struct session *found = session_find(t.b.sessions, made->id, "alice");
    assert_non_null(found);
    assert_null(session_find(t.b.sessions, made->id, "bob"));
    assert_int_equal(ask(&t.b, CALL_SESSION_FIND, "a-abcdefghijklmnopqrstuvwxyz", NULL),
                     CALL_E_NOT_FOUND);
}

static bool has_level(void *arg)
{
    const struct session *s = arg;
    return atomic_load(&s->log_level) == 2;
}

static bool has_ended_at_a(void *arg)
{
    return t.a.ended > 0;
}

static void levels_and_ends_reach_the_other(void **state)
{
    CLEANUP(session_unrefp) struct session *made = make(&t.a);
    assert_int_equal(ask(&t.b, CALL_SESSION_FIND, made->id, NULL), CALL_OK);
    CLEANUP(session_unrefp) struct session *found = session_find(t.b.sessions, made->id, "alice");
    atomic_store(&found->log_level, 2);
    assert_int_equal(ask(&t.b, CALL_SESSION_LEVEL, NULL, found), CALL_OK);
    redis_wait(t.base, has_level, made, "the level is known");
    assert_true(session_end(t.b.sessions, made->id, "alice"));
    assert_int_equal(ask(&t.b, CALL_SESSION_ENDED, NULL, found), CALL_OK);
    redis_wait(t.base, has_ended_at_a, NULL, "the end is known");
    assert_null(session_find(t.a.sessions, made->id, "alice"));
    assert_int_equal(ask(&t.a, CALL_SESSION_FIND, made->id, NULL), CALL_E_NOT_FOUND);
    assert_int_equal(ask(&t.b, CALL_SESSION_FIND, made->id, NULL), CALL_E_NOT_FOUND);
}

static bool is_a_down(void *arg)
{
    return !redis_is_up(t.a.redis);
}

static bool are_down(void *arg)
{
    return !redis_is_up(t.a.redis) && !redis_is_up(t.b.redis);
}

/* a did not hear of the end: what it believes to be alive must not come back. */
static void an_end_that_was_missed_stays_an_end(void **state)
{
    CLEANUP(session_unrefp) struct session *made = make(&t.a);
    assert_int_equal(ask(&t.b, CALL_SESSION_FIND, made->id, NULL), CALL_OK);
    CLEANUP(free_p) char *end = NULL;
    if (asprintf(&end, "set session:%s '{\"ended\":true,\"id\":\"%s\"}'", made->id, made->id) < 0)
        abort();
    free(redis_server_cli(t.server, end));
    assert_int_equal(ask(&t.a, CALL_SESSION_MADE, NULL, made), CALL_E_NOT_FOUND);
    assert_null(session_find(t.a.sessions, made->id, "alice"));
    assert_int_equal(t.a.ended, 1);
}

static void what_redis_lost_is_written_again(void **state)
{
    CLEANUP(session_unrefp) struct session *made = make(&t.a);
    redis_server_stop(t.server);
    redis_wait(t.base, is_a_down, NULL, "Redis is away");
    assert_int_equal(ask(&t.b, CALL_SESSION_FIND, made->id, NULL), CALL_E_REDIS_AWAY);
    CLEANUP(session_unrefp) struct session *born = make(&t.a); /* CALL_OK: served here anyway */
    redis_server_restart(t.server);
    redis_wait(t.base, are_up, NULL, "both are up again");
    for (int i = 0; ask(&t.b, CALL_SESSION_FIND, born->id, NULL) != CALL_OK; i++)
        assert_true(i < 1000);
    for (int i = 0; ask(&t.b, CALL_SESSION_FIND, made->id, NULL) != CALL_OK; i++)
        assert_true(i < 1000);
    /* Flushed under our feet: whoever uses it puts it back. */
    free(redis_server_cli(t.server, "flushall"));
    assert_int_equal(ask(&t.a, CALL_SESSION_FIND, made->id, NULL), CALL_OK);
    for (int i = 0; ask(&t.b, CALL_SESSION_FIND, made->id, NULL) != CALL_OK; i++)
        assert_true(i < 1000);
}

struct count {
    unsigned expected, n;
    bool is_due;
};

static void on_count(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct count *c = arg;
    c->is_due = false;
    c->n = o == REDIS_E_NONE ? (unsigned)redis_reply_number(reply) : 0;
}

static bool is_as_expected(void *arg)
{
    struct count *c = arg;
    const struct redis_call call = {.on_reply = on_count, .arg = c};
    if (!c->is_due && c->n == c->expected)
        return true;
    session_share_tick(t.a.share);
    if (!c->is_due)
        c->is_due = redis_ask(t.b.redis, &call, "DBSIZE") == REDIS_E_NONE;
    return false;
}

static void wait_for_sessions(unsigned n)
{
    struct count c = {.expected = n, .n = n + 1};
    redis_wait(t.base, is_as_expected, &c, "so many sessions are in Redis");
}

static void restart_redis(void)
{
    redis_server_stop(t.server);
    redis_wait(t.base, are_down, NULL, "Redis is away");
    redis_server_restart(t.server);
}

/* Several pages of them. */
static void many_sessions_are_written_again(void **state)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct session *made;
        assert_int_equal(session_create(t.a.sessions, "alice", "2025-06-18", NULL, "{}", &made),
                         SESSION_OK);
        session_unref(made);
    }
    restart_redis();
    wait_for_sessions(MANY);
    restart_redis();
    free(redis_server_cli(t.server, "config set maxmemory 1"));
    redis_wait(t.base, are_up, NULL, "both are up again");
    wait_for_sessions(0); /* refused, in the same order */
    free(redis_server_cli(t.server, "config set maxmemory 0"));
    wait_for_sessions(MANY);
}

static void an_end_while_redis_is_away_is_told_later(void **state)
{
    CLEANUP(session_unrefp) struct session *made = make(&t.a);
    assert_int_equal(ask(&t.b, CALL_SESSION_FIND, made->id, NULL), CALL_OK);
    redis_server_signal(t.server, SIGSTOP);
    redis_wait(t.base, are_down, NULL, "Redis is away");
    assert_true(session_end(t.a.sessions, made->id, "alice"));
    assert_int_equal(ask(&t.a, CALL_SESSION_ENDED, NULL, made), CALL_OK);
    redis_server_signal(t.server, SIGCONT); /* with all it had */
    redis_wait(t.base, are_up, NULL, "both are up again");
    assert_int_equal(ask(&t.a, CALL_SESSION_FIND, made->id, NULL), CALL_E_NOT_FOUND);
    for (int i = 0; ask(&t.b, CALL_SESSION_FIND, made->id, NULL) != CALL_E_NOT_FOUND; i++)
        assert_true(i < 1000);
    assert_null(session_find(t.b.sessions, made->id, "alice"));
}

static void nonsense_does_no_harm(void **state)
{
    static const char *const messages[] = {
        "''",
        "end",
        "'end x'",
        "'end a-abcdefghijklmnopqrstuvwxyz trailing'",
        "'level a-abcdefghijklmnopqrstuvwxyz 99'",
        "'level a-abcdefghijklmnopqrstuvwxyz'",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    CLEANUP(session_unrefp) struct session *made = make(&t.a);
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        CLEANUP(free_p) char *command = NULL;
        if (asprintf(&command, "publish sessions %s", messages[i]) < 0)
            abort();
        free(redis_server_cli(t.server, command));
    }
    CLEANUP(free_p) char *set = NULL;
    if (asprintf(&set, "set session:%s nonsense", made->id) < 0)
        abort();
    free(redis_server_cli(t.server, set));
    assert_int_equal(ask(&t.b, CALL_SESSION_FIND, made->id, NULL), CALL_E_NOT_FOUND);
    assert_int_equal(t.a.ended, 0);
}

static void the_end_of_the_server_answers_calls(void **state)
{
    struct asked a = {.home = {.post = post}};
    struct call *c = call_new(CALL_SESSION, &a.home, NULL, NULL);
    c->session.what = CALL_SESSION_FIND;
    memcpy(c->id, "a-abcdefghijklmnopqrstuvwxyz", 29);
    redis_server_signal(t.server, SIGSTOP);
    session_share_call(t.a.share, c);
    session_share_release_all(t.a.share);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.outcome, CALL_E_DRAINING);
}

int main(void)
{
    redis_server_need();
    (void)signal(SIGPIPE, SIG_IGN);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_makes_it_both_serve_it),
        TEST(levels_and_ends_reach_the_other),
        TEST(an_end_that_was_missed_stays_an_end),
        TEST(what_redis_lost_is_written_again),
        TEST(many_sessions_are_written_again),
        TEST(an_end_while_redis_is_away_is_told_later),
        TEST(nonsense_does_no_harm),
        TEST(the_end_of_the_server_answers_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
