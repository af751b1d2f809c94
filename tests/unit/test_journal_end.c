/* How an execution ended: the files exit and sums of its journal. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "state/base/utf8.h"
#include "state/journal.h"
#include "tests/unit/exit_equal.h"
#include "tests/unit/journal_file.h"
#include "tests/unit/temp_dir.h"

#define ID "r1-abcdefghijklmnopqrstuvwx27"
/* FIPS 180-4's examples: of nothing, and of "abc". */
#define SHA_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
/* Of a million times "a", by the same standard. */
#define SHA_MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static const struct execution_exit ended = {
    .reason = REASON_SIGNALED,
    .exit_code = -9,
    .term_signal = 9,
    .error = "exec: \"no\\such\"\n\x01",
    .started_us = 1,
    .ended_us = UINT64_C(1735787045678901),
    .wall_ms = 3,
    .user_ms = 4,
    .system_ms = 5,
    .max_rss_bytes = 6,
    .events = 7,
    .output_bytes = 8,
    .stdout_bytes = 9,
    .stderr_bytes = 10,
    .processes_killed = 11,
    .tree_cpu_ms = 12,
    .max_memory_bytes = 13,
    .memory_peak_bytes = 14,
    .oom_kills = 15,
    .max_processes = 16,
    .refused_forks = 17,
};

static void reads_back_how_it_ended(void **state)
{
    struct execution_exit back;
    assert_int_equal(journal_read_exit(*state, &back), -ENOENT);
    for (int r = REASON_EXITED; r <= REASON_MAX; r++) {
        struct execution_exit e = ended;
        e.reason = (enum execution_reason)r;
        assert_int_equal(journal_write_exit(*state, &e), 0);
        assert_int_equal(journal_read_exit(*state, &back), 0);
        assert_exit_equal(&e, &back);
    }
}

static void an_error_text_of_any_bytes_can_be_read_back(void **state)
{
    struct execution_exit e = ended, back;
    memset(e.error, 0xff, sizeof(e.error)); /* not even a NUL; each byte grows to three */
    assert_int_equal(journal_write_exit(*state, &e), 0);
    assert_int_equal(journal_read_exit(*state, &back), 0);
    assert_true(utf8_is_valid(back.error, strlen(back.error)));
    assert_int_equal(strlen(back.error), 198);
}

static void a_damaged_exit_is_an_error(void **state)
{
    static const char *const damages[][2] = {
        {"\"signaled\"", "\"none\""},  {"\"signaled\"", "\"other\""},
        {"\"reason\"", "\"r\""},       {"\"exit_code\":-9", "\"exit_code\":2147483648"},
        {"\"exit_code\"", "\"code\""}, {"\"term_signal\":9", "\"term_signal\":\"9\""},
        {"\"error\"", "\"e\""},        {"\"ended_us\":", "\"ended_us\":-"},
        {"\"wall_ms\"", "\"wall\""},   {"}", ""},
    };
    char *path = temp_path(*state, "exit"), *text;
    size_t len;
    assert_int_equal(journal_write_exit(*state, &ended), 0);
    assert_int_equal(file_read(path, 10000, &text, &len), 0);
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct execution_exit back = {.exit_code = 77};
        struct buf b = {0};
        char *at = strstr(text, damages[i][0]);
        assert_non_null(at);
        buf_append(&b, text, (size_t)(at - text));
        buf_append_str(&b, damages[i][1]);
        buf_append_str(&b, at + strlen(damages[i][0]));
        assert_int_equal(file_replace(*state, "exit", b.data, b.len), 0);
        if (journal_read_exit(*state, &back) != -EBADMSG || back.exit_code != 77)
            fail_msg("taken: %s", b.data);
        buf_deinit(&b);
    }
    char large[20000];
    memset(large, ' ', sizeof(large));
    assert_int_equal(file_replace(*state, "exit", large, sizeof(large)), 0);
    struct execution_exit back;
    assert_int_equal(journal_read_exit(*state, &back), -EBADMSG);
    free(text);
    free(path);
}

static void end(const struct journal_file *f)
{
    assert_int_equal(journal_write_exit(f->dir, &ended), 0);
}

static bool has_sums_file(const struct journal_file *f)
{
    char *path = temp_path(f->dir, "sums");
    bool is = access(path, F_OK) == 0;
    free(path);
    return is;
}

static void sums_are_those_of_each_stream_by_itself(void **state)
{
    struct journal_file f;
    struct journal_sums sums;
    assert_int_equal(journal_sums(*state, ID, 0, &sums), -ENOENT);
    journal_file_create(&f, *state, ID);
    assert_int_equal(journal_sums(*state, ID, 0, &sums), 0);
    assert_string_equal(sums.stdout_hex, SHA_EMPTY);
    journal_file_event(&f, JOURNAL_READY, 0);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "a", 1);
    journal_file_bytes(&f, JOURNAL_STDERR, 0, "ab", 2);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "", 0);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "bc", 2);
    journal_file_bytes(&f, JOURNAL_STDERR, 0, "c", 1);
    journal_file_event(&f, JOURNAL_EXIT, 0);
    assert_int_equal(journal_sums(*state, ID, 0, &sums), 0);
    assert_string_equal(sums.stdout_hex, SHA_ABC);
    assert_string_equal(sums.stderr_hex, SHA_ABC);
    journal_file_close(&f);
}

/* More records than are read at once, and more bytes than its window. */
static void sums_a_long_output(void **state)
{
    struct journal_file f;
    struct journal_sums sums;
    static char piece[JOURNAL_RECORD_MAX];
    memset(piece, 'a', sizeof(piece));
    journal_file_create(&f, *state, ID);
    for (size_t left = 1000000, i = 0; left > 0; i++) {
        size_t n = i % 50 == 49 ? sizeof(piece) : 1 + i % 900;
        n = n < left ? n : left;
        journal_file_bytes(&f, i % 3 ? JOURNAL_STDOUT : JOURNAL_STDERR, 0, piece,
                           i % 3 ? n : n / 2);
        left -= i % 3 ? n : 0;
    }
    assert_int_equal(journal_sums(*state, ID, 0, &sums), 0);
    assert_string_equal(sums.stdout_hex, SHA_MILLION_A);

    /* In steps it comes to the same. */
    CLEANUP(journal_summing_freep) struct journal_summing *s = NULL;
    struct journal_sums stepped;
    int r, steps = 0;
    assert_int_equal(journal_summing_new(*state, ID, 0, &s), 0);
    while ((r = journal_summing_step(s, 100000, &stepped)) == 1)
        steps++;
    assert_int_equal(r, 0);
    assert_true(steps > 3);
    assert_memory_equal(&stepped, &sums, sizeof(sums));
    CLEANUP(journal_closep) struct journal *j = NULL;
    assert_int_equal(journal_open(*state, ID, &j), 0);
    assert_int_equal(journal_sums_of(j, &stepped), 0);
    assert_memory_equal(&stepped, &sums, sizeof(sums));
    journal_file_close(&f);
}

static void long_sums_are_kept_when_nothing_can_follow(void **state)
{
    struct journal_file f;
    struct journal_sums sums, first;
    static char piece[JOURNAL_RECORD_MAX];
    journal_file_create(&f, *state, ID);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "abc", 3);
    for (int i = 0; i < 4; i++)
        journal_file_bytes(&f, JOURNAL_STDERR, 0, piece, sizeof(piece));
    assert_int_equal(journal_sums(*state, ID, 0, &sums), 0);
    assert_false(has_sums_file(&f));
    end(&f);
    assert_int_equal(journal_sums(*state, ID, 0, &first), 0);
    assert_string_equal(first.stdout_hex, SHA_ABC);
    assert_true(has_sums_file(&f));

    /* Once kept, neither the output nor its size matter. */
    journal_file_drop(&f, 1, 1);
    memset(&sums, 0, sizeof(sums));
    assert_int_equal(journal_sums(*state, ID, 1, &sums), 0);
    assert_memory_equal(&sums, &first, sizeof(sums));
    journal_file_close(&f);
}

static void short_sums_cost_no_file(void **state)
{
    struct journal_file f;
    struct journal_sums sums;
    journal_file_create(&f, *state, ID);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "abc", 3);
    end(&f);
    assert_int_equal(journal_sums(*state, ID, 0, &sums), 0);
    assert_string_equal(sums.stdout_hex, SHA_ABC);
    assert_false(has_sums_file(&f));
    journal_file_close(&f);
}

static void a_damaged_sums_file_is_made_anew(void **state)
{
    static const char *const bad[] = {"", "x", SHA_ABC "\n" SHA_ABC "\nx", SHA_ABC SHA_ABC "\n\n",
                                      "X" SHA_ABC "\n" SHA_ABC};
    struct journal_file f;
    struct journal_sums sums;
    journal_file_create(&f, *state, ID);
    end(&f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(file_replace(f.dir, "sums", bad[i], strlen(bad[i])), 0);
        assert_int_equal(journal_sums(*state, ID, 0, &sums), 0);
        assert_string_equal(sums.stdout_hex, SHA_EMPTY);
    }
    journal_file_close(&f);
}

static void refuses_what_is_too_large_or_not_whole(void **state)
{
    struct journal_file f;
    struct journal_sums sums;
    journal_file_create(&f, *state, ID);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "abc", 3);
    journal_file_bytes(&f, JOURNAL_STDOUT, 0, "d", 1);
    end(&f);
    assert_int_equal(journal_sums(*state, ID, 3, &sums), -EFBIG);
    journal_file_drop(&f, 1, 3);
    assert_int_equal(journal_sums(*state, ID, 0, &sums), -ENODATA);
    assert_false(has_sums_file(&f));
    journal_file_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(reads_back_how_it_ended),
        temp_dir_test(an_error_text_of_any_bytes_can_be_read_back),
        temp_dir_test(a_damaged_exit_is_an_error),
        temp_dir_test(sums_are_those_of_each_stream_by_itself),
        temp_dir_test(sums_a_long_output),
        temp_dir_test(long_sums_are_kept_when_nothing_can_follow),
        temp_dir_test(short_sums_cost_no_file),
        temp_dir_test(a_damaged_sums_file_is_made_anew),
        temp_dir_test(refuses_what_is_too_large_or_not_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
