/* Ranges of files against a plain model, and going on where an answer ended. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/mcp/file_read.h"
#include "state/base/utf8.h"
#include "tests/unit/random.h"
#include "tests/unit/temp_dir.h"

struct whole {
    char *path; /* owned */
    struct buf data;
    uint64_t n_lines;
};

static struct whole whole_write(const char *dir, const struct buf *data)
{
    struct whole w = {.path = temp_path(dir, "file")};
    buf_append(&w.data, data->data, data->len);
    for (size_t i = 0; i < data->len; i++)
        w.n_lines += data->data[i] == '\n' || i + 1 == data->len;
    assert_int_equal(file_replace(dir, "file", data->len > 0 ? data->data : "", data->len), 0);
    return w;
}

static void whole_end(struct whole *w)
{
    free(w->path);
    buf_deinit(&w->data);
}

static struct file_reader *read_range(const struct whole *w, const struct file_range *range)
{
    int r, fd = open(w->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct file_reader *reader = file_reader_new(fd, range);
    while ((r = file_reader_step(reader)) == FILE_MORE)
        ;
    assert_int_equal(r, FILE_OK);
    return reader;
}

/* Byte where a line begins, from 1; the end when there is none. */
static size_t line_begin(const struct whole *w, uint64_t line)
{
    size_t at = 0;
    while (--line > 0 && at < w->data.len) {
        const char *newline = memchr(w->data.data + at, '\n', w->data.len - at);
        at = newline ? (size_t)(newline - w->data.data) + 1 : w->data.len;
    }
    return at;
}

static void check_whole(const struct whole *w, const struct file_part *part)
{
    char hex[65] = "";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;
    assert_true(part->knows_all);
    assert_int_equal(part->n_lines, w->n_lines);
    assert_int_equal(EVP_Digest(w->data.data, w->data.len, digest, &n, EVP_sha256(), NULL), 1);
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    assert_string_equal(part->sha256, hex);
}

static void check_range(const struct whole *w, const struct file_range *range)
{
    struct file_reader *reader = read_range(w, range);
    const struct file_part *part = file_reader_result(reader);
    size_t begin = range->unit == FILE_LINES    ? line_begin(w, range->first)
                   : range->first < w->data.len ? (size_t)range->first
                                                : w->data.len;
    size_t end = begin + part->data.len;
    check_whole(w, part);
    assert_true(part->data.len <= range->max_bytes);
    if (part->data.len > 0) {
        assert_int_equal(part->offset, begin);
        assert_memory_equal(part->data.data, w->data.data + begin, part->data.len);
    }
    assert_int_equal(part->has_more, end < w->data.len);
    if (!part->has_more) {
        file_reader_free(reader);
        return;
    }
    if (part->next_unit == FILE_BYTES)
        assert_int_equal(part->next, end);
    else
        assert_int_equal(line_begin(w, part->next), end);
    /* It is as much as there is room for: one more line, or character, would be too much. */
    if (range->unit == FILE_LINES && part->next_unit == FILE_LINES && part->units < range->count)
        assert_true(line_begin(w, part->next + 1) - begin > range->max_bytes);
    if (range->unit == FILE_BYTES || part->next_unit == FILE_BYTES)
        assert_true(part->data.len + 3 >=
                    (range->count < range->max_bytes && range->unit == FILE_BYTES
                         ? range->count
                         : range->max_bytes));
    file_reader_free(reader);
}

static void random_text(struct random *r, struct buf *b, size_t len)
{
    while (b->len < len) {
        uint64_t what = random_below(r, 40);
        if (what == 0)
            buf_append_char(b, '\n');
        else if (what == 1)
            buf_append_str(b, "\xe2\x82\xac");
        else
            buf_append_char(b, (char)('a' + what % 26));
    }
}

static void any_range_is_what_stands_there(void **state)
{
    static const size_t sizes[] = {0, 1, 50, 3000, 65535, 65536, 65537, 200000};
    struct random r = {5};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(buf_deinit) struct buf text = {0};
        random_text(&r, &text, sizes[i]);
        struct whole w = whole_write(*state, &text);
        for (unsigned k = 0; k < 40; k++) {
            struct file_range range = {
                .unit = random_below(&r, 2) ? FILE_LINES : FILE_BYTES,
                .count = random_below(&r, 3) ? 1 + random_below(&r, 100000) : UINT64_MAX,
                .max_bytes = 4 + random_below(&r, random_below(&r, 2) ? 100 : 300000),
            };
            range.first = range.unit == FILE_LINES ? 1 + random_below(&r, w.n_lines + 2)
                                                   : random_below(&r, w.data.len + 2);
            check_range(&w, &range);
        }
        whole_end(&w);
    }
}

/* Answers one after the other are the file. */
static void check_pages(const struct whole *w, struct file_range range)
{
    CLEANUP(buf_deinit) struct buf all = {0};
    for (bool has_more = true; has_more;) {
        struct file_reader *reader = read_range(w, &range);
        const struct file_part *part = file_reader_result(reader);
        buf_append(&all, part->data.data, part->data.len);
        assert_true(utf8_is_valid(part->data.data, part->data.len));
        has_more = part->has_more;
        assert_true(!has_more || part->data.len > 0);
        range.unit = has_more ? part->next_unit : range.unit;
        range.first = part->next;
        file_reader_free(reader);
    }
    assert_int_equal(all.len, w->data.len);
    assert_memory_equal(all.data, w->data.data, all.len);
}

static void it_goes_on_where_an_answer_ended(void **state)
{
    struct random r = {11};
    CLEANUP(buf_deinit) struct buf text = {0};
    random_text(&r, &text, 20000);
    for (int i = 0; i < 5000; i++)
        buf_append_str(&text, "\xe2\x82\xac"); /* a long line */
    random_text(&r, &text, 50000);
    struct whole w = whole_write(*state, &text);
    check_pages(
        &w, (struct file_range){.unit = FILE_LINES, .first = 1, .count = 100, .max_bytes = 700});
    check_pages(&w, (struct file_range){
                        .unit = FILE_BYTES, .first = 0, .count = 1000, .max_bytes = 1 << 20});
    whole_end(&w);
}

static void bytes_that_are_no_text_come_as_they_are(void **state)
{
    char bytes[1000];
    struct random r = {3};
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)random_next(&r);
    struct whole w = whole_write(*state, &(struct buf){.data = bytes, .len = sizeof(bytes)});
    check_range(&w, &(struct file_range){.unit = FILE_BYTES, .count = 1000, .max_bytes = 1000});
    check_range(&w, &(struct file_range){
                        .unit = FILE_BYTES, .first = 500, .count = 100, .max_bytes = 1000});
    whole_end(&w);
}

/* Of a large file only the range is read, without a checksum. */
static void a_large_file_is_not_read_whole(void **state)
{
    CLEANUP(free_p) char *path = temp_path(*state, "large");
    CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const off_t size = (off_t)FILE_SUM_MAX * 64;
    assert_int_equal(ftruncate(fd, size), 0); /* a hole */
    assert_int_equal(pwrite(fd, "first\nsecond\n", 13, 0), 13);
    assert_int_equal(pwrite(fd, "end", 3, size - 3), 3);
    struct whole w = {.path = path};
    struct file_reader *reader = read_range(
        &w, &(struct file_range){
                .unit = FILE_BYTES, .first = (uint64_t)size - 3, .count = 10, .max_bytes = 10});
    const struct file_part *part = file_reader_result(reader);
    assert_int_equal(part->data.len, 3);
    assert_memory_equal(part->data.data, "end", 3);
    assert_false(part->knows_all);
    assert_false(part->has_more);
    file_reader_free(reader);
    reader = read_range(
        &w, &(struct file_range){.unit = FILE_LINES, .first = 2, .count = 1, .max_bytes = 100});
    part = file_reader_result(reader);
    assert_memory_equal(part->data.data, "second\n", 7);
    assert_int_equal(part->next, 3);
    file_reader_free(reader);

    /* A line that would take too long to find is told so. */
    reader = file_reader_new(
        dup(fd),
        &(struct file_range){.unit = FILE_LINES, .first = 5, .count = 1, .max_bytes = 100});
    int r, steps = 0;
    while ((r = file_reader_step(reader)) == FILE_MORE)
        steps++;
    assert_int_equal(r, FILE_E_FAR);
    assert_true(steps > 100); /* in short steps */
    file_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(any_range_is_what_stands_there),
        temp_dir_test(it_goes_on_where_an_answer_ended),
        temp_dir_test(bytes_that_are_no_text_come_as_they_are),
        temp_dir_test(a_large_file_is_not_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
