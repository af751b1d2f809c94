#include "server/mcp/file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/random.h>

#include "server/mcp/file_path.h"
#include "state/base/fd.h"

#define FILE_MODE      0644
#define DIRECTORY_MODE 0755

/* What we made is the owner's of the workspace. */
static int give_away(const struct file_root *root, int fd, mode_t mode)
{
    if (root->uid != geteuid() && fchown(fd, root->uid, root->gid) < 0)
        return file_outcome_of(errno);
    return fchmod(fd, mode) < 0 ? file_outcome_of(errno) : FILE_OK;
}

/* ---- the directory ---- */

/* One of this name below `parent`, which may come to be there meanwhile. */
static int make_directory(const struct file_root *root, int parent, const char *name, int *ret_fd)
{
    bool is_ours = mkdirat(parent, name, 0700) == 0;

    if (!is_ours && errno != EEXIST)
        return file_outcome_of(errno);
    CLEANUP(fd_closep)
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return file_outcome_of(errno);
    int r = is_ours ? give_away(root, fd, DIRECTORY_MODE) : FILE_OK;
    if (r == FILE_OK)
        *ret_fd = TAKE_FD(fd);
    return r;
}

/* The directory a path lies in; *ret_name: what is left of it. */
static void split(const char *path, char ret_directory[FILE_PATH_MAX + 1], const char **ret_name)
{
    size_t len;

    *ret_name = file_path_name(path);
    len = *ret_name > path ? (size_t)(*ret_name - path) - 1 : 0;
    memmove(ret_directory, path, len); /* they may be the same */
    ret_directory[len] = '\0';
}

/* Goes up to the first that is there, then makes what is below it. Whatever a command does
 * meanwhile, each is made in a directory that was opened within the workspace. */
static int open_or_make(const struct file_root *root, const char *path, int *ret_fd)
{
    char upper[FILE_PATH_MAX + 1], name[FILE_NAME_MAX + 1];
    const char *last, *missing = path + strlen(path);
    CLEANUP(fd_closep) int fd = -1;
    int r;

    memcpy(upper, path, strlen(path) + 1);
    while ((r = file_open_directory(root, upper, &fd)) == FILE_E_MISSING && *upper) {
        split(upper, upper, &last);
        missing = path + strlen(upper);
    }
    while (r == FILE_OK && *missing) {
        int next = -1;
        missing += strspn(missing, "/");
        size_t n = strcspn(missing, "/");
        memcpy(name, missing, n);
        name[n] = '\0';
        missing += n;
        r = make_directory(root, fd, name, &next);
        fd_closep(&fd);
        fd = next;
    }
    if (r == FILE_OK)
        *ret_fd = TAKE_FD(fd);
    return r;
}

/* ---- the file ---- */

/* What is there: FILE_OK and a regular file, or FILE_E_MISSING. */
static int look_at(const struct file_root *root, int dir, const char *name, struct stat *ret)
{
    if (fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
        return file_outcome_of(errno);
    if (S_ISLNK(ret->st_mode))
        return FILE_E_LINK;
    if (S_ISDIR(ret->st_mode))
        return FILE_E_IS_DIRECTORY;
    return S_ISREG(ret->st_mode) ? FILE_OK : FILE_E_SPECIAL;
}

static int fill(int fd, const struct file_content *c)
{
    int r = fd_write_all(fd, c->data, c->len);
    return r < 0 ? file_outcome_of(-r) : FILE_OK;
}

static int make_temporary(int dir, char name[FILE_NAME_MAX + 1], int *ret_fd)
{
    uint64_t unique;
    if (getrandom(&unique, sizeof(unique), 0) != sizeof(unique))
        return -EIO;
    (void)snprintf(name, FILE_NAME_MAX + 1, ".mcp-execd.%016llx", (unsigned long long)unique);
    *ret_fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? file_outcome_of(errno) : FILE_OK;
}

/* A new file takes the name in one step. If a command puts a link there meanwhile, the link is
 * replaced: nothing is ever written through one. */
static int replace(const struct file_root *root, int dir, const struct file_content *c, mode_t mode)
{
    char temporary[FILE_NAME_MAX + 1];
    CLEANUP(fd_closep) int fd = -1;
    int r = make_temporary(dir, temporary, &fd);

    if (r != FILE_OK)
        return r;
    r = fill(fd, c);
    if (r == FILE_OK)
        r = give_away(root, fd, mode);
    if (r == FILE_OK && close(TAKE_FD(fd)) < 0)
        r = file_outcome_of(errno);
    if (r == FILE_OK && renameat(dir, temporary, dir, file_path_name(c->path)) < 0)
        r = file_outcome_of(errno);
    if (r != FILE_OK)
        (void)unlinkat(dir, temporary, 0);
    return r;
}

/* Adds to the file that is there, all of it or nothing. */
static int append(const struct file_root *root, int dir, const struct file_content *c,
                  struct file_written *ret)
{
    struct stat st;
    CLEANUP(fd_closep)
    int fd = openat(dir, file_path_name(c->path),
                    O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return file_outcome_of(errno);
    if (!S_ISREG(st.st_mode))
        return FILE_E_SPECIAL;
    if (st.st_nlink > 1 && st.st_uid != root->uid && st.st_uid != geteuid())
        return FILE_E_FOREIGN;
    if (c->max_bytes && (uint64_t)st.st_size + c->len > c->max_bytes)
        return FILE_E_TOO_BIG;
    int r = fill(fd, c);
    if (r != FILE_OK && ftruncate(fd, st.st_size) < 0)
        return -errno;
    if (r == FILE_OK && c->is_executable && fchmod(fd, (st.st_mode & 0777) | 0111) < 0)
        return file_outcome_of(errno);
    ret->size = (uint64_t)st.st_size + c->len;
    return r;
}

int file_write(const struct file_root *root, const struct file_content *c, struct file_written *ret)
{
    char upper[FILE_PATH_MAX + 1];
    const char *name;
    CLEANUP(fd_closep) int dir = -1;
    struct stat st;

    *ret = (struct file_written){.size = c->len};
    if (c->max_bytes && c->len > c->max_bytes)
        return FILE_E_TOO_BIG;
    split(c->path, upper, &name);
    int r = open_or_make(root, upper, &dir);
    if (r != FILE_OK)
        return r;
    r = look_at(root, dir, name, &st);
    if (r == FILE_OK && c->appends)
        return append(root, dir, c, ret);
    if (r != FILE_OK && r != FILE_E_MISSING)
        return r;
    ret->is_new = r == FILE_E_MISSING;
    mode_t mode = ret->is_new ? FILE_MODE : st.st_mode & 0777;
    return replace(root, dir, c, c->is_executable ? mode | 0111 : mode);
}
