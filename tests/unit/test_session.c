#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/session.h"
#include "tests/unit/temp_dir.h"

#define TTL_MS 3600000
#define HOUR   UINT64_C(3600000)

static uint64_t start_real_us;

/* Both clocks, so many milliseconds after the begin of the test. */
static void at_ms(uint64_t ms)
{
    clock_hold(1000000000 + ms * 1000, start_real_us + ms * 1000);
}

static int set_up(void **state)
{
    /* The kernel sets the times of files by the real clock. */
    clock_hold(0, 0);
    start_real_us = clock_real_us();
    at_ms(0);
    return temp_dir_setup(state);
}

static int tear_down(void **state)
{
    clock_hold(0, 0);
    return temp_dir_teardown(state);
}

#define session_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static struct sessions *open_table(const char *dir, unsigned max)
{
    struct sessions *s = NULL;
    assert_int_equal(sessions_new(dir, "r1", max, TTL_MS, &s), 0);
    return s;
}

/* The id stays in ret. */
static void create(struct sessions *s, const char *principal, char ret[ID_MAX + 1])
{
    struct session *o = NULL;
    assert_int_equal(session_create(s, principal, "2025-06-18", NULL, NULL, &o), SESSION_OK);
    memcpy(ret, o->id, sizeof(o->id));
    session_unref(o);
}

static bool is_known(struct sessions *s, const char *id, const char *principal)
{
    struct session *o = session_find(s, id, principal);
    bool is = o;
    session_unrefp(&o);
    assert_null(o);
    return is;
}

static void a_new_session_has_what_was_said(void **state)
{
    struct sessions *s = open_table(*state, 10);
    struct session *o = NULL;
    assert_int_equal(session_create(s, "me", "2025-06-18", "client 1.0", "{\"a\":1}", &o), 0);
    assert_true(id_is_valid(o->id));
    assert_true(id_has_replica(o->id, "r1"));
    assert_string_equal(o->principal, "me");
    assert_string_equal(o->revision, "2025-06-18");
    assert_string_equal(o->client, "client 1.0");
    assert_string_equal(o->capabilities, "{\"a\":1}");
    assert_int_equal(o->created_us, start_real_us);
    assert_int_equal(o->last_seen_ms, 1000000);
    assert_int_equal(o->log_level, 8);
    assert_int_equal(sessions_count(s), 1);
    session_unref(o);
    sessions_free(s);
    assert_null(sessions_free(NULL));
}

static void is_found_by_its_principal_alone(void **state)
{
    struct sessions *s = open_table(*state, 10);
    char id[ID_MAX + 1];
    create(s, "me", id);
    struct session *o = session_find(s, id, "me");
    assert_string_equal(o->id, id);
    session_unref(o);
    assert_null(session_find(s, id, "you"));
    assert_null(session_find(s, id, ""));
    assert_null(session_find(s, "r1-abcdefghijklmnopqrstuvwx27", "me"));
    assert_null(session_find(s, "", "me"));
    assert_false(session_end(s, id, "you"));
    assert_int_equal(sessions_count(s), 1);
    sessions_free(s);
}

static void an_ended_session_is_gone_but_its_holders_keep_it(void **state)
{
    struct sessions *s = open_table(*state, 10);
    char id[ID_MAX + 1];
    create(s, "me", id);
    struct session *held = session_find(s, id, "me");
    assert_true(session_end(s, id, "me"));
    assert_false(session_end(s, id, "me"));
    assert_null(session_find(s, id, "me"));
    assert_int_equal(sessions_count(s), 0);
    sessions_free(s);
    assert_string_equal(held->principal, "me");
    session_unref(held);

    s = open_table(*state, 10);
    assert_int_equal(sessions_count(s), 0);
    sessions_free(s);
}

static void survives_a_restart(void **state)
{
    struct sessions *s = open_table(*state, 10);
    struct session *o = NULL;
    char id[ID_MAX + 1];
    assert_int_equal(session_create(s, "m\"e\n", "2025-03-26", "c\xc3\xa9", "{}", &o), 0);
    memcpy(id, o->id, sizeof(id));
    session_unref(o);
    sessions_free(s);

    s = open_table(*state, 10);
    assert_int_equal(sessions_count(s), 1);
    o = session_find(s, id, "m\"e\n");
    assert_non_null(o);
    assert_string_equal(o->revision, "2025-03-26");
    assert_string_equal(o->client, "c\xc3\xa9");
    assert_string_equal(o->capabilities, "{}");
    assert_int_equal(o->created_us, start_real_us);
    session_unref(o);
    sessions_free(s);
}

static void survives_a_kill(void **state)
{
    struct sessions *killed = open_table(*state, 10);
    char id[ID_MAX + 1];
    create(killed, "me", id);
    /* The table is not freed before another reads the directory. */
    struct sessions *s = open_table(*state, 10);
    assert_true(is_known(s, id, "me"));
    sessions_free(s);
    sessions_free(killed);
}

static void expires_when_it_was_not_used_for_the_ttl(void **state)
{
    struct sessions *s = open_table(*state, 10);
    char used[ID_MAX + 1], idle[ID_MAX + 1];
    create(s, "me", used);
    create(s, "me", idle);
    at_ms(HOUR - 1);
    assert_true(is_known(s, used, "me"));
    sessions_expire(s);
    assert_int_equal(sessions_count(s), 2);
    at_ms(HOUR);
    /* Before anybody has cleaned up. */
    assert_null(session_find(s, idle, "me"));
    assert_false(session_end(s, idle, "me"));
    sessions_expire(s);
    assert_int_equal(sessions_count(s), 1);
    at_ms(2 * HOUR - 2);
    assert_true(is_known(s, used, "me"));
    sessions_free(s);
}

static void idleness_is_counted_over_a_restart(void **state)
{
    struct sessions *s = open_table(*state, 10);
    char used[ID_MAX + 1], idle[ID_MAX + 1];
    create(s, "me", used);
    create(s, "me", idle);
    at_ms(HOUR / 2);
    assert_true(is_known(s, used, "me"));
    sessions_free(s);

    at_ms(HOUR + 1000);
    s = open_table(*state, 10);
    assert_int_equal(sessions_count(s), 1);
    assert_null(session_find(s, idle, "me"));
    at_ms(HOUR + HOUR / 2 - 1000);
    assert_true(is_known(s, used, "me"));
    sessions_free(s);
}

/* After kill -9 the file's time is all there is; it may lag behind by at most a minute. */
static void use_is_written_down_now_and_then(void **state)
{
    struct sessions *killed = open_table(*state, 10), *s;
    char id[ID_MAX + 1];
    create(killed, "me", id);
    at_ms(HOUR / 2);
    assert_true(is_known(killed, id, "me"));
    at_ms(HOUR + HOUR / 2 - 60000);
    s = open_table(*state, 10);
    assert_true(is_known(s, id, "me"));
    sessions_free(s);
    sessions_free(killed);
}

/* CLOCK_MONOTONIC begins anew at boot: a session can be idle for longer than that clock runs. */
static void idleness_is_counted_over_a_reboot(void **state)
{
    struct sessions *s = open_table(*state, 10);
    char id[ID_MAX + 1];
    create(s, "me", id);
    sessions_free(s);

    /* Five seconds after the boot; the times of files are exact to some milliseconds. */
    clock_hold(5000000, start_real_us + (HOUR - 10000) * 1000);
    s = open_table(*state, 10);
    assert_int_equal(sessions_count(s), 1);
    clock_hold(10000000, start_real_us + (HOUR - 5000) * 1000);
    sessions_expire(s);
    assert_int_equal(sessions_count(s), 1);
    clock_hold(20000000, start_real_us + (HOUR + 5000) * 1000);
    assert_null(session_find(s, id, "me"));
    sessions_expire(s);
    assert_int_equal(sessions_count(s), 0);
    sessions_free(s);
}

static void a_full_table_makes_room_only_by_expiry(void **state)
{
    struct sessions *s = open_table(*state, 3);
    char first[ID_MAX + 1], id[ID_MAX + 1];
    struct session *o = NULL;
    create(s, "me", first);
    at_ms(1000);
    create(s, "me", id);
    create(s, "me", id);
    at_ms(HOUR - 1);
    assert_int_equal(session_create(s, "me", "2025-06-18", NULL, NULL, &o), SESSION_E_FULL);
    assert_null(o);
    at_ms(HOUR);
    create(s, "me", id);
    assert_null(session_find(s, first, "me"));
    assert_int_equal(sessions_count(s), 3);
    assert_int_equal(session_create(s, "me", "2025-06-18", NULL, NULL, &o), SESSION_E_FULL);
    assert_true(session_end(s, id, "me"));
    create(s, "me", id);
    sessions_free(s);
}

static void what_cannot_be_written_is_refused_and_takes_no_room(void **state)
{
    struct sessions *s = open_table(*state, 1);
    struct session *o = NULL;
    char *dir = temp_path(*state, "sessions"), id[ID_MAX + 1];
    assert_int_equal(session_create(s, "\xff", "2025-06-18", NULL, NULL, &o), -EILSEQ);
    assert_int_equal(session_create(s, "me", "2025-06-18", "\xff", NULL, &o), -EILSEQ);
    assert_int_equal(dir_remove(dir), 0);
    assert_int_equal(session_create(s, "me", "2025-06-18", NULL, NULL, &o), -ENOENT);
    assert_null(o);
    assert_int_equal(sessions_count(s), 0);
    assert_int_equal(dir_make(dir), 0);
    create(s, "me", id);
    sessions_free(s);
    free(dir);
}

static void what_is_no_session_in_the_folder_is_passed_over(void **state)
{
    static const char id[] = "r1-abcdefghijklmnopqrstuvwx27";
    static const struct {
        const char *name, *text;
    } bad[] = {
        {"r1-abcdefghijklmnopqrstuvwx27.json", "{"},
        {"r1-bbcdefghijklmnopqrstuvwx27.json",
         "{\"id\":\"r1-abcdefghijklmnopqrstuvwx27\",\"principal\":\"me\",\"revision\":\"r\","
         "\"created_us\":1}"},
        {"r1-cbcdefghijklmnopqrstuvwx27.json",
         "{\"id\":\"r1-cbcdefghijklmnopqrstuvwx27\",\"revision\":\"r\",\"created_us\":1}"},
        {"r1-dbcdefghijklmnopqrstuvwx27.json", ""},
        {"notes.txt", "hello"},
        {".r1-x.json.0123456789abcdef", "{}"},
    };
    char *dir = temp_path(*state, "sessions"), *folder = temp_path(dir, "folder.json"),
         *fifo = temp_path(dir, "fifo.json"), *log = temp_path(*state, "log"),
         *temp = temp_path(dir, bad[5].name), good[ID_MAX + 1], *text;
    size_t len, lines = 0;
    struct sessions *s = open_table(*state, 10);
    create(s, "me", good);
    sessions_free(s);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(file_replace(dir, bad[i].name, bad[i].text, strlen(bad[i].text)), 0);
    assert_int_equal(dir_make(folder), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);

    assert_int_equal(log_open(&(struct log_options){.file = log, .level = LOGL_INFO}), 0);
    s = open_table(*state, 10);
    log_close();
    assert_int_equal(sessions_count(s), 1);
    assert_true(is_known(s, good, "me"));
    assert_null(session_find(s, id, "me"));
    assert_int_equal(file_read(log, 100000, &text, &len), 0);
    for (const char *p = text; (p = strstr(p, " warning session_skipped file=")); p++)
        lines++;
    assert_int_equal(lines, 7);
    /* Half of a file that a kill left. */
    assert_int_equal(access(temp, F_OK), -1);
    sessions_free(s);
    free(text);
    free(temp);
    free(log);
    free(fifo);
    free(folder);
    free(dir);
}

static void says_when_there_can_be_no_folder(void **state)
{
    struct sessions *s = NULL;
    assert_int_equal(file_replace(*state, "sessions", "", 0), 0);
    assert_int_equal(sessions_new(*state, "r1", 10, TTL_MS, &s), -ENOTDIR);
    assert_null(s);
}

static void more_than_the_maximum_are_kept_over_a_restart(void **state)
{
    struct sessions *s = open_table(*state, 5);
    struct session *o = NULL;
    char ids[5][ID_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        create(s, "me", ids[i]);
    sessions_free(s);
    s = open_table(*state, 2);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_true(is_known(s, ids[i], "me"));
    assert_int_equal(session_create(s, "me", "2025-06-18", NULL, NULL, &o), SESSION_E_FULL);
    sessions_free(s);
}

struct churn {
    struct sessions *sessions;
    char shared[ID_MAX + 1];
    _Atomic unsigned failures;
};

static void *churn(void *arg)
{
    struct churn *c = arg;
    unsigned failures = 0;
    for (int i = 0; i < 50; i++) {
        struct session *mine[3] = {0}, *shared = session_find(c->sessions, c->shared, "me");
        failures += !shared;
        session_unrefp(&shared);
        for (size_t k = 0; k < ARRAY_LEN(mine); k++)
            failures += session_create(c->sessions, "me", "2025-06-18", NULL, NULL, &mine[k]) < 0;
        failures += sessions_count(c->sessions) > 4;
        sessions_expire(c->sessions);
        for (size_t k = 0; k < ARRAY_LEN(mine); k++) {
            failures += mine[k] && !session_end(c->sessions, mine[k]->id, "me");
            session_unrefp(&mine[k]);
        }
    }
    c->failures += failures;
    return NULL;
}

/* Eight threads for a table of four: the maximum holds while files are being written. */
static void threads_share_the_table(void **state)
{
    struct churn c = {.sessions = open_table(*state, 4)};
    pthread_t threads[8];
    create(c.sessions, "me", c.shared);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &c), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(c.failures, 0);
    assert_int_equal(sessions_count(c.sessions), 1);
    sessions_free(c.sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        session_test(a_new_session_has_what_was_said),
        session_test(is_found_by_its_principal_alone),
        session_test(an_ended_session_is_gone_but_its_holders_keep_it),
        session_test(survives_a_restart),
        session_test(survives_a_kill),
        session_test(expires_when_it_was_not_used_for_the_ttl),
        session_test(idleness_is_counted_over_a_restart),
        session_test(use_is_written_down_now_and_then),
        session_test(idleness_is_counted_over_a_reboot),
        session_test(a_full_table_makes_room_only_by_expiry),
        session_test(what_cannot_be_written_is_refused_and_takes_no_room),
        session_test(what_is_no_session_in_the_folder_is_passed_over),
        session_test(says_when_there_can_be_no_folder),
        session_test(more_than_the_maximum_are_kept_over_a_restart),
        session_test(threads_share_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
