#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "state/base/fd.h"
#include "tests/unit/temp_dir.h"

static unsigned count_entries(const char *dir)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void assert_file_is(const char *dir, const char *name, const char *text)
{
    char *path = temp_path(dir, name), *data;
    size_t len;
    assert_int_equal(file_read(path, 100000, &data, &len), 0);
    assert_int_equal(len, strlen(text));
    assert_string_equal(data, text);
    free(data);
    free(path);
}

static void make_file(const char *dir, const char *name)
{
    assert_int_equal(file_replace(dir, name, "x", 1), 0);
}

static void closing_keeps_errno_and_forgets(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), closed;
    assert_true(fd >= 0);
    closed = fd;
    errno = EILSEQ;
    fd_closep(&fd);
    assert_int_equal(errno, EILSEQ);
    assert_int_equal(fd, -1);
    fd_closep(&fd);
    assert_int_equal(errno, EILSEQ);
    assert_int_equal(fcntl(closed, F_GETFD), -1);
    errno = EILSEQ;
    fd_closep(&closed); /* EBADF */
    assert_int_equal(errno, EILSEQ);
}

struct pipe_reader {
    int fd;
    size_t total;
};

static void *read_to_end(void *arg)
{
    struct pipe_reader *r = arg;
    char piece[1000];
    for (ssize_t n; (n = read(r->fd, piece, sizeof(piece))) > 0;)
        r->total += (size_t)n;
    return NULL;
}

static void writes_all_of_more_than_a_pipe_holds(void **state)
{
    int fds[2];
    size_t len = 1 << 20;
    char *data = xcalloc(1, len);
    pthread_t thread;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct pipe_reader r = {.fd = fds[0]};
    assert_int_equal(pthread_create(&thread, NULL, read_to_end, &r), 0);
    assert_int_equal(fd_write_all(fds[1], data, len), 0);
    fd_closep(&fds[1]);
    pthread_join(thread, NULL);
    assert_int_equal(r.total, len);
    fd_closep(&fds[0]);
    free(data);
}

/* A server that was killed had asked for something, and left what we told it unread. */
static void hears_out_a_peer_that_has_gone(void **state)
{
    int fds[2];
    char said[8] = "";
    struct iovec data = {.iov_base = said, .iov_len = sizeof(said)};
    struct msghdr m = {.msg_iov = &data, .msg_iovlen = 1};

    for (int is_read_on = 0; is_read_on < 2; is_read_on++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(send(fds[1], "news", 4, 0), 4);
        assert_int_equal(send(fds[0], "one", 3, 0), 3);
        assert_int_equal(send(fds[0], "order", 5, 0), 5);
        (void)close(fds[0]);
        if (is_read_on) {
            assert_int_equal(fd_recvmsg(fds[1], &m, 0), 3);
            assert_int_equal(fd_recvmsg(fds[1], &m, 0), 5);
            assert_memory_equal(said, "order", 5);
            assert_int_equal(fd_recvmsg(fds[1], &m, 0), 0);
        } else { /* what the kernel does by itself */
            assert_int_equal(recvmsg(fds[1], &m, 0), -1);
            assert_int_equal(errno, ECONNRESET);
        }
        (void)close(fds[1]);
    }
}

static void writing_says_why_it_failed(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, "x", 1), -ENOSPC);
    assert_int_equal(fd_write_all(fd, "", 0), 0);
    fd_closep(&fd);
    assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

static void replaces_a_file_for_its_owner_alone(void **state)
{
    const char *dir = *state;
    char *path = temp_path(dir, "name");
    struct stat st;
    mode_t mask = umask(0);
    assert_int_equal(file_replace(dir, "name", "one", 3), 0);
    assert_int_equal(file_replace(dir, "name", "", 0), 0);
    assert_file_is(dir, "name", "");
    assert_int_equal(file_replace(dir, "name", "three", 5), 0);
    umask(mask);
    assert_file_is(dir, "name", "three");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(count_entries(dir), 1);
    free(path);
}

/* A file size limit stands for the full disk. */
static void a_replacement_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
    const char *dir = *state;
    struct rlimit old, small;
    char large[2000] = {0};
    assert_int_equal(file_replace(dir, "name", "old", 3), 0);

    sighandler_t handler = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 1000, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int r = file_replace(dir, "name", large, sizeof(large));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);

    assert_int_equal(r, -EFBIG);
    assert_file_is(dir, "name", "old");
    assert_int_equal(count_entries(dir), 1);
}

static void a_replacement_needs_its_directory(void **state)
{
    char *path = temp_path(*state, "none");
    assert_int_equal(file_replace(path, "name", "x", 1), -ENOENT);
    make_file(*state, "none");
    assert_int_equal(file_replace(path, "name", "x", 1), -ENOTDIR);
    assert_int_equal(count_entries(*state), 1);
    free(path);
}

static void *replace_often(void *arg)
{
    char *dir = arg;
    for (int i = 0; i < 200; i++) {
        if (file_replace(dir, "name", "either", 6) < 0)
            return dir;
    }
    return NULL;
}

static void threads_may_replace_the_same_file(void **state)
{
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, replace_often, *state), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_file_is(*state, "name", "either");
    assert_int_equal(count_entries(*state), 1);
}

static void reads_no_more_than_it_may(void **state)
{
    char *path = temp_path(*state, "name"), *data = NULL;
    char bytes[10000];
    size_t len = 77;
    memset(bytes, 'b', sizeof(bytes));
    assert_int_equal(file_replace(*state, "name", bytes, sizeof(bytes)), 0);
    assert_int_equal(file_read(path, sizeof(bytes) - 1, &data, &len), -EFBIG);
    assert_null(data);
    assert_int_equal(len, 77);
    assert_int_equal(file_read(path, sizeof(bytes), &data, &len), 0);
    assert_int_equal(len, sizeof(bytes));
    assert_memory_equal(data, bytes, len);
    assert_int_equal(data[len], '\0');
    free(data);
    assert_int_equal(file_read("/none/such", 10, &data, &len), -ENOENT);
    assert_int_equal(file_read(*state, 10, &data, &len), -EISDIR);
    free(path);
}

static void makes_directories_for_their_owner_alone(void **state)
{
    char *path = temp_path(*state, "a//b/c/"), *a = temp_path(*state, "a");
    struct stat st;
    mode_t mask = umask(0);
    assert_int_equal(dir_make(path), 0);
    assert_int_equal(dir_make(path), 0);
    umask(mask);
    assert_int_equal(stat(a, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(dir_make("/"), 0);
    free(a);
    free(path);
}

static void a_file_in_the_way_of_a_directory_is_an_error(void **state)
{
    char *file = temp_path(*state, "file"), *below = temp_path(*state, "file/below");
    make_file(*state, "file");
    assert_int_equal(dir_make(file), -ENOTDIR);
    assert_int_equal(dir_make(below), -ENOTDIR);
    free(below);
    free(file);
}

static void removes_a_tree_but_nothing_behind_a_link(void **state)
{
    char *outside = temp_path(*state, "outside"), *tree = temp_path(*state, "tree"),
         *sub = temp_path(*state, "tree/a/b"), *link = temp_path(*state, "tree/a/link"),
         *dangling = temp_path(*state, "tree/dangling");
    assert_int_equal(dir_make(outside), 0);
    assert_int_equal(dir_make(sub), 0);
    make_file(outside, "kept");
    make_file(tree, "f");
    make_file(sub, ".f");
    make_file(tree, ".removed-0"); /* a name that the removal itself would like to give */
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(symlink("none", dangling), 0);

    assert_int_equal(dir_remove(tree), 0);
    assert_int_equal(count_entries(*state), 1);
    assert_file_is(outside, "kept", "x");
    assert_int_equal(dir_remove(tree), -ENOENT);
    free(outside);
    free(tree);
    free(sub);
    free(link);
    free(dangling);
}

static void refuses_to_remove_through_a_link_or_a_file(void **state)
{
    char *outside = temp_path(*state, "outside"), *link = temp_path(*state, "link"),
         *file = temp_path(*state, "outside/kept");
    assert_int_equal(dir_make(outside), 0);
    make_file(outside, "kept");
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(dir_remove(link), -ENOTDIR);
    assert_int_equal(dir_remove(file), -ENOTDIR);
    assert_file_is(outside, "kept", "x");
    free(outside);
    free(link);
    free(file);
}

/* Deeper than a path may be long, and wide on each level. */
static void removes_what_is_too_deep_for_a_path(void **state)
{
    char *tree = temp_path(*state, "tree");
    assert_int_equal(dir_make(tree), 0);
    int fd = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 3000; i++) {
        assert_true(fd >= 0);
        assert_int_equal(mkdirat(fd, "sub", 0700), 0);
        assert_int_equal(mkdirat(fd, "side", 0700), 0);
        int sub = openat(fd, "sub", O_PATH | O_DIRECTORY | O_CLOEXEC);
        fd_closep(&fd);
        fd = sub;
    }
    fd_closep(&fd);
    assert_int_equal(dir_remove(tree), 0);
    assert_int_equal(count_entries(*state), 0);
    free(tree);
}

static void removes_directories_that_forbid_everything(void **state)
{
    char *tree = temp_path(*state, "tree"), *a = temp_path(*state, "tree/a"),
         *b = temp_path(*state, "tree/a/b");
    assert_int_equal(dir_make(b), 0);
    make_file(b, "f");
    assert_int_equal(chmod(b, 0), 0);
    assert_int_equal(chmod(a, 0500), 0);
    assert_int_equal(chmod(tree, 0500), 0);
    assert_int_equal(dir_remove(tree), 0);
    assert_int_equal(count_entries(*state), 0);
    free(b);
    free(a);
    free(tree);
}

static void leaves_the_rest_when_it_is_no_longer_wanted(void **state)
{
    char *tree = temp_path(*state, "tree"), *sub = temp_path(*state, "tree/a/b");
    _Atomic bool is_wanted = false;
    assert_int_equal(dir_make(sub), 0);
    make_file(sub, "f");
    assert_int_equal(dir_remove_while(tree, &is_wanted), -ECANCELED);
    assert_file_is(sub, "f", "x");
    is_wanted = true;
    assert_int_equal(dir_remove_while(tree, &is_wanted), 0);
    assert_int_equal(count_entries(*state), 0);
    free(tree);
    free(sub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_keeps_errno_and_forgets),
        cmocka_unit_test(writes_all_of_more_than_a_pipe_holds),
        cmocka_unit_test(writing_says_why_it_failed),
        cmocka_unit_test(hears_out_a_peer_that_has_gone),
        temp_dir_test(replaces_a_file_for_its_owner_alone),
        temp_dir_test(a_replacement_that_fails_leaves_the_old_file_and_nothing_else),
        temp_dir_test(a_replacement_needs_its_directory),
        temp_dir_test(threads_may_replace_the_same_file),
        temp_dir_test(reads_no_more_than_it_may),
        temp_dir_test(makes_directories_for_their_owner_alone),
        temp_dir_test(a_file_in_the_way_of_a_directory_is_an_error),
        temp_dir_test(removes_a_tree_but_nothing_behind_a_link),
        temp_dir_test(refuses_to_remove_through_a_link_or_a_file),
        temp_dir_test(removes_what_is_too_deep_for_a_path),
        temp_dir_test(removes_directories_that_forbid_everything),
        temp_dir_test(leaves_the_rest_when_it_is_no_longer_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
