/* YAML files, most of them from someone who means harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/yaml_tree.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static void parse(const char *text, struct yaml_tree *ret)
{
    struct yaml_tree_error error;
    if (!yaml_tree_parse(text, strlen(text), ret, &error))
        fail_msg("line %u: %s", error.line, error.text);
}

static void check_refused(const char *data, size_t len, unsigned line, const char *text)
{
    struct yaml_tree tree = {0};
    struct yaml_tree_error error = {0};
    assert_false(yaml_tree_parse(data, len, &tree, &error));
    assert_string_equal(error.text, text);
    assert_int_equal(error.line, line);
    assert_null(tree.items);
}

static void every_node_knows_its_line(void **state)
{
    CLEANUP(yaml_tree_deinit) struct yaml_tree t = {0};
    parse("# a comment\nserver:\n  host: here\n\n  list:\n    - one\n    - two\nlog: {file: x}\n",
          &t);
    assert_int_equal(t.kind, YAML_TREE_MAP);
    assert_int_equal(t.n_items, 2);
    const struct yaml_tree *server = &t.items[0], *list = &server->items[1];
    assert_string_equal(server->key, "server");
    assert_int_equal(server->line, 2);
    assert_string_equal(server->items[0].text, "here");
    assert_int_equal(server->items[0].line, 3);
    assert_int_equal(list->kind, YAML_TREE_LIST);
    assert_int_equal(list->line, 5);
    assert_string_equal(list->items[1].text, "two");
    assert_int_equal(list->items[1].line, 7);
    assert_null(list->items[1].key);
    assert_int_equal(t.items[1].items[0].line, 8);
}

static void tells_nothing_from_an_empty_string(void **state)
{
    CLEANUP(yaml_tree_deinit) struct yaml_tree t = {0};
    parse("a:\nb: ~\nc: null\nd: \"\"\ne: 'null'\nf: \"~\"\n", &t);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(t.items[i].is_null, i < 3);
    assert_string_equal(t.items[3].text, "");
}

static void an_empty_document_is_nothing(void **state)
{
    static const char *const texts[] = {"", "\n", "# only a comment\n", "---\n", "--- ~\n...\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(yaml_tree_deinit) struct yaml_tree t = {0};
        parse(texts[i], &t);
        assert_int_equal(t.kind, YAML_TREE_SCALAR);
        assert_true(t.is_null);
    }
}

static void reads_strings_of_every_style(void **state)
{
    CLEANUP(yaml_tree_deinit) struct yaml_tree t = {0};
    parse("\xef\xbb\xbf[plain word, 'it''s', \"a\\nb\", \"\\u20ac\", -c, \"{code}\"]\n", &t);
    static const char *const wanted[] = {"plain word", "it's", "a\nb", "€", "-c", "{code}"};
    assert_int_equal(t.n_items, ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_string_equal(t.items[i].text, wanted[i]);
}

static void refuses_what_a_configuration_has_no_use_for(void **state)
{
    static const char anchors[] = "anchors and aliases (& and *) are not allowed here; repeat the "
                                  "value, or quote it";
    static const char tags[] = "tags (!) are not allowed here; remove it, or quote the value";
    static const struct {
        const char *data;
        unsigned line;
        const char *text;
    } cases[] = {
        {"a: &x 1\n", 1, anchors},
        {"a: &x [1]\n", 1, anchors},
        {"a:\n  &x b: 1\n", 2, anchors},
        {"&x a: 1\n", 1, anchors},
        {"a: 1\nb: *x\n", 2, anchors},
        {"*x : 1\n", 1, anchors},
        {"a: 1\nb: !!int 1\n", 2, tags},
        {"a: !x [1]\n", 1, tags},
        {"!x {a: 1}\n", 1, tags},
        {"a: 1\nb: 2\na: 3\n", 3, "key a is there twice (first in line 1)"},
        {"a: {b: 1, b: 2}\n", 1, "key b is there twice (first in line 1)"},
        {"a: 1\n---\nb: 1\n", 2, "a second document (---); one is allowed"},
        {"? [a, b]\n: 1\n", 1, "a key must be a word"},
        {": 1\n", 1, "not valid YAML: did not find expected key"},
        {"\"\": 1\n", 1, "a key must be a word"},
        {"\"a\\nb\": 1\n", 1, "a key must be a word"},
        {"a: \"b\\0c\"\n", 1, "a value with a NUL character"},
        {"a:\n\tb: 1\n", 2,
         "not valid YAML: found character that cannot start any token (a tab? indent with spaces; "
         "quote what begins with @ or `)"},
        {"a: [1, 2\n", 2, "not valid YAML: did not find expected ',' or ']'"},
        {"a: 1\n  b: 2\n", 2, "not valid YAML: mapping values are not allowed in this context"},
        {"a: \"b\n", 2, "not valid YAML: found unexpected end of stream"},
        {"a: 1\nb: \xff\n", 2, "not valid YAML: invalid leading UTF-8 octet"},
        {"a: 1\nb: \x01\n", 2, "not valid YAML: control characters are not allowed"},
        {"\xff\xfe"
         "a",
         1, "not valid YAML: invalid leading UTF-8 octet"},
        {"\x7f"
         "ELF\x02\x01\x01",
         1, "not valid YAML: control characters are not allowed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_refused(cases[i].data, strlen(cases[i].data), cases[i].line, cases[i].text);
    check_refused("a: 1\0b: 2\n", 10, 1, "not valid YAML: control characters are not allowed");
}

/* Nine lists of nine names for the list before: a billion strings, if anyone wrote them out. */
static void refuses_a_bomb_at_its_first_anchor(void **state)
{
    static const char bomb[] = "a: &a [x, x, x, x, x, x, x, x, x]\n"
                               "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
                               "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n";
    check_refused(
        bomb, strlen(bomb), 1,
        "anchors and aliases (& and *) are not allowed here; repeat the value, or quote it");
}

static char *repeated(const char *text, size_t n)
{
    size_t len = strlen(text);
    char *all = mem_calloc(n * len + 1, 1);
    for (size_t i = 0; i < n; i++)
        memcpy(all + i * len, text, len);
    return all;
}

static void takes_what_is_just_deep_enough(void **state)
{
    CLEANUP(yaml_tree_deinit) struct yaml_tree t = {0};
    CLEANUP(mem_free_p) char *open = repeated("[", YAML_TREE_MAX_DEPTH);
    CLEANUP(mem_free_p) char *close = repeated("]", YAML_TREE_MAX_DEPTH);
    CLEANUP(mem_free_p) char *text = mem_format("%s%s", open, close);
    parse(text, &t);
    check_refused("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", 34, 1, "nested deeper than 16 levels");
}

static void refuses_depth_without_end(void **state)
{
    static const char *const openers[] = {"[", "{a: ", "- ", "? ", "a:\n "};
    for (size_t i = 0; i < ARRAY_LEN(openers); i++) {
        CLEANUP(mem_free_p) char *text = repeated(openers[i], YAML_TREE_MAX_BYTES / 16);
        struct yaml_tree t = {0};
        struct yaml_tree_error error;
        assert_false(yaml_tree_parse(text, strlen(text), &t, &error));
    }
}

static void refuses_more_values_than_it_counts(void **state)
{
    CLEANUP(mem_free_p) char *few = repeated("- x\n", YAML_TREE_MAX_NODES - 1);
    CLEANUP(yaml_tree_deinit) struct yaml_tree t = {0};
    parse(few, &t);
    assert_int_equal(t.n_items, YAML_TREE_MAX_NODES - 1);
    CLEANUP(mem_free_p) char *many = repeated("- x\n", YAML_TREE_MAX_NODES);
    check_refused(many, strlen(many), YAML_TREE_MAX_NODES, "more than 4096 values");
}

static void refuses_a_file_beyond_its_size(void **state)
{
    CLEANUP(mem_free_p) char *text = repeated("#", YAML_TREE_MAX_BYTES + 1);
    check_refused(text, YAML_TREE_MAX_BYTES + 1, 0, "larger than 1024 KiB");
    struct yaml_tree t = {0};
    struct yaml_tree_error error;
    assert_true(yaml_tree_parse(text, YAML_TREE_MAX_BYTES, &t, &error));
    yaml_tree_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_knows_its_line),
        cmocka_unit_test(tells_nothing_from_an_empty_string),
        cmocka_unit_test(an_empty_document_is_nothing),
        cmocka_unit_test(reads_strings_of_every_style),
        cmocka_unit_test(refuses_what_a_configuration_has_no_use_for),
        cmocka_unit_test(refuses_a_bomb_at_its_first_anchor),
        cmocka_unit_test(takes_what_is_just_deep_enough),
        cmocka_unit_test(refuses_depth_without_end),
        cmocka_unit_test(refuses_more_values_than_it_counts),
        cmocka_unit_test(refuses_a_file_beyond_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
