/* Output read from journals: pages against a plain model, both ends, retention, growth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/mcp/output.h"
#include "state/base/utf8.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/random.h"
#include "tests/unit/temp_dir.h"

static const char id[] = "r1-abcdefghijklmnopqrstuvwxyz";

/* Everything that was appended, as a plain array. */
struct model {
    struct journal_file file;
    struct {
        uint8_t type;
        size_t offset, len;
    } events[4096];
    size_t n;
    struct buf bytes;
};

static void model_event(struct model *m, enum journal_type type)
{
    m->events[m->n].type = (uint8_t)type;
    m->events[m->n].offset = m->bytes.len;
    m->events[m->n++].len = 0;
    journal_file_event(&m->file, type, 0);
}

static void model_bytes(struct model *m, enum journal_type stream, uint8_t flags, const char *data,
                        size_t len)
{
    m->events[m->n].type = (uint8_t)stream;
    m->events[m->n].offset = m->bytes.len;
    m->events[m->n++].len = len;
    buf_append(&m->bytes, data, len);
    journal_file_bytes(&m->file, stream, flags, data, len);
}

static void model_text(struct model *m, const char *text)
{
    model_bytes(m, JOURNAL_STDOUT, 0, text, strlen(text));
}

static struct model *model_new(const char *dir)
{
    struct model *m = xcalloc(1, sizeof(*m));
    journal_file_create(&m->file, dir, id);
    model_event(m, JOURNAL_READY);
    return m;
}

static void model_free(struct model *m)
{
    journal_file_close(&m->file);
    buf_deinit(&m->bytes);
    free(m);
}

/* A record as the keeper writes them: whole lines, or (flag) a piece of one; some not UTF-8. */
static void model_random(struct model *m, struct random *r)
{
    static const char *const words[] = {
        "a", "bc\n", "\n", "\xc3\xa9", "\xe2\x82\xac\n", "\xf0\x9f\x98\x80", "def ghi\n", "\xff"};
    struct buf b = {0};
    size_t n = 1 + random_below(r, 12);
    size_t kinds = random_below(r, 8) ? 7 : 8;
    for (size_t i = 0; i < n; i++)
        buf_append_str(&b, words[random_below(r, kinds)]);
    uint8_t flags = JOURNAL_PARTIAL;
    if (random_below(r, 3)) {
        buf_append_char(&b, '\n');
        flags = 0;
    }
    model_bytes(m, random_below(r, 4) ? JOURNAL_STDOUT : JOURNAL_STDERR, flags, b.data, b.len);
    buf_deinit(&b);
}

struct answer {
    struct output_reader *reader;
    const struct output *out;
};

/* Reads an answer; what can go wrong fails the test. */
static struct answer read_answer(const char *dir, const struct shape_options *o,
                                 struct output_pos from, bool is_page)
{
    const struct output_query q = {.state_dir = dir,
                                   .id = id,
                                   .options = o,
                                   .from = from,
                                   .is_page = is_page,
                                   .has_exit = true};
    struct answer a = {0};
    int r;
    assert_int_equal(output_reader_new(&q, &a.reader), OUTPUT_DONE);
    while ((r = output_reader_step(a.reader)) == OUTPUT_MORE)
        ;
    assert_int_equal(r, OUTPUT_DONE);
    a.out = output_reader_result(a.reader);
    return a;
}

static size_t answer_bytes(const struct output *out)
{
    size_t n = 0;
    for (size_t i = 0; i < out->excerpt->n_pieces; i++)
        n += out->excerpt->pieces[i].data.len;
    return n;
}

/* All pieces in one string. */
static char *answer_text(const struct output *out)
{
    struct buf b = {0};
    for (size_t i = 0; i < out->excerpt->n_pieces; i++)
        buf_append(&b, out->excerpt->pieces[i].data.data, out->excerpt->pieces[i].data.len);
    return buf_steal(&b);
}

static void check_text(const char *dir, const struct shape_options *o, bool is_page,
                       const char *expected)
{
    struct answer a = read_answer(dir, o, (struct output_pos){0}, is_page);
    CLEANUP(free_p) char *text = answer_text(a.out);
    assert_string_equal(text, expected);
    output_reader_free(a.reader);
}

/* The place as a client would send it back. */
static struct output_pos through_id(struct output_pos pos)
{
    char text[EVENT_ID_MAX + 1];
    struct output_pos parsed = {0};
    if (event_id_format(pos, text))
        assert_true(event_id_parse(text, &parsed));
    assert_true(output_pos_equal(parsed, pos));
    return parsed;
}

/* A reader of pages: what it has got so far. */
struct follower {
    struct output_pos pos;
    struct buf bytes;
    size_t events; /* whole ones */
    char last_id[EVENT_ID_MAX + 1];
};

static void check_piece(const struct model *m, struct follower *f, const struct excerpt_piece *p)
{
    char text[EVENT_ID_MAX + 1];
    assert_int_equal(p->event, f->events);
    assert_int_equal(p->record.type, m->events[p->event].type);
    assert_true(event_id_format(p->end, text));
    assert_true(strtod(text, NULL) > strtod(f->last_id, NULL) || f->last_id[0] == '\0');
    memcpy(f->last_id, text, sizeof(text));
    const char *whole = m->bytes.data + m->events[p->event].offset;
    if (p->data.len > 0 && utf8_is_valid(whole, m->events[p->event].len))
        assert_true(utf8_is_valid(p->data.data, p->data.len));
    buf_append(&f->bytes, p->data.data, p->data.len);
    if (p->end.offset == 0)
        f->events++;
}

static void follow(const char *dir, const struct model *m, struct follower *f, size_t max_bytes)
{
    const struct shape_options o = {.max_bytes = max_bytes};
    struct answer a = read_answer(dir, &o, f->pos, true);
    size_t n = answer_bytes(a.out);
    assert_true(n <= max_bytes || n <= 4);
    for (size_t i = 0; i < a.out->excerpt->n_pieces; i++)
        check_piece(m, f, &a.out->excerpt->pieces[i]);
    assert_int_equal(a.out->bytes_left, m->bytes.len - f->bytes.len);
    assert_int_equal(a.out->has_more, f->events < m->n);
    assert_int_equal(a.out->left_out_bytes, 0);
    assert_false(a.out->has_more && output_pos_equal(a.out->next, f->pos));
    f->pos = through_id(a.out->next);
    output_reader_free(a.reader);
}

/* Several readers with limits of their own, while the journal grows: each gets everything once. */
static void pages_of_any_size_give_every_byte_once_and_in_order(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct random r = {seed};
        struct follower readers[3] = {0};
        CLEANUP(free_p) char *dir = temp_path(*state, "journals");
        struct model *m = model_new(dir);
        for (int round = 0; round < 60; round++) {
            for (size_t n = random_below(&r, 4); n > 0; n--)
                model_random(m, &r);
            follow(dir, m, &readers[random_below(&r, 3)], 1 + random_below(&r, 80));
        }
        model_event(m, JOURNAL_EXIT);
        for (int i = 0; i < 3; i++) {
            while (readers[i].events < m->n)
                follow(dir, m, &readers[i], 1 + random_below(&r, 200));
            assert_int_equal(readers[i].bytes.len, m->bytes.len);
            assert_memory_equal(readers[i].bytes.data, m->bytes.data, m->bytes.len);
            buf_deinit(&readers[i].bytes);
        }
        model_free(m);
        assert_int_equal(dir_remove(dir), 0);
    }
}

/* What was kept is a head and a tail of the output, and together with what was left out all of it.
 */
static void check_both_ends(const struct model *m, const struct output *out, size_t max_bytes)
{
    const struct excerpt *x = out->excerpt;
    struct buf head = {0}, tail = {0};
    for (size_t i = 0; i < x->n_pieces; i++) {
        bool is_tail = out->left_out_bytes > 0 && i >= x->gap_at;
        buf_append(is_tail ? &tail : &head, x->pieces[i].data.data, x->pieces[i].data.len);
    }
    assert_int_equal(head.len + tail.len + out->left_out_bytes, m->bytes.len);
    assert_true(head.len + tail.len <= max_bytes);
    if (head.len > 0)
        assert_memory_equal(head.data, m->bytes.data, head.len);
    if (tail.len > 0)
        assert_memory_equal(tail.data, m->bytes.data + m->bytes.len - tail.len, tail.len);
    if (out->left_out_bytes > 0)
        assert_int_equal(out->left_offset, head.len);
    assert_true(m->bytes.len > max_bytes || out->left_out_bytes == 0);
    assert_false(out->has_more);
    buf_deinit(&head);
    buf_deinit(&tail);
}

static void both_ends_and_what_is_left_out_are_all_of_the_output(void **state)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct random r = {seed};
        CLEANUP(free_p) char *dir = temp_path(*state, "journals");
        struct model *m = model_new(dir);
        for (size_t n = 1 + random_below(&r, 60); n > 0; n--)
            model_random(m, &r);
        model_event(m, JOURNAL_EXIT);
        for (int i = 0; i < 20; i++) {
            struct shape_options o = {.max_bytes = 1 + random_below(&r, 600)};
            if (random_below(&r, 3) == 0)
                o.head_lines = 1 + random_below(&r, 20);
            if (random_below(&r, 3) == 0)
                o.tail_lines = 1 + random_below(&r, 20);
            struct answer a = read_answer(dir, &o, (struct output_pos){0}, false);
            if (o.head_lines == 0 && o.tail_lines == 0)
                check_both_ends(m, a.out, o.max_bytes);
            /* The end is told in any case. */
            const struct excerpt *x = a.out->excerpt;
            assert_int_equal(x->pieces[x->n_pieces - 1].record.type, JOURNAL_EXIT);
            assert_true(answer_bytes(a.out) <= o.max_bytes);
            output_reader_free(a.reader);
        }
        model_free(m);
        assert_int_equal(dir_remove(dir), 0);
    }
}

/* A journal of numbered lines: "line 0\n" … in records of `per_record` lines. */
static struct model *numbered(const char *dir, unsigned lines, unsigned per_record)
{
    struct model *m = model_new(dir);
    struct buf b = {0};
    for (unsigned i = 0; i < lines; i++) {
        buf_printf(&b, "line %u\n", i);
        if (i % per_record == per_record - 1 || i == lines - 1) {
            model_bytes(m, JOURNAL_STDOUT, 0, b.data, b.len);
            b.len = 0;
        }
    }
    buf_deinit(&b);
    return m;
}

static void head_and_tail_lines_are_whole_lines_of_both_ends(void **state)
{
    struct model *m = numbered(*state, 1000, 7);
    struct shape_options o = {.max_bytes = 65536, .tail_lines = 2};
    check_text(*state, &o, true, "line 998\nline 999\n");
    check_text(*state, &o, false, "line 998\nline 999\n");
    o.head_lines = 1;
    check_text(*state, &o, true, "line 0\nline 998\nline 999\n");
    o.tail_lines = 0;
    check_text(*state, &o, true, "line 0\n");
    check_text(*state, &o, false, "line 0\n");
    o.head_lines = 0;
    o.max_bytes = 40;
    check_text(*state, &o, false, "line 0\nline 1\nline 998\nline 999\n");
    check_text(*state, &o, true, "line 0\nline 1\nline 2\nline 3\nline 4\n");
    model_free(m);
}

/* A gigabyte must not be read for its last lines: this journal's middle can't be read at all. */
static void the_tail_of_much_output_is_found_without_reading_it(void **state)
{
    struct model *m = numbered(*state, 20000, 50);
    const struct shape_options o = {.max_bytes = 1000, .tail_lines = 3};
    size_t keep = 70000; /* the block at the end, and some */
    CLEANUP(free_p) char *zeros = xcalloc(1, m->bytes.len);
    assert_int_equal(pwrite(m->file.output_fd, zeros, m->bytes.len - keep, 0),
                     (ssize_t)(m->bytes.len - keep));
    check_text(*state, &o, true, "line 19997\nline 19998\nline 19999\n");
    struct answer a = read_answer(*state, &o, (struct output_pos){0}, true);
    assert_int_equal(a.out->left_out_bytes + answer_bytes(a.out), m->bytes.len);
    assert_int_equal(a.out->next.event, m->n);
    output_reader_free(a.reader);
    model_free(m);
}

static void one_huge_line_is_cut_between_characters(void **state)
{
    struct model *m = model_new(*state);
    struct buf b = {0};
    for (int i = 0; i < 2000; i++)
        buf_append_str(&b, "\xe2\x82\xac"); /* 3 bytes */
    model_bytes(m, JOURNAL_STDOUT, JOURNAL_PARTIAL, b.data, b.len);
    buf_deinit(&b);
    const struct shape_options o = {.max_bytes = 100};
    struct answer a = read_answer(*state, &o, (struct output_pos){0}, false);
    check_both_ends(m, a.out, 100);
    for (size_t i = 0; i < a.out->excerpt->n_pieces; i++) {
        const struct buf *data = &a.out->excerpt->pieces[i].data;
        assert_true(data->len == 0 || utf8_is_valid(data->data, data->len));
    }
    assert_int_equal(answer_bytes(a.out), 48 + 51);
    output_reader_free(a.reader);
    model_free(m);
}

static void grep_pages_give_each_matching_line_once(void **state)
{
    struct model *m = numbered(*state, 3000, 11);
    char *error = NULL;
    struct shape_options o = {.max_bytes = 90, .grep = pattern_new("7$", &error)};
    struct output_pos pos = {0};
    struct buf got = {0}, expected = {0};
    for (unsigned i = 7; i < 3000; i += 10)
        buf_printf(&expected, "line %u\n", i);
    for (bool has_more = true; has_more;) {
        struct answer a = read_answer(*state, &o, pos, true);
        assert_true(answer_bytes(a.out) <= 90);
        CLEANUP(free_p) char *text = answer_text(a.out);
        buf_append_str(&got, text);
        pos = through_id(a.out->next);
        has_more = a.out->has_more;
        output_reader_free(a.reader);
    }
    assert_string_equal(got.data, expected.data);
    buf_deinit(&got);
    buf_deinit(&expected);
    shape_options_deinit(&o);
    model_free(m);
}

static void grep_sees_a_line_that_came_in_pieces_as_one(void **state)
{
    struct model *m = model_new(*state);
    char *error = NULL;
    struct shape_options o = {.max_bytes = 1000, .grep = pattern_new("^compiling.*done$", &error)};
    model_bytes(m, JOURNAL_STDOUT, JOURNAL_PARTIAL, "compiling a.c ... ", 18);
    model_text(m, "done\ncompiling b.c ... failed\n");
    check_text(*state, &o, true, "compiling a.c ... done\n");
    shape_options_deinit(&o);
    model_free(m);
}

static void an_expression_that_explodes_is_refused(void **state)
{
    struct model *m = model_new(*state);
    char *error = NULL;
    const struct shape_options o = {.max_bytes = 1000, .grep = pattern_new("(a+)+$", &error)};
    const struct output_query q = {.state_dir = *state, .id = id, .options = &o, .is_page = true};
    struct output_reader *reader;
    model_text(m, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n");
    assert_int_equal(output_reader_new(&q, &reader), OUTPUT_DONE);
    assert_int_equal(output_reader_step(reader), OUTPUT_E_COST);
    output_reader_free(reader);
    pattern_free(o.grep);
    model_free(m);
}

/* "yes" collapses to one line however much there is: an answer must not look at all of it. It looks
 * up at the end of a step, which may lie a megabyte behind the bound. */
static void an_answer_looks_at_a_bounded_part_of_the_output(void **state)
{
    struct model *m = model_new(*state);
    const struct shape_options o = {.max_bytes = 65536, .dedupe = true};
    static char line[8192];
    memset(line, 'y', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    while (m->file.output_bytes <= OUTPUT_SCAN_MAX + (2u << 20))
        journal_file_bytes(&m->file, JOURNAL_STDOUT, 0, line, sizeof(line));
    for (int is_page = 0; is_page <= 1; is_page++) {
        struct answer a = read_answer(*state, &o, (struct output_pos){0}, is_page);
        assert_true(a.out->is_scan_over);
        assert_true(a.out->has_more);
        assert_true(a.out->bytes_left >= 1u << 18);
        assert_int_equal(a.out->excerpt->n_pieces, 2);
        output_reader_free(a.reader);
    }
    model_free(m);
}

static void what_retention_dropped_is_counted(void **state)
{
    struct model *m = numbered(*state, 100, 10);
    const struct shape_options o = {.max_bytes = 65536};
    size_t first = 4; /* "ready" and three records are gone */
    journal_file_drop(&m->file, first, m->events[first].offset);
    struct answer a = read_answer(*state, &o, (struct output_pos){0}, true);
    assert_int_equal(a.out->bytes_dropped, m->events[first].offset);
    assert_int_equal(a.out->excerpt->pieces[0].event, first);
    assert_int_equal(answer_bytes(a.out) + a.out->bytes_dropped, m->bytes.len);
    output_reader_free(a.reader);
    a = read_answer(*state, &o, (struct output_pos){2, 0}, true);
    assert_int_equal(a.out->bytes_dropped, m->events[first].offset - m->events[2].offset);
    output_reader_free(a.reader);
    model_free(m);
}

/* Retention goes on while an answer is being read. */
static void a_hole_that_comes_while_reading_is_jumped_over(void **state)
{
    struct model *m = numbered(*state, 50000, 200);
    char *error = NULL;
    struct shape_options o = {.max_bytes = 1000000, .grep = pattern_new("line", &error)};
    const struct output_query q = {
        .state_dir = *state, .id = id, .options = &o, .is_page = true, .has_exit = true};
    struct output_reader *reader;
    assert_int_equal(output_reader_new(&q, &reader), OUTPUT_DONE);
    journal_file_drop(&m->file, 200, m->events[200].offset);
    int r;
    while ((r = output_reader_step(reader)) == OUTPUT_MORE)
        ;
    assert_int_equal(r, OUTPUT_DONE);
    const struct output *out = output_reader_result(reader);
    assert_int_equal(out->bytes_dropped, m->events[200].offset);
    assert_int_equal(answer_bytes(out) + out->bytes_dropped, m->bytes.len);
    output_reader_free(reader);
    shape_options_deinit(&o);
    model_free(m);
}

static void the_end_is_shown_only_when_its_file_is_there(void **state)
{
    struct model *m = numbered(*state, 1, 1);
    const struct shape_options o = {.max_bytes = 1000};
    struct output_query q = {.state_dir = *state, .id = id, .options = &o, .is_page = true};
    struct output_reader *reader;
    model_event(m, JOURNAL_EXIT);
    for (int has_exit = 0; has_exit <= 1; has_exit++) {
        q.has_exit = has_exit;
        assert_int_equal(output_reader_new(&q, &reader), OUTPUT_DONE);
        assert_int_equal(output_reader_step(reader), OUTPUT_DONE);
        const struct output *out = output_reader_result(reader);
        assert_int_equal(out->excerpt->n_pieces, has_exit ? 3 : 2);
        assert_int_equal(out->next.event, has_exit ? 3 : 2);
        assert_false(out->has_more);
        output_reader_free(reader);
    }
    model_free(m);
}

static void a_place_that_is_none_is_refused(void **state)
{
    struct model *m = numbered(*state, 10, 5);
    const struct shape_options o = {.max_bytes = 1000};
    struct output_query q = {.state_dir = *state, .id = id, .options = &o, .is_page = true};
    const struct output_pos places[] = {{4, 0}, {3, 1}, {0, 1}, {1, 35}, {UINT64_MAX, 0}};
    struct output_reader *reader = NULL;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        q.from = places[i];
        assert_int_equal(output_reader_new(&q, &reader), OUTPUT_E_PLACE);
    }
    q.from = (struct output_pos){3, 0}; /* behind the last: there may be more to come */
    assert_int_equal(output_reader_new(&q, &reader), OUTPUT_DONE);
    output_reader_free(reader);
    model_free(m);
}

/* A cursor of the owner is good on a replica whose copy has not come so far. */
static void a_copy_may_be_behind_the_place(void **state)
{
    struct model *m = numbered(*state, 10, 5);
    const struct shape_options o = {.max_bytes = 1000};
    struct output_query q = {
        .state_dir = *state, .id = id, .options = &o, .is_page = true, .is_copy = true};
    const struct output_pos ahead[] = {{4, 0}, {5, 17}};
    struct output_reader *reader = NULL;
    for (size_t i = 0; i < ARRAY_LEN(ahead); i++) {
        q.from = ahead[i];
        assert_int_equal(output_reader_new(&q, &reader), OUTPUT_DONE);
        assert_int_equal(output_reader_step(reader), OUTPUT_DONE);
        const struct output *out = output_reader_result(reader);
        assert_int_equal(out->excerpt->n_pieces, 0);
        assert_false(out->has_more);
        assert_int_equal(out->next.event, ahead[i].event);
        assert_int_equal(out->next.offset, ahead[i].offset);
        output_reader_free(reader);
    }
    q.from = (struct output_pos){1, 35}; /* is here, and no place */
    assert_int_equal(output_reader_new(&q, &reader), OUTPUT_E_PLACE);
    model_free(m);
}

static void an_execution_that_never_ran_has_no_output(void **state)
{
    const struct shape_options o = {.max_bytes = 1000};
    struct output_query q = {.state_dir = *state, .id = id, .options = &o, .is_page = true};
    struct output_reader *reader = NULL;
    assert_int_equal(output_reader_new(&q, &reader), OUTPUT_DONE);
    assert_int_equal(output_reader_step(reader), OUTPUT_DONE);
    assert_int_equal(output_reader_result(reader)->excerpt->n_pieces, 0);
    output_reader_free(reader);
    q.from.event = 1;
    assert_int_equal(output_reader_new(&q, &reader), OUTPUT_E_PLACE);
}

/* Many events without much output: an answer is bounded in events, too. */
static void an_answer_holds_a_bounded_number_of_events(void **state)
{
    struct model *m = model_new(*state);
    const struct shape_options o = {.max_bytes = 1000000};
    for (unsigned i = 0; i < 2 * EXCERPT_EVENTS_MAX; i++)
        journal_file_bytes(&m->file, JOURNAL_STDOUT, 0, "x\n", 2);
    struct output_pos pos = {0};
    size_t bytes = 0;
    for (bool has_more = true; has_more;) {
        struct answer a = read_answer(*state, &o, pos, true);
        assert_true(a.out->excerpt->n_pieces <= EXCERPT_EVENTS_MAX);
        bytes += answer_bytes(a.out);
        pos = a.out->next;
        has_more = a.out->has_more;
        output_reader_free(a.reader);
    }
    assert_int_equal(bytes, 4 * EXCERPT_EVENTS_MAX);
    struct answer a = read_answer(*state, &o, (struct output_pos){0}, false);
    assert_true(a.out->excerpt->n_pieces <= EXCERPT_EVENTS_MAX + 1);
    assert_int_equal(answer_bytes(a.out) + a.out->left_out_bytes, 4 * EXCERPT_EVENTS_MAX);
    output_reader_free(a.reader);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(pages_of_any_size_give_every_byte_once_and_in_order),
        temp_dir_test(both_ends_and_what_is_left_out_are_all_of_the_output),
        temp_dir_test(head_and_tail_lines_are_whole_lines_of_both_ends),
        temp_dir_test(the_tail_of_much_output_is_found_without_reading_it),
        temp_dir_test(one_huge_line_is_cut_between_characters),
        temp_dir_test(grep_pages_give_each_matching_line_once),
        temp_dir_test(grep_sees_a_line_that_came_in_pieces_as_one),
        temp_dir_test(an_expression_that_explodes_is_refused),
        temp_dir_test(an_answer_looks_at_a_bounded_part_of_the_output),
        temp_dir_test(what_retention_dropped_is_counted),
        temp_dir_test(a_hole_that_comes_while_reading_is_jumped_over),
        temp_dir_test(the_end_is_shown_only_when_its_file_is_there),
        temp_dir_test(a_place_that_is_none_is_refused),
        temp_dir_test(a_copy_may_be_behind_the_place),
        temp_dir_test(an_execution_that_never_ran_has_no_output),
        temp_dir_test(an_answer_holds_a_bounded_number_of_events),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
