/* What clients send back to us as they got it: event ids, cursors, uris. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/mcp/event_id.h"
#include "server/mcp/execution_list.h"
#include "server/mcp/resource_uri.h"
#include "state/journal_format.h"

#define ID "r1-abcdefghijklmnopqrstuvwxyz"

static void event_ids_read_back_as_the_same_place(void **state)
{
    static const struct {
        struct output_pos pos;
        const char *id;
    } rows[] = {
        {{1, 0}, "0"},
        {{18, 0}, "17"},
        {{17, 4096}, "16.04096"},
        {{1, 65535}, "0.65535"},
        {{1000000000000000000, 1}, "999999999999999999.00001"},
    };
    char id[EVENT_ID_MAX + 1];
    struct output_pos pos;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(event_id_format(rows[i].pos, id));
        assert_string_equal(id, rows[i].id);
        assert_true(event_id_parse(id, &pos));
        assert_true(output_pos_equal(pos, rows[i].pos));
    }
    assert_false(event_id_format((struct output_pos){0}, id));
}

static void what_is_no_event_id_is_refused(void **state)
{
    static const char *const ids[] = {"",
                                      " 1",
                                      "1 ",
                                      "-1",
                                      "+1",
                                      "01",
                                      "1.",
                                      "1.5",
                                      "1.00000",
                                      "1.65536",
                                      "1.004096",
                                      "1.0409x",
                                      "0x1",
                                      "1e3",
                                      "17,5",
                                      "abc",
                                      "1-2",
                                      "1.04096.1",
                                      ".04096",
                                      "18446744073709551615",
                                      "9999999999999999999"};
    struct output_pos pos;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_false(event_id_parse(ids[i], &pos));
}

static void a_cursor_leads_behind_the_execution_it_was_made_of(void **state)
{
    struct execution_view views[2] = {{.id = ID, .created_us = 7},
                                      {.id = ID, .created_us = 0x123456789abcdef}};
    struct call c = {.op = CALL_LIST, .views = views, .n_views = 2}, next = {.op = CALL_LIST};
    char cursor[EXECUTION_CURSOR_MAX + 1];
    assert_false(execution_cursor_next(&c, cursor)); /* has_more is not set: it was the last */
    c.has_more = true;
    assert_true(execution_cursor_next(&c, cursor));
    assert_true(execution_cursor_apply(cursor, &next));
    assert_int_equal(next.list.before_us, 0x123456789abcdef);
    assert_string_equal(next.list.before_id, ID);
}

static void a_cursor_of_others_is_refused(void **state)
{
    static const char *const cursors[] = {"",
                                          "x",
                                          "0123456789abcdef",
                                          "0123456789abcdef.",
                                          "0123456789abcdef.nope",
                                          "0123456789abcde." ID,
                                          "0123456789ABCDEF." ID,
                                          "0123456789abcdef." ID " ",
                                          "0123456789abcdef-" ID};
    struct call c = {.op = CALL_LIST};
    for (size_t i = 0; i < ARRAY_LEN(cursors); i++)
        assert_false(execution_cursor_apply(cursors[i], &c));
    assert_string_equal(c.list.before_id, "");
}

static void uris_of_executions_are_taken_apart(void **state)
{
    struct resource_uri u;
    assert_true(resource_uri_parse("exec://" ID "/output", &u));
    assert_int_equal(u.kind, RESOURCE_OUTPUT);
    assert_string_equal(u.id, ID);
    assert_int_equal(u.offset, 0);
    assert_true(u.length == UINT64_MAX);
    assert_int_equal(u.stream, 0);
    assert_true(resource_uri_parse("exec://" ID "/output?offset=10&length=5&stream=stderr", &u));
    assert_int_equal(u.offset, 10);
    assert_int_equal(u.length, 5);
    assert_int_equal(u.stream, JOURNAL_STDERR);
    assert_true(resource_uri_parse("exec://" ID "/status", &u));
    assert_int_equal(u.kind, RESOURCE_STATUS);
    assert_true(resource_uri_parse("exec://" ID "/files/a%20b/%c3%A4?offset=3", &u));
    assert_int_equal(u.kind, RESOURCE_FILE);
    assert_string_equal(u.path, "a b/\xc3\xa4");
    assert_int_equal(u.offset, 3);
    CLEANUP(free_p) char *next = resource_uri_print(&u, 7);
    assert_string_equal(next, "exec://" ID "/files/a%20b/%C3%A4?offset=7");
}

static void uris_of_nothing_are_refused(void **state)
{
    static const char *const uris[] = {
        "",
        "exec://",
        "exec://help",
        "exec://" ID,
        "exec://" ID "/",
        "exec://" ID "/secret",
        "exec://" ID "/output/",
        "exec://" ID "/../" ID "/output",
        "exec://../output",
        "exec://" ID "/status?offset=1",
        "exec://" ID "/output?offset",
        "exec://" ID "/output?offset=",
        "exec://" ID "/output?offset=-1",
        "exec://" ID "/output?length=0",
        "exec://" ID "/output?offset=1x",
        "exec://" ID "/output?offset=9999999999999999999",
        "exec://" ID "/output?stream=stdin",
        "exec://" ID "/output?other=1",
        "EXEC://" ID "/output",
        "file:///etc/passwd",
        "exec://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"
        "output",
    };
    struct resource_uri u;
    for (size_t i = 0; i < ARRAY_LEN(uris); i++)
        if (resource_uri_parse(uris[i], &u))
            fail_msg("%s was taken", uris[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_ids_read_back_as_the_same_place),
        cmocka_unit_test(what_is_no_event_id_is_refused),
        cmocka_unit_test(a_cursor_leads_behind_the_execution_it_was_made_of),
        cmocka_unit_test(a_cursor_of_others_is_refused),
        cmocka_unit_test(uris_of_executions_are_taken_apart),
        cmocka_unit_test(uris_of_nothing_are_refused),
    };
    return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
