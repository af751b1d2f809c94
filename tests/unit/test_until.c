/* Waiting for a pattern in output as it grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/mcp/until.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/temp_dir.h"

static const char id[] = "r1-abcdefghijklmnopqrstuvwxyz";

static struct until *look_for(const char *dir, const char *expression, struct output_pos from)
{
    char *error = NULL;
    struct pattern *p = pattern_new(expression, &error);
    assert_non_null(p);
    return until_new(p, dir, id, from);
}

static int step(struct until *u)
{
    int r;
    while ((r = until_step(u)) == UNTIL_MORE)
        ;
    return r;
}

static void put(struct journal_file *f, const char *text)
{
    journal_file_bytes(f, JOURNAL_STDOUT, JOURNAL_PARTIAL, text, strlen(text));
}

static void it_is_found_when_it_comes(void **state)
{
    struct journal_file f;
    struct until *u = look_for(*state, "port \\d+$", (struct output_pos){0});
    assert_int_equal(step(u), UNTIL_NO); /* not even begun */
    assert_int_equal(until_events(u), 0);
    journal_file_create(&f, *state, id);
    journal_file_event(&f, JOURNAL_READY, 0);
    put(&f, "starting\n");
    assert_int_equal(step(u), UNTIL_NO);
    assert_int_equal(until_events(u), 2);
    put(&f, "listening on po");
    assert_int_equal(step(u), UNTIL_NO);
    put(&f, "rt 8080\nready\n");
    assert_int_equal(step(u), UNTIL_YES);
    assert_int_equal(until_match(u)->len, 9);
    assert_memory_equal(until_match(u)->data, "port 8080", 9);
    until_free(u);
    journal_file_close(&f);
}

static void what_came_before_the_place_does_not_count(void **state)
{
    struct journal_file f;
    journal_file_create(&f, *state, id);
    journal_file_event(&f, JOURNAL_READY, 0);
    put(&f, "done\n");
    put(&f, "again ");
    struct until *u = look_for(*state, "done", (struct output_pos){2, 0});
    assert_int_equal(step(u), UNTIL_NO);
    put(&f, "done\n");
    assert_int_equal(step(u), UNTIL_YES);
    until_free(u);
    u = look_for(*state, "done", (struct output_pos){1, 1});
    assert_int_equal(step(u), UNTIL_YES); /* the second one */
    until_free(u);
    journal_file_close(&f);
}

static void much_output_is_searched_to_its_end(void **state)
{
    struct journal_file f;
    char filler[1000];
    journal_file_create(&f, *state, id);
    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\n';
    for (int i = 0; i < 3000; i++)
        journal_file_bytes(&f, JOURNAL_STDOUT, 0, filler, sizeof(filler));
    put(&f, "needle");
    struct until *u = look_for(*state, "^needle", (struct output_pos){0});
    assert_int_equal(step(u), UNTIL_YES);
    until_free(u);
    u = look_for(*state, "^eedle|xneedle", (struct output_pos){0});
    assert_int_equal(step(u), UNTIL_NO);
    assert_int_equal(step(u), UNTIL_NO); /* nothing new: nothing to do */
    until_free(u);
    journal_file_close(&f);
}

static void a_place_that_is_none_is_refused(void **state)
{
    struct journal_file f;
    struct until *u = look_for(*state, "x", (struct output_pos){3, 0});
    assert_int_equal(step(u), UNTIL_E_PLACE); /* of an execution without events */
    until_free(u);
    journal_file_create(&f, *state, id);
    journal_file_event(&f, JOURNAL_READY, 0);
    u = look_for(*state, "x", (struct output_pos){3, 0});
    assert_int_equal(step(u), UNTIL_E_PLACE);
    until_free(u);
    journal_file_close(&f);
}

static void what_retention_drops_is_jumped_over(void **state)
{
    struct journal_file f;
    journal_file_create(&f, *state, id);
    journal_file_event(&f, JOURNAL_READY, 0);
    put(&f, "lost\n");
    put(&f, "kept\n");
    journal_file_drop(&f, 2, 5);
    struct until *u = look_for(*state, "kept", (struct output_pos){0});
    assert_int_equal(step(u), UNTIL_YES);
    until_free(u);
    journal_file_close(&f);
}

static void an_expression_that_explodes_is_refused(void **state)
{
    struct journal_file f;
    journal_file_create(&f, *state, id);
    put(&f, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    struct until *u = look_for(*state, "(a|aa)+$", (struct output_pos){0});
    assert_int_equal(step(u), UNTIL_E_COST);
    until_free(u);
    journal_file_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(it_is_found_when_it_comes),
        temp_dir_test(what_came_before_the_place_does_not_count),
        temp_dir_test(much_output_is_searched_to_its_end),
        temp_dir_test(a_place_that_is_none_is_refused),
        temp_dir_test(what_retention_drops_is_jumped_over),
        temp_dir_test(an_expression_that_explodes_is_refused),
    };
    return cmocka_run_group_tests_name("until", tests, NULL, NULL);
}
