#include "state/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "state/base/buf.h"

void fd_closep(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    (void)close(*fd);
    errno = saved;
    *fd = -1;
}

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_new_file(int dirfd, const char *name, const void *data, size_t len)
{
    CLEANUP(fd_closep)
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = fd_write_all(fd, data, len);
    if (r < 0)
        return r;
    /* Some file systems tell only here that the bytes did not fit. */
    return close(TAKE_FD(fd)) < 0 ? -errno : 0;
}

/* No fsync: what must survive is a kill of this process, not the loss of the machine, with which
 * everything that ran is lost anyway. */
int file_replace(const char *dir, const char *name, const void *data, size_t len)
{
    uint64_t unique;
    CLEANUP(buf_deinit) struct buf temp = {0};
    CLEANUP(fd_closep) int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dirfd < 0)
        return -errno;
    if (getrandom(&unique, sizeof(unique), 0) != sizeof(unique))
        return -EIO;
    buf_printf(&temp, ".%s.%016llx", name, (unsigned long long)unique);

    int r = write_new_file(dirfd, temp.data, data, len);
    if (r == 0 && renameat(dirfd, temp.data, dirfd, name) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(dirfd, temp.data, 0);
    return r;
}

ssize_t fd_recvmsg(int fd, struct msghdr *m, int flags)
{
    ssize_t n = recvmsg(fd, m, flags);
    return n < 0 && errno == ECONNRESET ? recvmsg(fd, m, flags) : n;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    for (;;) {
        buf_reserve(&b, 4096);
        ssize_t n = read(fd, b.data + b.len, b.cap - b.len - 1);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (n == 0)
            break;
        b.len += (size_t)n;
        if (b.len > max)
            return -EFBIG;
    }
    b.data[b.len] = '\0';
    *ret_len = b.len;
    *ret = buf_steal(&b);
    return 0;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int dir_make(const char *path)
{
    /* Nearly always it is there already. */
    if (is_directory(path))
        return 0;
    CLEANUP(free_p) char *p = xstrdup(path);

    for (char *slash = p + strspn(p, "/");; slash++) {
        slash += strcspn(slash, "/");
        char kept = *slash;
        *slash = '\0';
        if (*p && mkdir(p, 0700) < 0 && (errno != EEXIST || !is_directory(p)))
            return errno == EEXIST ? -ENOTDIR : -errno;
        *slash = kept;
        if (!kept)
            return 0;
    }
}
