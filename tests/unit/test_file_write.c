/* What a client writes appears whole, where it said, as the workspace's owner's. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>

#include <cmocka.h>

#include "server/mcp/file_path.h"
#include "server/mcp/file_walk.h"
#include "server/mcp/file_write.h"
#include "tests/unit/temp_dir.h"

static int set_up(void **state)
{
    umask(077); /* of the server; modes of files are not to depend on it */
    return temp_dir_setup(state);
}
#define WRITE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, temp_dir_teardown)

static struct file_root root_of(const char *dir)
{
    struct file_root root;
    assert_int_equal(file_root_open(dir, false, &root), FILE_OK);
    return root;
}

static int write_text(const char *dir, struct file_content c, struct file_written *ret)
{
    struct file_root root = root_of(dir);
    if (c.len == 0 && c.data)
        c.len = strlen(c.data);
    int r = file_write(&root, &c, ret);
    file_root_close(&root);
    return r;
}

static void expect_text(const char *dir, const char *name, const char *text, mode_t mode)
{
    CLEANUP(free_p) char *path = temp_path(dir, name), *data = NULL;
    size_t len;
    struct stat st;
    assert_int_equal(file_read(path, 1 << 20, &data, &len), 0);
    assert_string_equal(data, text);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void a_file_is_made_with_the_directories_to_it(void **state)
{
    struct file_written w;
    CLEANUP(free_p) char *sub = temp_path(*state, "a/b");
    struct stat st;
    assert_int_equal(write_text(*state, (struct file_content){.path = "a/b/c", .data = "x"}, &w),
                     FILE_OK);
    assert_true(w.is_new);
    assert_int_equal(w.size, 1);
    expect_text(*state, "a/b/c", "x", 0644);
    assert_int_equal(stat(sub, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(
        write_text(*state, (struct file_content){.path = "a/d", .data = "y", .is_executable = true},
                   &w),
        FILE_OK);
    expect_text(*state, "a/d", "y", 0755);
}

static void a_file_that_is_there_is_replaced_and_keeps_its_mode(void **state)
{
    CLEANUP(free_p) char *path = temp_path(*state, "f");
    struct file_written w;
    assert_int_equal(file_replace(*state, "f", "a longer text", 13), 0);
    assert_int_equal(chmod(path, 0640), 0);
    CLEANUP(fd_closep) int old = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(write_text(*state, (struct file_content){.path = "f", .data = "new"}, &w),
                     FILE_OK);
    assert_false(w.is_new);
    expect_text(*state, "f", "new", 0640);
    char text[32] = "";
    assert_int_equal(read(old, text, sizeof(text)), 13); /* who reads the old one has all of it */
    assert_int_equal(
        write_text(*state, (struct file_content){.path = "f", .data = "", .is_executable = true},
                   &w),
        FILE_OK);
    expect_text(*state, "f", "", 0751);
}

static void appending_adds_or_makes(void **state)
{
    struct file_written w;
    const struct file_content c = {.path = "f", .data = "ab", .appends = true, .max_bytes = 5};
    assert_int_equal(write_text(*state, c, &w), FILE_OK);
    assert_true(w.is_new);
    assert_int_equal(write_text(*state, c, &w), FILE_OK);
    assert_false(w.is_new);
    assert_int_equal(w.size, 4);
    assert_int_equal(write_text(*state, c, &w), FILE_E_TOO_BIG);
    expect_text(*state, "f", "abab", 0644);
    assert_int_equal(
        write_text(*state, (struct file_content){.path = "g", .data = "123456", .max_bytes = 5},
                   &w),
        FILE_E_TOO_BIG);
}

static void links_and_directories_are_not_written_to(void **state)
{
    CLEANUP(free_p) char *link = temp_path(*state, "link"), *dir = temp_path(*state, "dir");
    CLEANUP(free_p) char *out = temp_path(*state, "out");
    struct file_written w;
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(symlink("/tmp", out), 0);
    assert_int_equal(dir_make(dir), 0);
    assert_int_equal(file_replace(*state, "file", "x", 1), 0);
    static const struct {
        const char *path;
        int outcome;
    } rows[] = {
        {"link", FILE_E_LINK},
        {"dir", FILE_E_IS_DIRECTORY},
        {"out/x", FILE_E_OUTSIDE},
        {"file/x", FILE_E_NOT_DIRECTORY},
        {"file/x/y/z", FILE_E_NOT_DIRECTORY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct file_content c = {.path = rows[i].path, .data = "x"};
        assert_int_equal(write_text(*state, c, &w), rows[i].outcome);
        c.appends = true;
        assert_int_equal(write_text(*state, c, &w), rows[i].outcome);
    }
    CLEANUP(free_p) char *target = temp_path(*state, "target");
    assert_int_equal(access(target, F_OK), -1);
}

/* ---- what is left ---- */

static bool count(void *arg, const char *path, const struct stat *st)
{
    unsigned *n = arg;
    return ++*n > 0;
}

static unsigned files_in(const char *dir)
{
    unsigned n = 0;
    struct file_walk *w =
        file_walk_new(&(struct file_walk_options){.fd = open(dir, O_RDONLY | O_CLOEXEC),
                                                  .is_recursive = true,
                                                  .max_entries = 1000,
                                                  .see = count,
                                                  .arg = &n});
    while (file_walk_step(w) == FILE_MORE)
        ;
    assert_true(file_walk_is_complete(w));
    file_walk_free(w);
    return n;
}

/* A file system that is full in the midst of it, here by the limit of a process. */
static void what_fails_leaves_nothing_behind(void **state)
{
    static const char text[] = "longer than the process may write";
    struct rlimit old, low;
    struct file_written w;
    struct file_content c = {.path = "d/f", .data = text};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = (struct rlimit){.rlim_cur = 20, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    assert_int_equal(write_text(*state, c, &w), FILE_E_TOO_BIG);
    assert_int_equal(files_in(*state), 1); /* the directory */
    c.data = "before ";
    c.appends = true;
    assert_int_equal(write_text(*state, c, &w), FILE_OK);
    c.data = text;
    assert_int_equal(write_text(*state, c, &w), FILE_E_TOO_BIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    expect_text(*state, "d/f", "before ", 0644);
    assert_int_equal(files_in(*state), 2);
}

static void nothing_but_the_file_is_left(void **state)
{
    struct file_written w;
    for (int i = 0; i < 20; i++)
        assert_int_equal(write_text(*state, (struct file_content){.path = "f", .data = "x"}, &w),
                         FILE_OK);
    assert_int_equal(files_in(*state), 1);
}

static void files_are_the_owners_of_the_workspace(void **state)
{
    struct file_written w;
    struct stat st;
    bool is_root = geteuid() == 0; /* who else can give nothing away */
    uid_t uid = is_root ? 12345 : geteuid();
    gid_t gid = is_root ? 12346 : getegid();
    assert_int_equal(chown(*state, uid, gid), 0);
    assert_int_equal(write_text(*state, (struct file_content){.path = "a/b", .data = "x"}, &w),
                     FILE_OK);
    static const char *const names[] = {"a", "a/b"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(free_p) char *path = temp_path(*state, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_uid, uid);
        assert_int_equal(st.st_gid, gid);
    }
}

/* ---- walking ---- */

static void a_walk_ends_at_its_bounds(void **state)
{
    struct file_written w;
    unsigned n = 0;
    for (int i = 0; i < 30; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "d%d/f", i);
        assert_int_equal(write_text(*state, (struct file_content){.path = path, .data = "x"}, &w),
                         FILE_OK);
    }
    assert_int_equal(files_in(*state), 60);
    struct file_walk *walk =
        file_walk_new(&(struct file_walk_options){.fd = open(*state, O_RDONLY | O_CLOEXEC),
                                                  .is_recursive = true,
                                                  .max_entries = 25,
                                                  .see = count,
                                                  .arg = &n});
    while (file_walk_step(walk) == FILE_MORE)
        ;
    assert_int_equal(n, 25);
    assert_false(file_walk_is_complete(walk));
    file_walk_free(walk);
}

static void a_walk_follows_no_link(void **state)
{
    CLEANUP(free_p) char *up = temp_path(*state, "up"), *out = temp_path(*state, "out");
    assert_int_equal(symlink(".", up), 0);
    assert_int_equal(symlink("/", out), 0);
    assert_int_equal(files_in(*state), 2);
}

static void a_walk_goes_only_so_deep(void **state)
{
    unsigned n = 0;
    CLEANUP(buf_deinit) struct buf path = {0};
    buf_append_str(&path, *state);
    for (int i = 0; i < FILE_DEPTH_MAX + 5; i++)
        buf_append_str(&path, "/d");
    assert_int_equal(dir_make(path.data), 0);
    struct file_walk *walk =
        file_walk_new(&(struct file_walk_options){.fd = open(*state, O_RDONLY | O_CLOEXEC),
                                                  .is_recursive = true,
                                                  .max_entries = 1000,
                                                  .see = count,
                                                  .arg = &n});
    while (file_walk_step(walk) == FILE_MORE)
        ;
    assert_int_equal(n, FILE_DEPTH_MAX);
    assert_false(file_walk_is_complete(walk));
    file_walk_free(walk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRITE_TEST(a_file_is_made_with_the_directories_to_it),
        WRITE_TEST(a_file_that_is_there_is_replaced_and_keeps_its_mode),
        WRITE_TEST(appending_adds_or_makes),
        WRITE_TEST(links_and_directories_are_not_written_to),
        WRITE_TEST(nothing_but_the_file_is_left),
        WRITE_TEST(a_walk_ends_at_its_bounds),
        WRITE_TEST(a_walk_follows_no_link),
        WRITE_TEST(a_walk_goes_only_so_deep),
        WRITE_TEST(what_fails_leaves_nothing_behind),
        WRITE_TEST(files_are_the_owners_of_the_workspace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
