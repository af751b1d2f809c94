/*
 * Removes a tree with two descriptors and no recursion, however deep it is: a directory found
 * below a child of the root is moved up to become a child of the root, under a new name. The tree
 * may have been made by anybody, so names are used only relative to descriptors that were opened
 * without following links, and directories that forbid their owner everything are opened up first.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "state/base/fd.h"

struct remover {
    int root;                      /* borrowed */
    unsigned long seq;             /* of names given to directories that move up */
    const _Atomic bool *is_wanted; /* borrowed or NULL: to the end */
};

static void closedir_p(DIR **d)
{
    if (*d)
        (void)closedir(*d);
}

/* An O_PATH descriptor of a directory that is no link, which its owner may now do everything in; or
 * -1 and errno. */
static int open_up(int parent, const char *name)
{
    char proc[40];
    int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -1;
    /* fchmod() refuses O_PATH descriptors. What it may not change it leaves; the next step tells.
     */
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    DISREGARD(chmod(proc, 0700));
    return fd;
}

/* A stream over it; NULL and errno. */
static DIR *open_child(int parent, const char *name)
{
    CLEANUP(fd_closep) int at = open_up(parent, name);
    if (at < 0)
        return NULL;
    CLEANUP(fd_closep) int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *d = fdopendir(fd);
    if (d)
        (void)TAKE_FD(fd);
    return d;
}

static int move_up(struct remover *r, int parent, const char *name)
{
    char moved[40];
    /* To move a directory changes its "..": it must be writable itself. */
    CLEANUP(fd_closep) int fd = open_up(parent, name);

    if (fd < 0)
        return -errno;
    for (;;) {
        (void)snprintf(moved, sizeof(moved), ".removed-%lu", r->seq++);
        if (renameat(parent, name, r->root, moved) == 0)
            return 0;
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
            return -errno;
    }
}

typedef int remove_dir_fn(struct remover *r, int parent, const char *name);

static int remove_entry(struct remover *r, int parent, const char *name, remove_dir_fn *remove_dir)
{
    if (unlinkat(parent, name, 0) == 0)
        return 0;
    /* Linux says EISDIR, POSIX EPERM. */
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    return remove_dir(r, parent, name);
}

/* Passes over the directory until one finds nothing that it can remove: file systems may skip
 * entries while others vanish, and directories move up meanwhile. */
static int empty_dir(struct remover *r, DIR *d, remove_dir_fn *remove_dir)
{
    for (;;) {
        int first_error = 0;
        bool progress = false;

        rewinddir(d);
        for (struct dirent *e; (e = readdir(d));) {
            if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                continue;
            if (r->is_wanted && !*r->is_wanted)
                return -ECANCELED;
            int result = remove_entry(r, dirfd(d), e->d_name, remove_dir);
            if (result == 0)
                progress = true;
            else if (first_error == 0)
                first_error = result;
        }
        if (!progress)
            return first_error;
    }
}

static int remove_child(struct remover *r, int parent, const char *name)
{
    CLEANUP(closedir_p) DIR *d = open_child(parent, name);
    if (!d)
        return -errno;
    int result = empty_dir(r, d, move_up);
    if (result < 0)
        return result;
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int dir_remove(const char *path)
{
    return dir_remove_while(path, NULL);
}

int dir_remove_while(const char *path, const _Atomic bool *is_wanted)
{
    CLEANUP(closedir_p) DIR *root = open_child(AT_FDCWD, path);
    if (!root)
        return -errno;
    struct remover r = {.root = dirfd(root), .is_wanted = is_wanted};
    int result = empty_dir(&r, root, remove_child);
    if (result < 0)
        return result;
    return rmdir(path) < 0 ? -errno : 0;
}
