/* What the keeper writes, read back by the journal's own reader. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "exec/keeper/journal_writer.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/base/utf8.h"
#include "state/journal.h"
#include "tests/unit/random.h"
#include "tests/unit/temp_dir.h"

struct fixture {
    char *state_dir; /* owned */
    char id[ID_MAX + 1];
    char *dir; /* owned */
    struct journal_writer w;
};

static struct fixture *begin(struct fixture *f, uint64_t max_bytes, uint64_t keep_bytes)
{
    journal_writer_deinit(&f->w);
    free(f->dir);
    id_make("t", f->id);
    f->dir = journal_dir(f->state_dir, f->id);
    assert_int_equal(dir_make(f->dir), 0);
    assert_int_equal(journal_writer_init(&f->w, f->dir, max_bytes, keep_bytes), 0);
    return f;
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->w.output_fd = f->w.index_fd = -1;
    int r = temp_dir_setup((void **)&f->state_dir);
    *state = r == 0 ? begin(f, 0, 0) : f;
    return r;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    journal_writer_deinit(&f->w);
    free(f->dir);
    int r = temp_dir_teardown((void **)&f->state_dir);
    free(f);
    return r;
}

static int add(struct fixture *f, enum journal_type stream, const char *text)
{
    return journal_writer_add(&f->w, stream, text, strlen(text));
}

/* The records so far, one a line: the type's letter, "+" for PARTIAL, the bytes. */
static void assert_records(struct fixture *f, const char *expected)
{
    static const char letters[] = "?ROEXTCFL";
    CLEANUP(journal_closep) struct journal *j = NULL;
    CLEANUP(buf_deinit) struct buf text = {0};
    struct journal_record r;
    size_t n;

    assert_int_equal(journal_open(f->state_dir, f->id, &j), 0);
    assert_int_equal(journal_refresh(j), 0);
    for (uint64_t i = 0; i < journal_events(j); i++) {
        char bytes[256] = "";
        assert_int_equal(journal_records(j, i, &r, 1, &n), 0);
        assert_true(r.length < sizeof(bytes));
        assert_int_equal(journal_read(j, r.offset, bytes, r.length), 0);
        buf_printf(&text, "%c%s%s|", letters[r.type], r.flags & JOURNAL_PARTIAL ? "+" : "", bytes);
    }
    buf_reserve(&text, 0);
    assert_string_equal(text.data, expected);
}

static void whole_lines_are_one_record(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(journal_writer_event(&f->w, JOURNAL_READY, 0), 0);
    assert_int_equal(add(f, JOURNAL_STDOUT, "one\ntwo\nthr"), 0);
    assert_records(f, "R|Oone\ntwo\n|");
    assert_int_equal(add(f, JOURNAL_STDERR, "error\n"), 0);
    assert_int_equal(add(f, JOURNAL_STDOUT, "ee\nfo"), 0);
    assert_records(f, "R|Oone\ntwo\n|Eerror\n|Othree\n|");
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, true), 0);
    assert_records(f, "R|Oone\ntwo\n|Eerror\n|Othree\n|Ofo|");
    assert_int_equal(f->w.stream_bytes[0], 16);
    assert_int_equal(f->w.stream_bytes[1], 6);
}

static void silence_writes_a_piece_of_a_line(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, JOURNAL_STDOUT, "name: "), 0);
    assert_true(journal_writer_can_flush(&f->w, JOURNAL_STDOUT));
    assert_false(journal_writer_can_flush(&f->w, JOURNAL_STDERR));
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, false), 0);
    assert_false(journal_writer_can_flush(&f->w, JOURNAL_STDOUT));
    assert_int_equal(add(f, JOURNAL_STDOUT, "me\n"), 0);
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, true), 0);
    assert_records(f, "O+name: |Ome\n|");
}

static void no_piece_ends_inside_a_character(void **state)
{
    struct fixture *f = *state;

    /* U+20AC is e2 82 ac. */
    assert_int_equal(add(f, JOURNAL_STDOUT, "5 \xe2\x82"), 0);
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, false), 0);
    assert_records(f, "O+5 |");
    assert_false(journal_writer_can_flush(&f->w, JOURNAL_STDOUT));
    assert_int_equal(add(f, JOURNAL_STDOUT, "\xac"), 0);
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, false), 0);
    assert_records(f, "O+5 |O+\xe2\x82\xac|");
    /* Begun, and the stream ends; and what begins no character. */
    assert_int_equal(add(f, JOURNAL_STDOUT, "\xff"), 0);
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, false), 0);
    assert_int_equal(add(f, JOURNAL_STDOUT, "\xe2\x82"), 0);
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, true), 0);
    assert_records(f, "O+5 |O+\xe2\x82\xac|O+\xff|O\xe2\x82|");
}

/* ---- against a model: random text in random pieces ---- */

struct model {
    struct buf stream[JOURNAL_STREAMS];
    struct random random;
};

static size_t pick(struct model *m, size_t n)
{
    return (size_t)random_below(&m->random, n);
}

/* Lines of all sizes, some longer than a record, with characters of one to four bytes and some
 * bytes that are no text. */
static void make_text(struct model *m, struct buf *out, size_t len)
{
    static const char *const words[] = {
        "a", "bc ", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xff"};
    size_t newline = pick(m, 4) == 0 ? 60000 : 40;

    while (out->len < len)
        buf_append_str(out, pick(m, newline) == 0 ? "\n" : words[pick(m, ARRAY_LEN(words))]);
}

static void add_piece(struct fixture *f, struct model *m, enum journal_type stream)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    size_t len = 1 + (pick(m, 3) == 0 ? pick(m, JOURNAL_RECORD_MAX) : pick(m, 50));

    make_text(m, &text, len);
    /* Cut where it falls, also inside a character. */
    assert_int_equal(journal_writer_add(&f->w, stream, text.data, len), 0);
    buf_append(&m->stream[stream - JOURNAL_STDOUT], text.data, len);
}

/* Each record is lines, or a piece of one that cuts no character; together they are the streams. */
static void check_against(struct fixture *f, const struct model *m)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    static char bytes[JOURNAL_RECORD_MAX];
    size_t at[JOURNAL_STREAMS] = {0}, n;
    struct journal_record r;
    uint64_t offset = 0;

    assert_int_equal(journal_open(f->state_dir, f->id, &j), 0);
    assert_int_equal(journal_refresh(j), 0);
    for (uint64_t i = 0; i < journal_events(j); i++) {
        assert_int_equal(journal_records(j, i, &r, 1, &n), 0);
        assert_int_equal(r.offset, offset);
        assert_in_range(r.length, 1, JOURNAL_RECORD_MAX);
        assert_int_equal(journal_read(j, r.offset, bytes, r.length), 0);
        int s = r.type - JOURNAL_STDOUT;
        const struct buf *whole = &m->stream[s];
        assert_true(at[s] + r.length <= whole->len);
        assert_memory_equal(bytes, whole->data + at[s], r.length);
        offset += r.length;
        at[s] += r.length;
        bool is_end = at[s] == whole->len;
        assert_true(is_end || (bytes[r.length - 1] == '\n') != (r.flags == JOURNAL_PARTIAL));
        /* Bytes that are no UTF-8 may be cut: what follows would not complete them. */
        assert_true(is_end || utf8_cut(whole->data, whole->len, at[s]) == at[s]);
    }
    assert_int_equal(at[0], m->stream[0].len);
    assert_int_equal(at[1], m->stream[1].len);
}

static void random_pieces_come_back_as_the_streams(void **state)
{
    struct fixture *f = *state;

    for (unsigned seed = 1; seed <= 40; seed++) {
        struct model m = {.random = {seed}};
        begin(f, 0, 0);
        for (int i = 0; i < 60; i++) {
            enum journal_type stream = pick(&m, 2) ? JOURNAL_STDOUT : JOURNAL_STDERR;
            if (pick(&m, 4) == 0)
                assert_int_equal(journal_writer_flush(&f->w, stream, false), 0);
            else
                add_piece(f, &m, stream);
        }
        assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, true), 0);
        assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDERR, true), 0);
        check_against(f, &m);
        buf_deinit(&m.stream[0]);
        buf_deinit(&m.stream[1]);
    }
}

/* ---- limits ---- */

static void the_limit_is_told_once_and_cuts_no_character(void **state)
{
    struct fixture *f = begin(*state, 10, 0);

    assert_int_equal(add(f, JOURNAL_STDOUT, "12345\n"), JOURNAL_WRITER_OK);
    assert_int_equal(add(f, JOURNAL_STDERR, "78\xe2\x82\xac\nmore\n"), JOURNAL_WRITER_FULL);
    assert_int_equal(add(f, JOURNAL_STDOUT, "even more\n"), JOURNAL_WRITER_OK);
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, true), JOURNAL_WRITER_OK);
    assert_int_equal(journal_writer_event(&f->w, JOURNAL_LIMIT, REASON_OUTPUT_LIMIT), 0);
    assert_records(f, "O12345\n|E+78|L|");
}

static void exactly_the_limit_is_no_excess(void **state)
{
    struct fixture *f = begin(*state, 6, 0);

    assert_int_equal(add(f, JOURNAL_STDOUT, "12345\n"), JOURNAL_WRITER_OK);
    assert_int_equal(add(f, JOURNAL_STDOUT, "6"), JOURNAL_WRITER_OK); /* held */
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, false), JOURNAL_WRITER_FULL);
    assert_records(f, "O12345\n|");
}

static void old_output_is_given_back_to_the_disk(void **state)
{
    struct fixture *f = begin(*state, 0, 256 * 1024);
    CLEANUP(journal_closep) struct journal *j = NULL;
    CLEANUP(free_p) char *chunk = xcalloc(1, JOURNAL_RECORD_MAX);
    struct stat st;
    char byte;

    memset(chunk, 'x', JOURNAL_RECORD_MAX);
    chunk[JOURNAL_RECORD_MAX - 1] = '\n';
    for (int i = 0; i < 160; i++)
        assert_int_equal(journal_writer_add(&f->w, JOURNAL_STDOUT, chunk, JOURNAL_RECORD_MAX), 0);
    assert_int_equal(fstat(f->w.output_fd, &st), 0);
    assert_int_equal(st.st_size, 160 * JOURNAL_RECORD_MAX);
    /* What is kept, one step of retention, and a block at the edge. */
    assert_in_range((uint64_t)st.st_blocks * 512, 256 * 1024, (256 + 64 + 64 + 8) * 1024);
    assert_int_equal(journal_open(f->state_dir, f->id, &j), 0);
    assert_int_equal(journal_refresh(j), 0);
    assert_int_equal(journal_output_bytes(j), 160 * JOURNAL_RECORD_MAX);
    assert_int_equal(journal_first_offset(j), f->w.first_offset);
    assert_int_equal(journal_first_offset(j), journal_first_event(j) * JOURNAL_RECORD_MAX);
    assert_true(f->w.output_bytes - f->w.first_offset >= 256 * 1024);
    assert_int_equal(journal_read(j, journal_first_offset(j) - 1, &byte, 1), -ENODATA);
    for (uint64_t at = journal_first_offset(j); at < journal_output_bytes(j); at += 4096) {
        assert_int_equal(journal_read(j, at, &byte, 1), 0);
        assert_int_equal(byte, 'x');
    }
}

/* ---- failures ---- */

static void a_full_disk_is_told_once_and_leaves_whole_records(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, JOURNAL_STDOUT, "before\n"), 0);
    int output = f->w.output_fd;
    f->w.output_fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_int_equal(add(f, JOURNAL_STDOUT, "lost\n"), -ENOSPC);
    assert_int_equal(add(f, JOURNAL_STDOUT, "lost too\n"), JOURNAL_WRITER_OK);
    assert_int_equal(journal_writer_flush(&f->w, JOURNAL_STDOUT, true), JOURNAL_WRITER_OK);
    (void)close(f->w.output_fd);
    f->w.output_fd = output;
    int index = f->w.index_fd;
    f->w.index_fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_int_equal(journal_writer_event(&f->w, JOURNAL_EXIT, 0), -ENOSPC);
    (void)close(f->w.index_fd);
    f->w.index_fd = index;
    assert_int_equal(journal_writer_event(&f->w, JOURNAL_EXIT, 0), 0);
    assert_records(f, "Obefore\n|X|");
}

static void a_journal_is_begun_once(void **state)
{
    struct fixture *f = *state;
    struct journal_writer again;

    assert_int_equal(journal_writer_init(&again, f->dir, 0, 0), -EEXIST);
    journal_writer_deinit(&again);
    assert_int_equal(journal_writer_init(&again, "/no/such", 0, 0), -ENOENT);
    journal_writer_deinit(&again);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_lines_are_one_record),
        TEST(silence_writes_a_piece_of_a_line),
        TEST(no_piece_ends_inside_a_character),
        TEST(random_pieces_come_back_as_the_streams),
        TEST(the_limit_is_told_once_and_cuts_no_character),
        TEST(exactly_the_limit_is_no_excess),
        TEST(old_output_is_given_back_to_the_disk),
        TEST(a_full_disk_is_told_once_and_leaves_whole_records),
        TEST(a_journal_is_begun_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
