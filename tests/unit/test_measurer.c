/* How much lies in a directory, whatever is in it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "exec/measurer.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "tests/unit/temp_dir.h"

#define BIG (1024 * 1024)

static const _Atomic bool is_wanted = true, is_not_wanted = false;

static void fill(const char *dir, const char *name, size_t size)
{
    CLEANUP(free_p) char *path = temp_path(dir, name);
    CLEANUP(free_p) char *data = xcalloc(1, size);
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)('a' + i % 23);
    assert_int_equal(fd_write_all(fd, data, size), 0);
    assert_int_equal(fsync(fd), 0); /* blocks are given when they are written */
}

static void counts_what_lies_below(void **state)
{
    CLEANUP(free_p) char *deep = temp_path(*state, "a/b");
    uint64_t empty = measurer_walk(*state, &is_wanted);
    assert_int_equal(dir_make(deep), 0);
    fill(*state, "one", BIG);
    fill(deep, "two", BIG);
    uint64_t full = measurer_walk(*state, &is_wanted);
    assert_in_range(full - empty, 2 * BIG, 3 * BIG);
}

static void a_hole_takes_no_room(void **state)
{
    CLEANUP(free_p) char *path = temp_path(*state, "hole");
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, 1 << 30), 0);
    assert_in_range(measurer_walk(*state, &is_wanted), 0, BIG);
}

static void links_are_not_followed(void **state)
{
    CLEANUP(free_p) char *inside = temp_path(*state, "in");
    CLEANUP(free_p) char *link = temp_path(*state, "in/link");
    CLEANUP(free_p) char *loop = temp_path(*state, "in/loop");
    assert_int_equal(dir_make(inside), 0);
    fill(*state, "big", BIG);
    assert_int_equal(symlink("..", link), 0);
    assert_int_equal(symlink(".", loop), 0);
    assert_in_range(measurer_walk(inside, &is_wanted), 0, BIG / 2);
    assert_int_equal(measurer_walk(link, &is_wanted), 0); /* nor is the path itself one */
}

static void what_is_not_there_is_empty(void **state)
{
    CLEANUP(free_p) char *path = temp_path(*state, "none");
    assert_int_equal(measurer_walk(path, &is_wanted), 0);
    fill(*state, "big", BIG);
    assert_int_equal(measurer_walk(*state, &is_not_wanted), 0);
}

static void the_thread_answers_each_request_once(void **state)
{
    struct measurer *m = NULL;
    struct measured *v = xcalloc(1, sizeof(*v)), *got = NULL;
    size_t n = 0;
    uint64_t end = clock_mono_ms() + 20000;

    fill(*state, "big", BIG);
    assert_int_equal(measurer_new(&m), 0);
    assert_false(measurer_take(m, &got, &n));
    v[0].path = xstrdup(*state);
    assert_true(measurer_ask(m, v, 1));
    while (!measurer_take(m, &got, &n))
        assert_true(clock_mono_ms() < end);
    assert_int_equal(n, 1);
    assert_in_range(got[0].bytes, BIG, 2 * BIG);
    assert_false(measurer_take(m, &got, &n));
    assert_true(measurer_ask(m, got, n)); /* one that is never taken */
    assert_false(measurer_ask(m, NULL, 0));
    assert_null(measurer_free(m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(counts_what_lies_below),
        temp_dir_test(a_hole_takes_no_room),
        temp_dir_test(links_are_not_followed),
        temp_dir_test(what_is_not_there_is_empty),
        temp_dir_test(the_thread_answers_each_request_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
