#include "server/mcp/file_root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <linux/openat2.h>
#include <sys/syscall.h>

#include "server/mcp/file_path.h"
#include "state/base/fd.h"

/* openat2(2): EAGAIN when a rename meanwhile might have led out; try again. */
#define TRIES_MAX 64

static atomic_bool is_without_openat2;

void file_root_without_openat2(bool is_without)
{
    atomic_store(&is_without_openat2, is_without);
}

int file_outcome_of(int error)
{
    switch (error) {
    case ENOENT:
        return FILE_E_MISSING;
    case EXDEV:
        return FILE_E_OUTSIDE;
    case ELOOP:
        return FILE_E_LINK;
    case ENOTDIR:
        return FILE_E_NOT_DIRECTORY;
    case EISDIR:
        return FILE_E_IS_DIRECTORY;
    case ENXIO:
    case ENODEV:
        return FILE_E_SPECIAL;
    case EACCES:
    case EPERM:
        return FILE_E_DENIED;
    case EAGAIN:
        return FILE_E_CHANGED;
    case ENOSPC:
    case EDQUOT:
        return FILE_E_FULL;
    case EFBIG:
        return FILE_E_TOO_BIG;
    default:
        return -error;
    }
}

int file_root_open(const char *home, bool may_be_link, struct file_root *ret)
{
    int nofollow = may_be_link ? 0 : O_NOFOLLOW;
    CLEANUP(fd_closep) int fd = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC | nofollow);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return file_outcome_of(errno);
    *ret = (struct file_root){.fd = TAKE_FD(fd), .uid = st.st_uid, .gid = st.st_gid};
    return FILE_OK;
}

void file_root_close(struct file_root *root)
{
    fd_closep(&root->fd);
}

/* ---- resolving ---- */

/* The descriptor, O_PATH, or -errno. */
static int resolve_beneath(const struct file_root *root, const char *path)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

    for (int i = 0; i < TRIES_MAX; i++) {
        long fd = syscall(SYS_openat2, root->fd, *path ? path : ".", &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

/* The same without following any link: each component by itself. */
static int resolve_by_steps(const struct file_root *root, const char *path)
{
    CLEANUP(fd_closep) int fd = openat(root->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[FILE_NAME_MAX + 1];
    struct stat st;

    while (fd >= 0 && *path) {
        size_t n = strcspn(path, "/");
        memcpy(name, path, n);
        name[n] = '\0';
        path += n;
        path += strspn(path, "/");
        int next = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | (*path ? O_DIRECTORY : 0));
        /* With O_DIRECTORY a link is ENOTDIR: say what it is. */
        if (next < 0 && errno == ENOTDIR && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISLNK(st.st_mode))
            errno = ELOOP;
        fd_closep(&fd);
        fd = next;
    }
    return fd < 0 ? -errno : TAKE_FD(fd);
}

/* A kernel before 5.6, or a filter that knows no openat2() (some answer EPERM). */
static bool is_unknown_call(int error)
{
    return error == -ENOSYS || error == -EPERM;
}

static int resolve(const struct file_root *root, const char *path)
{
    int fd = -ENOSYS;

    if (!atomic_load_explicit(&is_without_openat2, memory_order_relaxed))
        fd = resolve_beneath(root, path);
    return is_unknown_call(fd) ? resolve_by_steps(root, path) : fd;
}

/* ---- opening ---- */

/* A file of ours or of the workspace's owner; else a second name for a file that lies elsewhere. */
static bool is_foreign(const struct file_root *root, const struct stat *st)
{
    return st->st_nlink > 1 && st->st_uid != root->uid && st->st_uid != geteuid();
}

static int look(const struct file_root *root, int fd, struct stat *ret)
{
    if (fstat(fd, ret) < 0)
        return file_outcome_of(errno);
    if (S_ISLNK(ret->st_mode))
        return FILE_E_LINK;
    return S_ISREG(ret->st_mode) && is_foreign(root, ret) ? FILE_E_FOREIGN : FILE_OK;
}

/* What an O_PATH descriptor stands for, for reading: the very same, whatever its name is now. */
static int reopen(int path_fd, int flags, int *ret_fd)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
    int fd = open(name, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ENOENT : file_outcome_of(errno); /* no /proc: ours to mend */
    *ret_fd = fd;
    return FILE_OK;
}

int file_stat(const struct file_root *root, const char *path, struct stat *ret)
{
    CLEANUP(fd_closep) int fd = resolve(root, path);

    return fd < 0 ? file_outcome_of(-fd) : look(root, fd, ret);
}

int file_open_directory(const struct file_root *root, const char *path, int *ret_fd)
{
    CLEANUP(fd_closep) int fd = resolve(root, path);
    struct stat st;

    if (fd < 0)
        return file_outcome_of(-fd);
    int r = look(root, fd, &st);
    if (r != FILE_OK)
        return r;
    return S_ISDIR(st.st_mode) ? reopen(fd, O_RDONLY | O_DIRECTORY, ret_fd) : FILE_E_NOT_DIRECTORY;
}

int file_open_regular(const struct file_root *root, const char *path, int *ret_fd,
                      struct stat *ret_stat)
{
    CLEANUP(fd_closep) int fd = resolve(root, path);

    if (fd < 0)
        return file_outcome_of(-fd);
    int r = look(root, fd, ret_stat);
    if (r != FILE_OK)
        return r;
    if (S_ISDIR(ret_stat->st_mode))
        return FILE_E_IS_DIRECTORY;
    return S_ISREG(ret_stat->st_mode) ? reopen(fd, O_RDONLY, ret_fd) : FILE_E_SPECIAL;
}
