/* Sessions of several replicas: the table, and what Redis holds of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/session_record.h"
#include "tests/unit/temp_dir.h"

#define TTL_MS 3600000u

static struct sessions *table(const char *dir, const char *replica)
{
    struct sessions *s;
    assert_int_equal(sessions_new(dir, replica, 3, TTL_MS, &s), 0);
    sessions_share(s);
    return s;
}

static struct session *make(struct sessions *s)
{
    struct session *made;
    assert_int_equal(session_create(s, "alice", "2025-06-18", "c/1", "{}", &made), SESSION_OK);
    return made;
}

static struct session_facts foreign(const char *id)
{
    return (struct session_facts){.id = id,
                                  .principal = "alice",
                                  .revision = "2025-03-26",
                                  .capabilities = "{\"roots\":{}}",
                                  .created_us = 4711,
                                  .log_level = 3};
}

#define FOREIGN "r2-abcdefghijklmnopqrstuvwxyz"

static void what_another_replica_made_is_served(void **state)
{
    struct sessions *s = table(*state, "r1");
    const struct session_facts f = foreign(FOREIGN);
    assert_int_equal(sessions_know(s, FOREIGN), SESSION_UNSURE);
    assert_int_equal(session_import(s, &f), SESSION_OK);
    assert_int_equal(sessions_know(s, FOREIGN), SESSION_KNOWN);
    assert_null(session_find(s, FOREIGN, "bob"));
    CLEANUP(session_unrefp) struct session *found = session_find(s, FOREIGN, "alice");
    assert_non_null(found);
    assert_string_equal(found->revision, "2025-03-26");
    assert_string_equal(found->capabilities, "{\"roots\":{}}");
    assert_int_equal(atomic_load(&found->log_level), 3);
    sessions_set_level(s, FOREIGN, 7);
    assert_int_equal(atomic_load(&found->log_level), 7);
    assert_null(sessions_keep_own(s, FOREIGN));
    assert_true(sessions_drop(s, FOREIGN));
    assert_false(sessions_drop(s, FOREIGN));
    assert_null(session_find(s, FOREIGN, "alice"));
    sessions_free(s);
}

static void it_leaves_no_file(void **state)
{
    struct sessions *s = table(*state, "r1");
    const struct session_facts f = foreign(FOREIGN);
    assert_int_equal(session_import(s, &f), SESSION_OK);
    sessions_free(s);
    s = table(*state, "r1");
    assert_int_equal(sessions_count(s), 0);
    sessions_free(s);
}

static void imports_count_towards_the_limit(void **state)
{
    struct sessions *s = table(*state, "r1");
    for (int i = 0; i < 3; i++) {
        CLEANUP(session_unrefp) struct session *made = make(s);
        assert_non_null(made);
    }
    const struct session_facts f = foreign(FOREIGN);
    assert_int_equal(session_import(s, &f), SESSION_E_FULL);
    sessions_free(s);
}

static void alone_nobody_is_asked(void **state)
{
    struct sessions *s;
    assert_int_equal(sessions_new(*state, "r1", 3, TTL_MS, &s), 0);
    assert_int_equal(sessions_know(s, FOREIGN), SESSION_KNOWN);
    sessions_share(s);
    assert_int_equal(sessions_know(s, FOREIGN), SESSION_UNSURE);
    assert_int_equal(sessions_know(s, "no id"), SESSION_KNOWN);
    sessions_free(s);
}

/* News may have been missed: what was known is asked for again. */
static void trust_ends_with_the_news(void **state)
{
    struct sessions *s = table(*state, "r1");
    CLEANUP(session_unrefp) struct session *before = make(s);
    assert_int_equal(sessions_know(s, before->id), SESSION_KNOWN); /* nobody can be asked yet */
    sessions_trust(s, true);
    assert_int_equal(sessions_know(s, before->id), SESSION_UNSURE);
    CLEANUP(session_unrefp) struct session *own = sessions_keep_own(s, before->id);
    assert_ptr_equal(own, before);
    assert_int_equal(sessions_know(s, before->id), SESSION_KNOWN);
    CLEANUP(session_unrefp) struct session *after = make(s);
    assert_int_equal(sessions_know(s, after->id), SESSION_KNOWN);
    sessions_trust(s, false);
    assert_int_equal(sessions_know(s, after->id), SESSION_KNOWN);
    sessions_trust(s, true);
    assert_int_equal(sessions_know(s, after->id), SESSION_UNSURE);
    sessions_free(s);
}

static void lists_what_is_ours_and_what_was_seen(void **state)
{
    clock_hold(5000000, 1);
    struct sessions *s = table(*state, "r1");
    CLEANUP(session_unrefp) struct session *own = make(s);
    const struct session_facts f = foreign(FOREIGN);
    assert_int_equal(session_import(s, &f), SESSION_OK);
    struct session **v;
    assert_int_equal(sessions_list_own(s, &v), 1);
    assert_ptr_equal(v[0], own);
    session_unref(v[0]);
    free(v);
    clock_hold(9000000, 1);
    assert_int_equal(sessions_list_seen(s, 6000, &v), 0);
    free(v);
    CLEANUP(session_unrefp) struct session *found = session_find(s, FOREIGN, "alice");
    assert_int_equal(sessions_list_seen(s, 6000, &v), 1);
    assert_ptr_equal(v[0], found);
    session_unref(v[0]);
    free(v);
    clock_hold(0, 0);
    sessions_free(s);
}

/* ---- the record ---- */

static void a_record_comes_back(void **state)
{
    struct sessions *s = table(*state, "r1");
    CLEANUP(session_unrefp) struct session *made = make(s);
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(session_record_deinit) struct session_record r = {0};
    atomic_store(&made->log_level, 4);
    session_record_write(made, &text);
    assert_true(session_record_read(text.data, text.len, made->id, &r));
    assert_false(r.has_ended);
    assert_string_equal(r.facts.principal, "alice");
    assert_string_equal(r.facts.revision, "2025-06-18");
    assert_string_equal(r.facts.client, "c/1");
    assert_int_equal(r.facts.created_us, made->created_us);
    assert_int_equal(r.facts.log_level, 4);
    sessions_free(s);
}

static void the_note_of_an_end_is_one(void **state)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(session_record_deinit) struct session_record r = {0};
    session_record_write_ended(FOREIGN, &text);
    assert_memory_equal(text.data, SESSION_ENDED_HEAD, strlen(SESSION_ENDED_HEAD));
    assert_true(session_record_read(text.data, text.len, FOREIGN, &r));
    assert_true(r.has_ended);
}

static void anything_else_is_refused(void **state)
{
#define HEAD_OF(id) "{\"id\":\"" id "\",\"revision\":\"x\",\"principal\":\"p\",\"created_us\":1"
#define HEAD        HEAD_OF(FOREIGN)
    static const char *const texts[] = {
        "",
        "[]",
        "null",
        "{}",
        HEAD "}",
        HEAD ",\"log_level\":9}",
        HEAD ",\"log_level\":-1}",
        HEAD ",\"log_level\":1,\"client\":7}",
        HEAD ",\"log_level\":1,\"capabilities\":\"[]\"}",
        HEAD ",\"log_level\":1,\"capabilities\":\"{\"}",
        "{\"ended\":true}",
        "{\"ended\":true,\"id\":\"r2-other\"}",
        HEAD_OF("r3-abcdefghijklmnopqrstuvwxyz") ",\"log_level\":1}",
    };
    struct session_record r;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (session_record_read(texts[i], strlen(texts[i]), FOREIGN, &r))
            fail_msg("taken: %s", texts[i]);
    static const char good[] = HEAD ",\"log_level\":1}";
    assert_true(session_record_read(good, strlen(good), FOREIGN, &r));
    session_record_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(what_another_replica_made_is_served),
        temp_dir_test(it_leaves_no_file),
        temp_dir_test(imports_count_towards_the_limit),
        temp_dir_test(alone_nobody_is_asked),
        temp_dir_test(trust_ends_with_the_news),
        temp_dir_test(lists_what_is_ours_and_what_was_seen),
        temp_dir_test(a_record_comes_back),
        cmocka_unit_test(the_note_of_an_end_is_one),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
