#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "state/journal.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/random.h"
#include "tests/unit/temp_dir.h"

#define ID "r1-abcdefghijklmnopqrstuvwx27"

static struct journal *must_open(const char *state_dir)
{
    struct journal *j = NULL;
    assert_int_equal(journal_open(state_dir, ID, &j), 0);
    return j;
}

static int try_open(const char *state_dir)
{
    struct journal *j = NULL;
    int r = journal_open(state_dir, ID, &j);
    if (r < 0)
        assert_null(j);
    journal_close(j);
    return r;
}

static void names_the_directory_of_an_execution(void **state)
{
    char *dir = journal_dir("/var/lib/x", ID);
    assert_string_equal(dir, "/var/lib/x/executions/" ID);
    free(dir);
}

static void says_when_there_is_none_or_it_has_not_begun(void **state)
{
    struct journal_file f;
    assert_int_equal(try_open(*state), -ENOENT);
    journal_file_create(&f, *state, ID);
    char *index = temp_path(f.dir, "index"), *output = temp_path(f.dir, "output");
    /* The keeper makes index, then output, then the header. */
    assert_int_equal(ftruncate(f.index_fd, 0), 0);
    assert_int_equal(try_open(*state), -ENOENT);
    assert_int_equal(unlink(output), 0);
    assert_int_equal(try_open(*state), -ENOENT);
    assert_int_equal(unlink(index), 0);
    assert_int_equal(try_open(*state), -ENOENT);
    free(index);
    free(output);
    journal_file_close(&f);
}

static void an_empty_journal_has_no_events(void **state)
{
    struct journal_file f;
    struct journal_record rec;
    size_t n = 77;
    char byte;
    journal_file_create(&f, *state, ID);
    struct journal *j = must_open(*state);
    assert_int_equal(journal_events(j), 0);
    assert_int_equal(journal_first_event(j), 0);
    assert_int_equal(journal_output_bytes(j), 0);
    assert_int_equal(journal_records(j, 0, &rec, 1, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(journal_read(j, 0, &byte, 0), 0);
    assert_int_equal(journal_read(j, 0, &byte, 1), -ENODATA);
    journal_close(j);
    assert_null(journal_close(NULL));
    journal_file_close(&f);
}

static void reads_back_what_was_appended(void **state)
{
    struct journal_file f;
    struct journal_record recs[8];
    char bytes[16] = {0};
    size_t n;
    journal_file_create(&f, *state, ID);
    journal_file_event(&f, JOURNAL_READY, 0);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "one\n", 4);
    struct journal *j = must_open(*state);
    journal_file_bytes(&f, JOURNAL_STDERR, JOURNAL_PARTIAL, "two", 3);
    journal_file_event(&f, JOURNAL_TIMEOUT, 5000);

    /* Only a refresh shows what came later. */
    assert_int_equal(journal_events(j), 2);
    assert_int_equal(journal_read(j, 4, bytes, 3), -ENODATA);
    assert_int_equal(journal_refresh(j), 0);
    assert_int_equal(journal_events(j), 4);
    assert_int_equal(journal_output_bytes(j), 7);
    assert_int_equal(journal_records(j, 1, recs, ARRAY_LEN(recs), &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(recs[0].type, JOURNAL_STDOUT);
    assert_int_equal(recs[1].type, JOURNAL_STDERR);
    assert_int_equal(recs[1].flags, JOURNAL_PARTIAL);
    assert_int_equal(recs[1].offset, 4);
    assert_int_equal(recs[2].value, 5000);
    assert_true(recs[2].time_us > 0);
    assert_int_equal(journal_read(j, 1, bytes, 5), 0);
    assert_string_equal(bytes, "ne\ntw");
    assert_int_equal(journal_read(j, 5, bytes, 3), -ENODATA);
    assert_int_equal(journal_read(j, UINT64_MAX, bytes, 2), -ENODATA);
    journal_close(j);
    journal_file_close(&f);
}

static void a_record_that_is_being_appended_is_not_there_yet(void **state)
{
    struct journal_file f;
    journal_file_create(&f, *state, ID);
    journal_file_event(&f, JOURNAL_READY, 0);
    assert_int_equal(pwrite(f.index_fd, "torn", 4, 64 + 32), 4);
    struct journal *j = must_open(*state);
    assert_int_equal(journal_events(j), 1);
    journal_file_event(&f, JOURNAL_EXIT, 0);
    assert_int_equal(journal_refresh(j), 0);
    assert_int_equal(journal_events(j), 2);
    journal_close(j);
    journal_file_close(&f);
}

/* Any slice by events and any slice by bytes, against plain arrays. */
static void every_slice_equals_that_of_a_plain_array(void **state)
{
    enum { EVENTS = 2000, OUTPUT_MAX = EVENTS * 100 };
    static struct journal_record model[EVENTS], recs[EVENTS];
    static char bytes[OUTPUT_MAX], read[OUTPUT_MAX];
    struct random r = {.state = 11};
    struct journal_file f;
    size_t n, total = 0;

    journal_file_create(&f, *state, ID);
    for (size_t i = 0; i < EVENTS; i++) {
        size_t len = random_below(&r, 100);
        for (size_t k = 0; k < len; k++)
            bytes[total + k] = (char)random_next(&r);
        if (random_below(&r, 10) == 0)
            journal_file_event(&f, JOURNAL_LIMIT, i);
        else
            journal_file_bytes(&f, random_below(&r, 2) ? JOURNAL_STDOUT : JOURNAL_STDERR,
                               random_below(&r, 2) ? JOURNAL_PARTIAL : 0, bytes + total, len);
        model[i] = f.last;
        total += f.last.length;
    }
    struct journal *j = must_open(*state);
    assert_int_equal(journal_events(j), EVENTS);
    assert_int_equal(journal_output_bytes(j), total);
    for (int i = 0; i < 3000; i++) {
        size_t from = random_below(&r, EVENTS + 3), max = random_below(&r, 300);
        size_t left = from < EVENTS ? EVENTS - from : 0, expected = left < max ? left : max;
        assert_int_equal(journal_records(j, from, recs, max, &n), 0);
        assert_int_equal(n, expected);
        if (n > 0)
            assert_memory_equal(recs, model + from, n * sizeof(*recs));

        size_t offset = random_below(&r, total + 10), len = random_below(&r, 2000);
        int result = journal_read(j, offset, read, len);
        assert_int_equal(result, offset + len <= total ? 0 : -ENODATA);
        if (result == 0)
            assert_memory_equal(read, bytes + offset, len);
    }
    journal_close(j);
    journal_file_close(&f);
}

static void dropped_bytes_are_said_and_never_read_as_zeros(void **state)
{
    struct journal_file f;
    char bytes[8] = {0};
    size_t n;
    struct journal_record rec;
    journal_file_create(&f, *state, ID);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "old\n", 4);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "new\n", 4);
    struct journal *j = must_open(*state);
    /* The reader has not looked again since. */
    journal_file_drop(&f, 1, 4);
    assert_int_equal(journal_read(j, 0, bytes, 4), -ENODATA);
    assert_int_equal(journal_read(j, 3, bytes, 4), -ENODATA);
    assert_int_equal(journal_read(j, 4, bytes, 4), 0);
    assert_string_equal(bytes, "new\n");
    assert_int_equal(journal_first_event(j), 1);
    assert_int_equal(journal_first_offset(j), 4);
    assert_int_equal(journal_events(j), 2);
    /* That there was an event is still known. */
    assert_int_equal(journal_records(j, 0, &rec, 1, &n), 0);
    assert_int_equal(n, 1);
    journal_close(j);
    journal_file_close(&f);
}

static const struct {
    const char *what;
    size_t offset; /* in the index */
    uint8_t bytes[8];
    size_t len;
    bool opens; /* only reading the records shows it */
} damages[] = {
    {"magic", 0, {0}, 1, false},
    {"version", 8, {2}, 1, false},
    {"record size", 12, {64}, 1, false},
    {"first event beyond the end", 16, {5}, 1, false},
    {"first offset beyond the end", 24, {13}, 1, false},
    {"type 0", 64 + 32 + 12, {0}, 1, true},
    {"type beyond the last", 64 + 32 + 12, {JOURNAL_TYPE_MAX + 1}, 1, true},
    {"length beyond the output", 64 + 32 + 8, {13}, 1, true},
    {"offset beyond the output", 64 + 32, {12}, 1, true},
    {"offset that overflows", 64 + 32, {255, 255, 255, 255, 255, 255, 255, 255}, 8, true},
    {"offset that goes back", 64 + 64, {3}, 1, true},
    {"last record's type", 64 + 96 + 12, {99}, 1, false},
    {"last record's offset", 64 + 96, {255, 255, 255, 255, 255, 255, 255, 255}, 8, false},
};

static void a_damaged_index_is_an_error_and_nothing_worse(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct journal_file f;
        struct journal *j = NULL;
        struct journal_record recs[4];
        size_t n = 0;
        journal_file_create(&f, *state, ID);
        journal_file_event(&f, JOURNAL_READY, 0);
        journal_file_bytes(&f, JOURNAL_STDOUT, 0, "out\n", 4);
        journal_file_bytes(&f, JOURNAL_STDERR, 0, "error!!\n", 8);
        journal_file_event(&f, JOURNAL_EXIT, 0);
        assert_true(pwrite(f.index_fd, damages[i].bytes, damages[i].len, (off_t)damages[i].offset) >
                    0);

        int r = journal_open(*state, ID, &j);
        if (r == 0 && damages[i].opens)
            r = journal_records(j, 0, recs, ARRAY_LEN(recs), &n);
        if (r != -EBADMSG || (!j) == damages[i].opens || n)
            fail_msg("%s: %d", damages[i].what, r);
        journal_close(j);
        assert_int_equal(dir_remove(f.dir), 0);
        journal_file_close(&f);
    }
}

/* The record itself, where all around it is as it should be. */
static int read_one(const char *state_dir, enum journal_type type, size_t len)
{
    static const char bytes[JOURNAL_RECORD_MAX + 1];
    struct journal_file f;
    struct journal_record recs[2];
    size_t n;
    journal_file_create(&f, state_dir, ID);
    journal_file_bytes(&f, type, 0, bytes, len);
    journal_file_event(&f, JOURNAL_EXIT, 0);
    struct journal *j = must_open(state_dir);
    int r = journal_records(j, 0, recs, ARRAY_LEN(recs), &n);
    journal_close(j);
    assert_int_equal(dir_remove(f.dir), 0);
    journal_file_close(&f);
    return r;
}

static void a_record_is_never_longer_than_it_may_be(void **state)
{
    assert_int_equal(read_one(*state, JOURNAL_STDOUT, JOURNAL_RECORD_MAX), 0);
    assert_int_equal(read_one(*state, JOURNAL_STDOUT, JOURNAL_RECORD_MAX + 1), -EBADMSG);
    assert_int_equal(read_one(*state, JOURNAL_TIMEOUT, 0), 0);
    assert_int_equal(read_one(*state, JOURNAL_TIMEOUT, 1), -EBADMSG);
}

static void retention_that_goes_back_is_an_error(void **state)
{
    struct journal_file f;
    journal_file_create(&f, *state, ID);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "abcd", 4);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "abcd", 4);
    journal_file_drop(&f, 1, 4);
    struct journal *j = must_open(*state);
    journal_file_drop(&f, 0, 4);
    assert_int_equal(journal_refresh(j), -EBADMSG);
    journal_file_drop(&f, 1, 3);
    assert_int_equal(journal_refresh(j), -EBADMSG);
    journal_close(j);
    journal_file_close(&f);
}

static void files_that_shrink_under_a_reader_are_an_error(void **state)
{
    struct journal_file f;
    struct journal_record rec;
    char bytes[4];
    size_t n;
    journal_file_create(&f, *state, ID);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "abcd", 4);
    journal_file_event(&f, JOURNAL_EXIT, 0);
    struct journal *j = must_open(*state);
    assert_int_equal(ftruncate(f.output_fd, 2), 0);
    assert_int_equal(journal_read(j, 0, bytes, 4), -EBADMSG);
    assert_int_equal(journal_refresh(j), -EBADMSG);
    assert_int_equal(ftruncate(f.index_fd, 64 + 32), 0);
    assert_int_equal(journal_records(j, 1, &rec, 1, &n), -EBADMSG);
    assert_int_equal(journal_refresh(j), -EBADMSG);
    journal_close(j);
    assert_int_equal(ftruncate(f.index_fd, 40), 0);
    assert_int_equal(try_open(*state), -EBADMSG);
    journal_file_close(&f);
}

/* What stands at each place of the output in the following tests: never 0, so that a hole shows. */
static char byte_at(uint64_t offset)
{
    return (char)(1 + offset * 7 % 251);
}

static void check_bytes(struct journal *j, const struct journal_record *rec, bool may_be_dropped)
{
    static _Thread_local char bytes[JOURNAL_RECORD_MAX];
    int r = journal_read(j, rec->offset, bytes, rec->length);
    if (r == -ENODATA && may_be_dropped) {
        assert_true(rec->offset < journal_first_offset(j));
        return;
    }
    assert_int_equal(r, 0);
    for (uint32_t i = 0; i < rec->length; i++) {
        if (bytes[i] != byte_at(rec->offset + i))
            fail_msg("byte %u of the record at %llu", i, (unsigned long long)rec->offset);
    }
}

struct appender {
    struct journal_file file;
    uint64_t events;
    uint64_t keep_bytes; /* 0: all */
    _Atomic bool is_done;
};

static void *append_all(void *arg)
{
    struct appender *a = arg;
    struct random r = {.state = 5};
    static char bytes[3000];
    for (uint64_t i = 0; i < a->events; i++) {
        size_t len = random_below(&r, sizeof(bytes));
        for (size_t k = 0; k < len; k++)
            bytes[k] = byte_at(a->file.output_bytes + k);
        journal_file_bytes(&a->file, JOURNAL_STDOUT, 0, bytes, len);
        if (a->keep_bytes && a->file.output_bytes > a->keep_bytes && i % 16 == 0)
            journal_file_drop(&a->file, i, a->file.last.offset);
    }
    journal_file_event(&a->file, JOURNAL_EXIT, 0);
    a->is_done = true;
    return NULL;
}

/* Reads until the exit record; what it sees is each record once, in order, with its bytes. */
static void follow(const char *state_dir, struct appender *a)
{
    struct journal_record recs[32];
    struct journal *j = must_open(state_dir);
    uint64_t from = 0, offset = 0;
    bool has_ended = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, append_all, a), 0);
    while (!has_ended) {
        bool was_done = a->is_done;
        size_t n;
        assert_int_equal(journal_refresh(j), 0);
        assert_int_equal(journal_records(j, from, recs, ARRAY_LEN(recs), &n), 0);
        /* Otherwise it would wait for ever. */
        assert_true(n > 0 || !was_done);
        if (n == 0)
            sched_yield();
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(recs[i].offset, offset);
            offset += recs[i].length;
            check_bytes(j, &recs[i], a->keep_bytes > 0);
            has_ended = recs[i].type == JOURNAL_EXIT;
        }
        from += n;
    }
    pthread_join(thread, NULL);
    assert_int_equal(from, a->events + 1);
    assert_int_equal(offset, a->file.output_bytes);
    journal_close(j);
}

static void a_reader_follows_a_writer(void **state)
{
    struct appender a = {.events = 5000};
    journal_file_create(&a.file, *state, ID);
    follow(*state, &a);
    journal_file_close(&a.file);
}

static void a_reader_follows_a_writer_that_drops_what_is_old(void **state)
{
    struct appender a = {.events = 5000, .keep_bytes = 100000};
    journal_file_create(&a.file, *state, ID);
    follow(*state, &a);
    journal_file_close(&a.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_directory_of_an_execution),
        temp_dir_test(says_when_there_is_none_or_it_has_not_begun),
        temp_dir_test(an_empty_journal_has_no_events),
        temp_dir_test(reads_back_what_was_appended),
        temp_dir_test(a_record_that_is_being_appended_is_not_there_yet),
        temp_dir_test(every_slice_equals_that_of_a_plain_array),
        temp_dir_test(dropped_bytes_are_said_and_never_read_as_zeros),
        temp_dir_test(a_damaged_index_is_an_error_and_nothing_worse),
        temp_dir_test(a_record_is_never_longer_than_it_may_be),
        temp_dir_test(retention_that_goes_back_is_an_error),
        temp_dir_test(files_that_shrink_under_a_reader_are_an_error),
        temp_dir_test(a_reader_follows_a_writer),
        temp_dir_test(a_reader_follows_a_writer_that_drops_what_is_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
