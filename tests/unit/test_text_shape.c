/* Shaping of lines: strip_ansi, grep with context, dedupe, and what fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/mcp/text_shape.h"
#include "state/base/utf8.h"
#include "tests/unit/random.h"

/* Feeds a text line by line as one event each: "e:" before a line means stderr. False: full. */
static bool feed(struct text_shape *t, const char *text)
{
    uint64_t event = 1;
    for (const char *p = text, *end; *p; p = end, event++) {
        end = strchrnul(p, '\n');
        end += *end == '\n';
        bool is_err = strncmp(p, "e:", 2) == 0;
        const struct excerpt_line l = {.event = event,
                                       .record = {.type = is_err ? JOURNAL_STDERR : JOURNAL_STDOUT},
                                       .begin = {event, 0},
                                       .end = {event + 1, 0},
                                       .is_verbatim = true,
                                       .data = p,
                                       .len = (size_t)(end - p)};
        enum shape_verdict v = text_shape_add(t, &l);
        assert_int_not_equal(v, SHAPE_E_COST);
        if (v == SHAPE_FULL)
            return false;
    }
    return true;
}

static const struct excerpt_limits everything = {
    .max_bytes = 1 << 20, .head_bytes = 1 << 20, .head_lines = SIZE_MAX};

static char *shaped(const struct shape_options *o, const struct excerpt_limits *l, const char *text)
{
    struct text_shape t;
    struct buf b = {0};
    text_shape_init(&t, o, l);
    if (feed(&t, text))
        text_shape_finish(&t);
    for (size_t i = 0; i < t.excerpt.n_pieces; i++)
        buf_append(&b, t.excerpt.pieces[i].data.data, t.excerpt.pieces[i].data.len);
    text_shape_deinit(&t);
    return buf_steal(&b);
}

static void dedupe_counts_runs_of_equal_lines(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"a\nb\n", "a\nb\n"},
        {"a\na\na\nb\na\n", "a (repeated 3 times)\nb\na\n"},
        {"a\r\na\r\n", "a (repeated 2 times)\r\n"},
        {"\n\n\n", " (repeated 3 times)\n"},
        {"a\na", "a\na"}, /* the last is not a whole line yet */
        {"e:x\ne:x\nx\n", "e:x (repeated 2 times)\nx\n"},
    };
    const struct shape_options o = {.dedupe = true};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(free_p) char *got = shaped(&o, &everything, rows[i][0]);
        assert_string_equal(got, rows[i][1]);
    }
}

static void grep_keeps_lines_that_match_and_their_context(void **state)
{
    static const struct {
        const char *expression;
        size_t context;
        const char *text, *expected;
    } rows[] = {
        {"b", 0, "a\nb\nc\nab\n", "b\nab\n"},
        {"^b$", 0, "a\nb\nb \n", "b\n"},
        {"^b$", 0, "b\r\nc\r\n", "b\r\n"},
        {"x", 1, "a\nb\nx\nc\nd\n", "b\nx\nc\n"},
        {"x", 1, "a\nx\nb\nx\nc\n", "a\nx\nb\nx\nc\n"},
        {"x", 1, "x\na\nb\nc\nx\n", "x\na\n--\nc\nx\n"},
        {"x", 2, "x\na\nb\nc\nx\n", "x\na\nb\nc\nx\n"},
        {"x", 2, "a\nb\nc\nd\nx\nx\n", "c\nd\nx\nx\n"},
        {"nothing", 3, "a\nb\n", ""},
        {"\xc3\xa4", 0, "\xc3\xa4\n\xff\xc3\xa4\nb\n", "\xc3\xa4\n\xff\xc3\xa4\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *error = NULL;
        struct shape_options o = {.grep = pattern_new(rows[i].expression, &error),
                                  .context = rows[i].context};
        CLEANUP(free_p) char *got = shaped(&o, &everything, rows[i].text);
        assert_string_equal(got, rows[i].expected);
        shape_options_deinit(&o);
    }
}

static void what_is_stripped_is_grepped_and_deduped(void **state)
{
    char *error = NULL;
    struct shape_options o = {
        .grep = pattern_new("^ok$", &error), .strip_ansi = true, .dedupe = true};
    CLEANUP(free_p)
    char *got = shaped(&o, &everything, "\033[32mok\033[0m\nok\n\033[31mbad\033[0m\n");
    assert_string_equal(got, "ok (repeated 2 times)\n");
    shape_options_deinit(&o);
}

static void strip_ansi_takes_control_sequences_alone(void **state)
{
    static const char *const rows[][2] = {
        {"plain", "plain"},
        {"\033[1;31mred\033[0m", "red"},
        {"a\033[2Kb", "ab"},
        {"\033]0;title\007text", "text"},
        {"\033]8;;http://x\033\\link\033]8;;\033\\", "link"},
        {"\033(Bx", "x"},
        {"\033Mx", "x"},
        {"\033P1$r\033\\x", "x"},
        {"a\r\nb\r\n", "a\nb\n"},
        {"10%\r20%", "10%\r20%"},
        {"\033]broken\nnext", "\nnext"}, /* a broken string ends with its line */
        {"\033[\030x", "x"},
        {"\xc3\x9b\x31m", "\xc3\x9b\x31m"}, /* no 8-bit sequences within UTF-8 */
        {"end\033[3", "end"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        unsigned char ansi = 0;
        buf_append_str(&b, "");
        strip_ansi(&b, rows[i][0], strlen(rows[i][0]), &ansi);
        assert_string_equal(b.data, rows[i][1]);
    }
}

static void a_sequence_may_come_in_pieces(void **state)
{
    static const char text[] = "a\033[1;31mb\033]0;t\033\\c\033(Bd";
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        unsigned char ansi = 0;
        strip_ansi(&b, text, cut, &ansi);
        strip_ansi(&b, text + cut, sizeof(text) - 1 - cut, &ansi);
        assert_string_equal(b.data, "abcd");
    }
}

/* An event that is no output between two lines stays there, and parts them. */
static void events_keep_their_place_among_the_lines(void **state)
{
    const struct shape_options o = {.dedupe = true};
    struct text_shape t;
    text_shape_init(&t, &o, &everything);
    assert_true(feed(&t, "a\na\n"));
    const struct excerpt_line event = {
        .event = 3, .record = {.type = JOURNAL_TIMEOUT}, .begin = {3, 0}, .end = {4, 0}};
    assert_int_equal(text_shape_add(&t, &event), SHAPE_OK);
    text_shape_finish(&t);
    assert_int_equal(t.excerpt.n_pieces, 2);
    assert_string_equal(t.excerpt.pieces[0].data.data, "a (repeated 2 times)\n");
    assert_int_equal(t.excerpt.pieces[0].end.event, 3);
    assert_int_equal(t.excerpt.pieces[1].record.type, JOURNAL_TIMEOUT);
    text_shape_deinit(&t);
}

static void an_answer_that_is_full_says_where_to_go_on(void **state)
{
    const struct shape_options o = {.dedupe = true};
    const struct excerpt_limits l = {.max_bytes = 5, .head_bytes = 5, .head_lines = SIZE_MAX};
    struct text_shape t;
    text_shape_init(&t, &o, &l);
    assert_false(feed(&t, "aa\nbb\nbb\ncc\n"));
    assert_true(t.excerpt.is_full);
    assert_int_equal(t.excerpt.resume.event, 2); /* the run of bb, from its begin */
    text_shape_deinit(&t);
}

/* Any lines, any limits: the head is a begin, the tail an end, and nothing gets lost in between. */
static void head_tail_and_left_out_are_everything(void **state)
{
    static const char *const words[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                        "xyz "};
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct random r = {seed};
        const struct shape_options o = {0};
        CLEANUP(buf_deinit) struct buf all = {0};
        CLEANUP(buf_deinit) struct buf kept = {0};
        for (size_t n = 1 + random_below(&r, 40); n > 0; n--) {
            for (size_t k = random_below(&r, 10); k > 0; k--)
                buf_append_str(&all, words[random_below(&r, ARRAY_LEN(words))]);
            buf_append_char(&all, '\n');
        }
        size_t max = 1 + random_below(&r, 200);
        const struct excerpt_limits l = {.max_bytes = max,
                                         .head_bytes = random_below(&r, max + 1),
                                         .head_lines = 1 + random_below(&r, 20),
                                         .tail_lines = random_below(&r, 20),
                                         .has_tail = true};
        struct text_shape t;
        text_shape_init(&t, &o, &l);
        assert_true(feed(&t, all.data));
        text_shape_finish(&t);
        size_t head = 0;
        for (size_t i = 0; i < t.excerpt.n_pieces; i++) {
            const struct buf *data = &t.excerpt.pieces[i].data;
            assert_true(utf8_is_valid(data->data, data->len));
            if (t.excerpt.left_out_bytes == 0 || i < t.excerpt.gap_at)
                head += data->len;
            buf_append(&kept, data->data, data->len);
        }
        assert_true(kept.len <= max);
        assert_int_equal(kept.len + t.excerpt.left_out_bytes, all.len);
        if (head > 0)
            assert_memory_equal(kept.data, all.data, head);
        if (kept.len > head)
            assert_memory_equal(kept.data + head, all.data + all.len - (kept.len - head),
                                kept.len - head);
        text_shape_deinit(&t);
    }
}

static void a_wrong_expression_is_refused_in_words(void **state)
{
    const struct config c = {.max_reply_bytes = 1 << 20};
    struct shape_options o;
    CLEANUP(json_deletep) cJSON *arg = cJSON_Parse("{\"grep\":\"a(b\"}");
    CLEANUP(free_p) char *error = shape_options_read(&o, &c, arg);
    assert_string_equal(error, "output.grep is not a regular expression (PCRE2): missing closing "
                               "parenthesis at character 4");
    shape_options_deinit(&o);
}

static void context_without_grep_is_refused(void **state)
{
    const struct config c = {.max_reply_bytes = 1 << 20};
    struct shape_options o;
    CLEANUP(json_deletep) cJSON *arg = cJSON_Parse("{\"context\":2}");
    CLEANUP(free_p) char *error = shape_options_read(&o, &c, arg);
    assert_string_equal(error, "output.context needs output.grep: lines around each match");
    shape_options_deinit(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dedupe_counts_runs_of_equal_lines),
        cmocka_unit_test(grep_keeps_lines_that_match_and_their_context),
        cmocka_unit_test(what_is_stripped_is_grepped_and_deduped),
        cmocka_unit_test(strip_ansi_takes_control_sequences_alone),
        cmocka_unit_test(a_sequence_may_come_in_pieces),
        cmocka_unit_test(events_keep_their_place_among_the_lines),
        cmocka_unit_test(an_answer_that_is_full_says_where_to_go_on),
        cmocka_unit_test(head_tail_and_left_out_are_everything),
        cmocka_unit_test(a_wrong_expression_is_refused_in_words),
        cmocka_unit_test(context_without_grep_is_refused),
    };
    return cmocka_run_group_tests_name("text_shape", tests, NULL, NULL);
}
