/* A shadow is a journal to its readers, whatever of the original came, and in whatever pieces. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "state/shadow_file.h"
#include "tests/unit/random.h"
#include "tests/unit/temp_dir.h"

#define ID         "r2-abcdefghijklmnopqrstuvwx27"
#define MAX_EVENTS 400u

/* The original: every event and every byte. */
struct model {
    struct journal_record recs[MAX_EVENTS];
    struct buf bytes;
    size_t n;
};

/* The note of event i. */
static const char *note_of(size_t i)
{
    static char text[48];
    (void)snprintf(text, sizeof(text), "{\"target\":\"%zu\"}", i);
    return text;
}

static void make_model(struct model *m, struct random *r)
{
    *m = (struct model){.n = 50 + random_below(r, MAX_EVENTS - 50)};
    for (size_t i = 0; i < m->n; i++) {
        struct journal_record *rec = &m->recs[i];
        uint64_t kind = random_below(r, 10);
        *rec = (struct journal_record){.offset = m->bytes.len, .time_us = 1000 + i, .value = kind};
        rec->type = i == 0 ? JOURNAL_READY : kind < 6 ? JOURNAL_STDOUT : JOURNAL_STDERR;
        rec->flags = kind == 3 ? JOURNAL_PARTIAL : 0;
        rec->length = i == 0 ? 0 : 1 + (uint32_t)random_below(r, kind == 5 ? 5000 : 40);
        if (i > 0 && kind == 9) {
            *rec = (struct journal_record){.offset = m->bytes.len, .time_us = 1000 + i};
            rec->type = JOURNAL_VIOLATION;
            rec->note_bytes = (uint16_t)strlen(note_of(i));
        }
        for (uint32_t k = 0; k < rec->length; k++)
            buf_append_char(&m->bytes, (char)random_next(r));
    }
}

/* A note may lie anywhere. */
static void assert_same(const char *dir, const struct journal_record *rec, const struct model *m,
                        size_t i)
{
    struct journal_record wanted = m->recs[i];
    CLEANUP(buf_deinit) struct buf note = {0};
    if (wanted.note_bytes > 0) {
        wanted.value = rec->value;
        assert_true(journal_read_note(dir, rec, &note));
        assert_string_equal(note.data, note_of(i));
    }
    assert_memory_equal(rec, &wanted, sizeof(wanted));
}

/* Events from … before `to` of the model; what a reader of Redis knows: no offsets. */
static struct shadow_events slice(const struct model *m, size_t from, size_t to)
{
    struct shadow_events v = {0};
    for (size_t i = from; i < to; i++) {
        struct journal_record rec = m->recs[i];
        const char *data = rec.note_bytes ? note_of(i) : m->bytes.data + rec.offset;
        rec.offset = 0;
        shadow_events_add(&v, &rec, data);
    }
    return v;
}

static struct exec_spec *make_spec(void)
{
    struct exec_spec *s = xcalloc(1, sizeof(*s));
    memcpy(s->id, ID, sizeof(ID));
    s->principal = xstrdup("alice");
    s->command = xstrdup("true");
    s->cwd = xstrdup("/");
    s->argv = xcalloc(2, sizeof(char *));
    s->argv[0] = xstrdup("/bin/true");
    s->env = xcalloc(1, sizeof(char *));
    return s;
}

static struct shadow_file *make_shadow(const char *state_dir)
{
    CLEANUP(free_p) char *parent = temp_path(state_dir, "executions");
    CLEANUP(exec_spec_freep) struct exec_spec *s = make_spec();
    struct shadow_file *f = NULL;
    assert_int_equal(dir_make(parent), 0);
    assert_int_equal(shadow_file_new(state_dir, s, &f), 0);
    return f;
}

/* What a reader sees from first_event on is the model's, event by event and byte by byte. */
static void check(const char *state_dir, const struct shadow_file *f, const struct model *m)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    struct journal_record rec;
    char data[JOURNAL_RECORD_MAX];
    size_t n;
    assert_int_equal(journal_open(state_dir, ID, &j), 0);
    assert_int_equal(journal_first_event(j), f->first_event);
    assert_int_equal(journal_events(j), f->events);
    assert_int_equal(journal_output_bytes(j), f->output_bytes);
    for (uint64_t i = f->first_event; i < f->events; i++) {
        assert_int_equal(journal_records(j, i, &rec, 1, &n), 0);
        assert_int_equal(n, 1);
        assert_same(f->dir, &rec, m, i);
        assert_int_equal(journal_read(j, rec.offset, data, rec.length), 0);
        assert_memory_equal(data, m->bytes.data + rec.offset, rec.length);
    }
    /* All at once as well: what is before does not disturb. */
    struct journal_record all[MAX_EVENTS];
    assert_int_equal(journal_records(j, 0, all, MAX_EVENTS, &n), 0);
    assert_int_equal(n, f->events);
    if (f->first_offset > 0)
        assert_int_equal(journal_read(j, f->first_offset - 1, data, 1), -ENODATA);
}

static uint64_t offset_of(const struct model *m, uint64_t event)
{
    return event < m->n ? m->recs[event].offset : m->bytes.len;
}

static void any_way_of_copying_gives_the_original(void **state)
{
    static struct model m;
    struct random r = {.state = 7};
    for (int round = 0; round < 30; round++) {
        make_model(&m, &r);
        struct shadow_file *f = make_shadow(*state);
        uint64_t begin = random_below(&r, m.n - 10);
        struct shadow_events v = slice(&m, begin, begin + 1);
        assert_int_equal(shadow_file_begin(f, begin, offset_of(&m, begin), &v), 0);
        shadow_events_deinit(&v);
        while (f->events < m.n || f->first_event > 0) {
            uint64_t what = random_below(&r, 10), left = m.n - f->events;
            uint64_t n = 1 + random_below(&r, 30);
            if (what < 5) {
                v = slice(&m, f->events, f->events + (n < left ? n : left));
                assert_int_equal(shadow_file_append(f, &v), 0);
            } else if (what < 9) {
                uint64_t to = f->first_event;
                v = slice(&m, to - (n < to ? n : to), to);
                assert_int_equal(shadow_file_prepend(f, &v), 0);
            } else if (left > 10) { /* too slow: the list begins later now */
                uint64_t at = f->events + random_below(&r, left - 1);
                v = slice(&m, at, at + 1);
                assert_int_equal(shadow_file_begin(f, at, offset_of(&m, at), &v), 0);
            }
            shadow_events_deinit(&v);
            check(*state, f, &m);
        }
        assert_int_equal(shadow_file_size(f), m.bytes.len + m.n * sizeof(struct journal_record));
        assert_int_equal(dir_remove(f->dir), 0);
        shadow_file_free(f);
        buf_deinit(&m.bytes);
    }
}

static void a_reader_that_is_open_goes_on_over_every_change(void **state)
{
    static struct model m;
    struct random r = {.state = 11};
    make_model(&m, &r);
    struct shadow_file *f = make_shadow(*state);
    CLEANUP(journal_closep) struct journal *j = NULL;
    struct journal_record rec;
    size_t n;
    struct shadow_events v = slice(&m, 20, 30);
    assert_int_equal(shadow_file_begin(f, 20, offset_of(&m, 20), &v), 0);
    shadow_events_deinit(&v);
    assert_int_equal(journal_open(*state, ID, &j), 0);
    v = slice(&m, 5, 20);
    assert_int_equal(shadow_file_prepend(f, &v), 0);
    shadow_events_deinit(&v);
    assert_int_equal(journal_refresh(j), 0);
    assert_int_equal(journal_first_event(j), 5);
    assert_int_equal(journal_records(j, 7, &rec, 1, &n), 0);
    assert_same(f->dir, &rec, &m, 7);
    v = slice(&m, 40, 41);
    assert_int_equal(shadow_file_begin(f, 40, offset_of(&m, 40), &v), 0);
    shadow_events_deinit(&v);
    /* It has the index of before, and with it all that this one said. */
    assert_int_equal(journal_refresh(j), 0);
    assert_int_equal(journal_events(j), 30);
    assert_int_equal(journal_records(j, 29, &rec, 1, &n), 0);
    assert_same(f->dir, &rec, &m, 29);
    shadow_file_free(f);
    buf_deinit(&m.bytes);
}

static void it_is_marked_and_ends_as_the_original_did(void **state)
{
    struct shadow_file *f = make_shadow(*state);
    const struct execution_exit x = {.reason = REASON_LOST, .ended_us = 5, .events = 1};
    struct execution_exit seen;
    struct journal_sums sums, kept;
    memset(&sums, 'a', sizeof(sums));
    sums.stdout_hex[64] = sums.stderr_hex[64] = '\0';
    assert_true(shadow_file_is(f->dir));
    assert_int_equal(journal_read_exit(f->dir, &seen), -ENOENT);
    struct shadow_events v = {0};
    shadow_events_add(&v, &(struct journal_record){.type = JOURNAL_READY}, "");
    assert_int_equal(shadow_file_begin(f, 0, 0, &v), 0);
    shadow_events_deinit(&v);
    assert_int_equal(shadow_file_finish(f, &x, &sums), 0);
    assert_int_equal(journal_read_exit(f->dir, &seen), 0);
    assert_int_equal(seen.reason, REASON_LOST);
    assert_int_equal(journal_sums(*state, ID, 0, &kept), 0);
    assert_string_equal(kept.stdout_hex, sums.stdout_hex);
    shadow_file_free(f);
}

static void a_journal_of_ones_own_is_not_overwritten(void **state)
{
    struct shadow_file *f = make_shadow(*state), *again = NULL;
    CLEANUP(exec_spec_freep) struct exec_spec *s = make_spec();
    assert_int_equal(shadow_file_new(*state, s, &again), -EEXIST);
    shadow_file_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(any_way_of_copying_gives_the_original),
        temp_dir_test(a_reader_that_is_open_goes_on_over_every_change),
        temp_dir_test(it_is_marked_and_ends_as_the_original_did),
        temp_dir_test(a_journal_of_ones_own_is_not_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
