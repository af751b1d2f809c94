#include "state/base/log_file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sys/stat.h>

#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/base/fd.h"

/* What a rotated file's name ends in: a dot and the UTC time of the rotation. '0' is any digit. */
#define SUFFIX_FORM ".00000000T000000.000000Z"

struct log_file {
    char *name; /* owned; in dirfd */
    int dirfd;  /* so that a relative path stays true after chdir(2) */
    int fd;     /* -1: could not be opened after a rotation */
    uint64_t size;
    uint64_t max_bytes;
    unsigned keep_days;
    bool is_torn; /* the last write left part of a line */
    bool is_failing, was_failing;
};

static int open_file(struct log_file *f)
{
    struct stat st;
    CLEANUP(fd_closep)
    int fd = openat(f->dirfd, f->name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    f->size = (uint64_t)st.st_size;
    f->fd = TAKE_FD(fd);
    return 0;
}

static bool is_rotated_name(const struct log_file *f, const char *name)
{
    size_t n = strlen(f->name);

    if (strncmp(name, f->name, n) != 0 || strlen(name + n) != strlen(SUFFIX_FORM))
        return false;
    for (size_t i = 0; i < strlen(SUFFIX_FORM); i++) {
        char want = SUFFIX_FORM[i], is = name[n + i];
        if (want == '0' ? !isdigit((unsigned char)is) : is != want)
            return false;
    }
    return true;
}

/* What can't be removed now is found again at the next rotation. */
static void remove_old(const struct log_file *f)
{
    uint64_t now_s = clock_real_us() / 1000000, keep_s = (uint64_t)f->keep_days * 86400;
    struct stat st;
    CLEANUP(fd_closep) int fd = openat(f->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = f->keep_days > 0 && fd >= 0 ? fdopendir(fd) : NULL;

    if (!d)
        return;
    (void)TAKE_FD(fd);
    for (struct dirent *e; (e = readdir(d));) {
        if (is_rotated_name(f, e->d_name) &&
            fstatat(f->dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (uint64_t)st.st_mtime + keep_s < now_s)
            (void)unlinkat(f->dirfd, e->d_name, 0);
    }
    (void)closedir(d);
}

static void format_rotated_name(const struct log_file *f, uint64_t us, struct buf *ret)
{
    time_t seconds = (time_t)(us / 1000000);
    char text[32];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    (void)strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &tm);
    ret->len = 0;
    buf_printf(ret, "%s.%s.%06uZ", f->name, text, (unsigned)(us % 1000000));
}

/* Two rotations may fall on the same time: the later one takes the next free microsecond. */
static int rotate(struct log_file *f)
{
    CLEANUP(buf_deinit) struct buf name = {0};
    uint64_t us = clock_real_us();

    do
        format_rotated_name(f, us++, &name);
    while (faccessat(f->dirfd, name.data, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    if (renameat(f->dirfd, f->name, f->dirfd, name.data) < 0 && errno != ENOENT)
        return -errno;
    fd_closep(&f->fd);
    remove_old(f);
    return open_file(f);
}

int log_file_open(const char *path, size_t max_bytes, unsigned keep_days, struct log_file **ret)
{
    CLEANUP(free_p) char *dir = xstrdup(path);
    const char *slash = strrchr(path, '/');
    struct log_file *f = xcalloc(1, sizeof(*f));

    /* Up to and with the last slash. */
    if (slash)
        dir[slash - path + 1] = '\0';
    f->fd = -1;
    f->max_bytes = max_bytes;
    f->keep_days = keep_days;
    f->name = xstrdup(slash ? slash + 1 : path);
    f->dirfd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = f->dirfd < 0 ? -errno : open_file(f);
    if (r < 0) {
        log_file_close(f);
        return r;
    }
    remove_old(f);
    *ret = f;
    return 0;
}

struct log_file *log_file_close(struct log_file *f)
{
    if (!f)
        return NULL;
    fd_closep(&f->fd);
    fd_closep(&f->dirfd);
    free(f->name);
    free(f);
    return NULL;
}

int log_file_reopen(struct log_file *f)
{
    CLEANUP(fd_closep) int before = f->fd;
    int r = open_file(f);

    if (r < 0)
        (void)TAKE_FD(before);
    return r;
}

static int write_line(struct log_file *f, const char *line, size_t len)
{
    int r = 0;

    if (f->fd < 0)
        r = open_file(f);
    else if (f->max_bytes > 0 && f->size > 0 && f->size + len > f->max_bytes)
        r = rotate(f);
    /* A rotation that failed leaves the old file: better too large than silent. */
    if (f->fd < 0)
        return r;
    if (f->is_torn) {
        r = fd_write_all(f->fd, "\n", 1);
        if (r < 0)
            return r;
        f->is_torn = false;
    }
    r = fd_write_all(f->fd, line, len);
    f->is_torn = r < 0;
    f->size += r < 0 ? 0 : len;
    return r;
}

int log_file_write(struct log_file *f, const char *line, size_t len)
{
    int r = write_line(f, line, len);
    f->was_failing = f->is_failing;
    f->is_failing = r < 0;
    return r;
}

bool log_file_was_failing(const struct log_file *f)
{
    return f->was_failing;
}
