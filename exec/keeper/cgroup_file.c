#include "exec/keeper/cgroup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "state/base/fd.h"

#define FILE_TEXT_MAX (64u * 1024)

char *cgroup_path(const char *dir, const char *name)
{
    char *ret;
    if (asprintf(&ret, "%s/%s", dir, name) < 0)
        abort();
    return ret;
}

int cgroup_write(const char *dir, const char *file, const char *text)
{
    CLEANUP(free_p) char *path = cgroup_path(dir, file);
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int cgroup_write_u64(const char *dir, const char *file, uint64_t v)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, v);
    return cgroup_write(dir, file, text);
}

bool cgroup_has_writable(const char *dir, const char *file)
{
    CLEANUP(free_p) char *path = cgroup_path(dir, file);
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static char *read_text(const char *dir, const char *file)
{
    CLEANUP(free_p) char *path = cgroup_path(dir, file);
    char *text = NULL;
    size_t len;
    return file_read(path, FILE_TEXT_MAX, &text, &len) < 0 ? NULL : text;
}

static bool parse(const char *s, uint64_t *ret)
{
    char *end;

    if (strncmp(s, "max", 3) == 0) {
        *ret = UINT64_MAX;
        return true;
    }
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (end == s || errno)
        return false;
    *ret = v;
    return true;
}

bool cgroup_read_u64(const char *dir, const char *file, uint64_t *ret)
{
    CLEANUP(free_p) char *text = read_text(dir, file);
    return text && parse(text, ret);
}

bool cgroup_read_key(const char *dir, const char *file, const char *key, uint64_t *ret)
{
    CLEANUP(free_p) char *text = read_text(dir, file);
    size_t n = strlen(key);

    for (char *rest = text, *line; rest && (line = strsep(&rest, "\n"));)
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return parse(line + n + 1, ret);
    return false;
}

bool cgroup_has_word(const char *dir, const char *file, const char *word)
{
    CLEANUP(free_p) char *text = read_text(dir, file);

    for (char *rest = text, *w; rest && (w = strsep(&rest, " \n"));)
        if (strcmp(w, word) == 0)
            return true;
    return false;
}
