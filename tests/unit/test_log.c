#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/base/json.h"
#include "state/base/log.h"
#include "tests/unit/temp_dir.h"

/* 2025-01-02T03:04:05.678901Z */
#define REAL_US   UINT64_C(1735787045678901)
#define DAY_US    (UINT64_C(86400) * 1000000)
#define TIME_TEXT "2025-01-02T03:04:05.678Z"

static int set_up(void **state)
{
    clock_hold(1, REAL_US);
    return temp_dir_setup(state);
}

static int tear_down(void **state)
{
    log_close();
    clock_hold(0, 0);
    return temp_dir_teardown(state);
}

#define log_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static void open_log(const char *dir, struct log_options o)
{
    char *path = temp_path(dir, "log");
    o.file = path;
    assert_int_equal(log_open(&o), 0);
    free(path);
}

static char *read_log(const char *dir, const char *name)
{
    char *path = temp_path(dir, name), *text;
    size_t len;
    assert_int_equal(file_read(path, 1 << 20, &text, &len), 0);
    free(path);
    return text;
}

static void assert_log_is(const char *dir, const char *expected)
{
    char *text = read_log(dir, "log");
    assert_string_equal(text, expected);
    free(text);
}

/* What goes to stderr between these two. */
struct stderr_capture {
    int saved, pipe[2];
};

static void capture_begin(struct stderr_capture *c)
{
    assert_int_equal(pipe2(c->pipe, O_CLOEXEC | O_NONBLOCK), 0);
    c->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_int_equal(dup2(c->pipe[1], STDERR_FILENO), STDERR_FILENO);
}

static char *capture_end(struct stderr_capture *c)
{
    struct buf b = {0};
    char piece[1024];
    assert_int_equal(dup2(c->saved, STDERR_FILENO), STDERR_FILENO);
    fd_closep(&c->saved);
    fd_closep(&c->pipe[1]);
    for (ssize_t n; (n = read(c->pipe[0], piece, sizeof(piece))) > 0;)
        buf_append(&b, piece, (size_t)n);
    fd_closep(&c->pipe[0]);
    return buf_steal(&b);
}

static void writes_keys_and_values_on_one_line(void **state)
{
    open_log(*state, (struct log_options){.level = LOGL_DEBUG, .replica = "r1"});
    LOG_INFO("started");
    LOG_DEBUG("ran", LOG_STR("exec", "r-abc"), LOG_U64("pid", UINT64_MAX), LOG_I64("code", -9));
    LOG_WARN("left_out", LOG_STR("none", NULL), LOG_STR("some", "x"));
    LOG_ERROR("failed", LOG_ERRNO(-ENOENT), LOG_ERRNO(-99999));
    assert_log_is(*state, TIME_TEXT
                  " info started replica=r1\n" TIME_TEXT
                  " debug ran replica=r1 exec=r-abc pid=18446744073709551615 code=-9\n" TIME_TEXT
                  " warning left_out replica=r1 some=x\n" TIME_TEXT
                  " error failed replica=r1 error=\"ENOENT: No such file or directory\" "
                  "error=99999\n");
}

static const struct {
    const char *value, *written;
} values[] = {
    {"plain-1.2/3:x", "plain-1.2/3:x"},
    {"", "\"\""},
    {"a b", "\"a b\""},
    {"a=b", "\"a=b\""},
    {"say \"hi\"", "\"say \\\"hi\\\"\""},
    {"back\\slash", "\"back\\\\slash\""},
    {"two\nlines\r", "\"two\\nlines\\x0d\""},
    {"\x1b[31mred\x7f", "\"\\x1b[31mred\\x7f\""},
    {"\xc3\xa9", "\"\xc3\xa9\""},
    {"c1\xc2\x9b", "\"c1\\xc2\\x9b\""},
    {"bad\xff", "\"bad\\xff\""},
};

static void no_value_can_end_its_line_or_pass_for_another(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct buf expected = {0};
        open_log(*state, (struct log_options){.level = LOGL_INFO});
        LOG_INFO("e", LOG_STR("k", values[i].value));
        buf_printf(&expected, "%s info e k=%s\n", TIME_TEXT, values[i].written);
        assert_log_is(*state, expected.data);
        char *path = temp_path(*state, "log");
        assert_int_equal(unlink(path), 0);
        free(path);
        buf_deinit(&expected);
    }
}

static void a_long_value_is_cut_at_a_character(void **state)
{
    char value[3000];
    for (size_t i = 0; i + 2 < sizeof(value); i += 2)
        memcpy(value + i, "\xc3\xa9", 2);
    value[0] = 'x'; /* so that the limit falls into a character */
    memmove(value + 1, value + 2, sizeof(value) - 2);
    value[sizeof(value) - 2] = '\0';
    open_log(*state, (struct log_options){.level = LOGL_INFO, .json = true});
    LOG_INFO("e", LOG_STR("k", value));
    char *text = read_log(*state, "log");
    CLEANUP(json_deletep) cJSON *o = NULL;
    const char *k;
    size_t at;
    assert_int_equal(json_parse(text, strlen(text), &o, &at), JSON_OK);
    assert_true(json_get_str(o, "k", &k));
    assert_int_equal(strlen(k), 1023);
    free(text);
}

static void writes_json_that_a_parser_takes(void **state)
{
    static const char nasty[] = "\"\\\n\x01\xff\xc3\xa9";
    open_log(*state, (struct log_options){.level = LOGL_INFO, .json = true, .replica = "r1"});
    LOG_INFO("ran", LOG_STR("s", nasty), LOG_U64("u", 5), LOG_I64("i", -5), LOG_ERRNO(-EIO),
             LOG_STR("none", NULL));
    char *text = read_log(*state, "log");
    assert_string_equal(text, "{\"time\":\"" TIME_TEXT "\",\"level\":\"info\",\"event\":\"ran\","
                              "\"replica\":\"r1\",\"s\":\"\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\","
                              "\"u\":5,\"i\":-5,\"error\":\"EIO: Input/output error\"}\n");
    CLEANUP(json_deletep) cJSON *o = NULL;
    size_t at;
    assert_int_equal(json_parse(text, strlen(text), &o, &at), JSON_OK);
    free(text);
}

static void writes_what_the_level_lets_through(void **state)
{
    open_log(*state, (struct log_options){.level = LOGL_WARNING});
    LOG_DEBUG("d");
    LOG_INFO("i");
    LOG_WARN("w");
    LOG_ERROR("e");
    assert_log_is(*state, TIME_TEXT " warning w\n" TIME_TEXT " error e\n");
}

static void goes_to_stderr_before_it_is_opened_and_after_it_is_closed(void **state)
{
    struct stderr_capture c;
    capture_begin(&c);
    LOG_INFO("before");
    LOG_DEBUG("not this");
    open_log(*state, (struct log_options){.level = LOGL_INFO});
    LOG_INFO("file only");
    open_log(*state, (struct log_options){.level = LOGL_INFO, .to_stderr = true});
    LOG_INFO("both");
    log_close();
    LOG_INFO("after");
    char *text = capture_end(&c);
    assert_string_equal(text, TIME_TEXT " info before\n" TIME_TEXT " info both\n" TIME_TEXT
                                        " info after\n");
    free(text);
    assert_log_is(*state, TIME_TEXT " info file only\n" TIME_TEXT " info both\n");
}

static void keeps_errno(void **state)
{
    open_log(*state, (struct log_options){.level = LOGL_INFO});
    errno = EILSEQ;
    LOG_INFO("e");
    assert_int_equal(errno, EILSEQ);
}

static void says_when_the_file_cannot_be_opened(void **state)
{
    char *path = temp_path(*state, "none/log");
    assert_int_equal(log_open(&(struct log_options){.file = path}), -ENOENT);
    assert_int_equal(log_open(&(struct log_options){.file = *state}), -EISDIR);
    free(path);
}

/* All rotated files, and the bytes in them and in the log. */
static unsigned count_rotated(const char *dir, size_t *ret_bytes, size_t *ret_largest)
{
    unsigned n = 0;
    struct stat st;
    DIR *d = opendir(dir);
    *ret_bytes = *ret_largest = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char *path = temp_path(dir, e->d_name);
        n += strncmp(e->d_name, "log.2", 5) == 0;
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            *ret_bytes += (size_t)st.st_size;
            if ((size_t)st.st_size > *ret_largest)
                *ret_largest = (size_t)st.st_size;
        }
        free(path);
    }
    closedir(d);
    return n;
}

/* The clock stands still, so each rotation also meets the name of the one before. */
static void rotates_before_the_file_grows_too_large_and_loses_no_line(void **state)
{
    size_t bytes, largest, line = strlen(TIME_TEXT " info e n=0\n");
    open_log(*state, (struct log_options){.level = LOGL_INFO, .max_bytes = 3 * line});
    for (uint64_t i = 0; i < 10; i++)
        LOG_INFO("e", LOG_U64("n", i));
    assert_int_equal(count_rotated(*state, &bytes, &largest), 3);
    assert_int_equal(bytes, 10 * line);
    assert_int_equal(largest, 3 * line);
    assert_log_is(*state, TIME_TEXT " info e n=9\n");
    char *first = read_log(*state, "log.20250102T030405.678901Z");
    assert_string_equal(first, TIME_TEXT " info e n=0\n" TIME_TEXT " info e n=1\n" TIME_TEXT
                                         " info e n=2\n");
    free(first);
}

static void a_line_longer_than_the_file_may_be_has_one_of_its_own(void **state)
{
    size_t bytes, largest;
    open_log(*state, (struct log_options){.level = LOGL_INFO, .max_bytes = 5});
    LOG_INFO("one");
    assert_int_equal(count_rotated(*state, &bytes, &largest), 0);
    LOG_INFO("two");
    assert_int_equal(count_rotated(*state, &bytes, &largest), 1);
    assert_log_is(*state, TIME_TEXT " info two\n");
}

static void goes_on_in_the_file_of_an_earlier_run(void **state)
{
    size_t bytes, largest, line = strlen(TIME_TEXT " info e\n");
    struct log_options o = {.level = LOGL_INFO, .max_bytes = 2 * line};
    for (int run = 0; run < 3; run++) {
        open_log(*state, o);
        LOG_INFO("e");
        log_close();
    }
    assert_int_equal(count_rotated(*state, &bytes, &largest), 1);
    assert_int_equal(largest, 2 * line);
}

static void removes_rotated_files_that_are_too_old_and_no_others(void **state)
{
    static const char *const others[] = {"log.1", "log.20250102T030405Z",
                                         "log.20250102T030405.678901Zx",
                                         "other.20250102T030405.678901Z"};
    struct log_options o = {.level = LOGL_INFO, .max_bytes = 10, .keep_days = 7};
    char *rotated = temp_path(*state, "log.20250102T030405.678901Z");
    struct timespec times[2] = {{.tv_sec = (time_t)(REAL_US / 1000000)},
                                {.tv_sec = (time_t)(REAL_US / 1000000)}};
    assert_int_equal(file_replace(*state, "log.20250102T030405.678901Z", "x", 1), 0);
    assert_int_equal(utimensat(AT_FDCWD, rotated, times, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char *path = temp_path(*state, others[i]);
        assert_int_equal(file_replace(*state, others[i], "x", 1), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        free(path);
    }

    clock_hold(1, REAL_US + 7 * DAY_US);
    open_log(*state, o);
    LOG_INFO("one");
    LOG_INFO("two");
    assert_int_equal(access(rotated, F_OK), 0);
    clock_hold(1, REAL_US + 7 * DAY_US + 2000000);
    LOG_INFO("three");
    assert_int_equal(access(rotated, F_OK), -1);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char *path = temp_path(*state, others[i]);
        assert_int_equal(access(path, F_OK), 0);
        free(path);
    }

    /* And at the start, without a rotation. */
    assert_int_equal(file_replace(*state, "log.20250102T030405.678901Z", "x", 1), 0);
    assert_int_equal(utimensat(AT_FDCWD, rotated, times, 0), 0);
    open_log(*state, o);
    assert_int_equal(access(rotated, F_OK), -1);
    free(rotated);
}

static unsigned count_char(const char *text, char c)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

static void a_full_disk_is_said_once_and_the_log_goes_on(void **state)
{
    struct stderr_capture c;
    capture_begin(&c);
    assert_int_equal(log_open(&(struct log_options){.file = "/dev/full", .level = LOGL_INFO}), 0);
    LOG_INFO("lost");
    LOG_INFO("lost too");
    char *text = capture_end(&c);
    assert_int_equal(count_char(text, '\n'), 1);
    assert_non_null(strstr(text, "ENOSPC"));
    free(text);
}

/* A file size limit stands for the disk; it lets part of a line through. */
static void a_torn_line_does_not_spoil_the_next(void **state)
{
    struct rlimit old, small;
    struct stderr_capture c;
    sighandler_t handler = signal(SIGXFSZ, SIG_IGN);
    open_log(*state, (struct log_options){.level = LOGL_INFO});
    LOG_INFO("one");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small =
        (struct rlimit){.rlim_cur = strlen(TIME_TEXT " info one\n") + 5, .rlim_max = old.rlim_max};
    capture_begin(&c);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    LOG_INFO("two");
    LOG_INFO("three");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    LOG_INFO("four");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    LOG_INFO("five");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    char *text = capture_end(&c);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(count_char(text, '\n'), 2);
    free(text);
    assert_log_is(*state, TIME_TEXT " info one\n2025-\n" TIME_TEXT " info four\n");
}

static void *write_many(void *arg)
{
    const char *name = arg;
    for (uint64_t i = 0; i < 1000; i++)
        LOG_INFO("e", LOG_STR("thread", name), LOG_U64("n", i));
    return NULL;
}

static void lines_of_threads_stay_whole(void **state)
{
    static char names[4][8] = {"one", "two", "three", "four"};
    pthread_t threads[4];
    size_t bytes, largest;
    open_log(*state, (struct log_options){.level = LOGL_INFO, .max_bytes = 20000});
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
    size_t expected = 0;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
        expected += 1000 * (strlen(TIME_TEXT " info e thread= n=\n") + strlen(names[i]));
        expected += 10 + 90 * 2 + 900 * 3;
    }
    assert_true(count_rotated(*state, &bytes, &largest) > 5);
    assert_int_equal(bytes, expected);
    assert_true(largest <= 20000);
    char *text = read_log(*state, "log");
    for (char *line = text; *line; line = strchr(line, '\n') + 1)
        assert_memory_equal(line, TIME_TEXT " info e thread=", strlen(TIME_TEXT " info e thread="));
    free(text);
}

static void goes_on_in_a_new_file_when_the_old_one_was_moved_away(void **state)
{
    open_log(*state, (struct log_options){.level = LOGL_INFO});
    char *path = temp_path(*state, "log"), *moved = temp_path(*state, "moved");
    LOG_INFO("one");
    assert_int_equal(rename(path, moved), 0);
    LOG_INFO("two");
    assert_int_equal(log_reopen(), 0);
    LOG_INFO("three");
    assert_log_is(*state, TIME_TEXT " info three\n");
    /* Where no file can be, it stays with the old one. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(log_reopen(), -EISDIR);
    LOG_INFO("four");
    assert_int_equal(rmdir(path), 0);
    log_close();
    assert_int_equal(log_reopen(), 0);
    char *text = read_log(*state, "moved");
    assert_string_equal(text, TIME_TEXT " info one\n" TIME_TEXT " info two\n");
    free(text);
    free(path);
    free(moved);
}

/* Opened anew as at the begin, the file went away under the threads that wrote to it. */
static void loses_no_line_of_a_thread_when_the_file_is_moved_away(void **state)
{
    static char name[] = "one";
    pthread_t thread;
    size_t found = 0;
    open_log(*state, (struct log_options){.level = LOGL_INFO});
    char *path = temp_path(*state, "log");
    assert_int_equal(pthread_create(&thread, NULL, write_many, name), 0);
    for (int i = 0; i < 100; i++) {
        char to[16];
        (void)snprintf(to, sizeof(to), "moved%d", i);
        char *moved = temp_path(*state, to);
        assert_int_equal(rename(path, moved), 0);
        assert_int_equal(log_reopen(), 0);
        free(moved);
    }
    pthread_join(thread, NULL);
    for (int i = 0; i < 101; i++) {
        char from[16] = "log";
        if (i < 100)
            (void)snprintf(from, sizeof(from), "moved%d", i);
        char *text = read_log(*state, from);
        found += count_char(text, '\n');
        free(text);
    }
    assert_int_equal(found, 1000);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        log_test(writes_keys_and_values_on_one_line),
        log_test(no_value_can_end_its_line_or_pass_for_another),
        log_test(a_long_value_is_cut_at_a_character),
        log_test(writes_json_that_a_parser_takes),
        log_test(writes_what_the_level_lets_through),
        log_test(goes_to_stderr_before_it_is_opened_and_after_it_is_closed),
        log_test(keeps_errno),
        log_test(says_when_the_file_cannot_be_opened),
        log_test(rotates_before_the_file_grows_too_large_and_loses_no_line),
        log_test(a_line_longer_than_the_file_may_be_has_one_of_its_own),
        log_test(goes_on_in_the_file_of_an_earlier_run),
        log_test(removes_rotated_files_that_are_too_old_and_no_others),
        log_test(a_full_disk_is_said_once_and_the_log_goes_on),
        log_test(a_torn_line_does_not_spoil_the_next),
        log_test(lines_of_threads_stay_whole),
        log_test(goes_on_in_a_new_file_when_the_old_one_was_moved_away),
        log_test(loses_no_line_of_a_thread_when_the_file_is_moved_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
