#include "server/stdio/private_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "exec/keeper_wire.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define PREFIX "mcp-execd-stdio-"
/* The keeper leaves when its last command did. */
#define LEAVE_MS 10000u

static bool is_directory(const char *path)
{
    struct stat st;
    return path && path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
           access(path, W_OK | X_OK) == 0;
}

static const char *find_base(void)
{
    const char *const names[] = {"XDG_RUNTIME_DIR", "TMPDIR"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (is_directory(getenv(names[i])))
            return getenv(names[i]);
    return "/tmp";
}

/* Whether nobody holds the lock file; without one nobody does. */
static bool is_free(const char *dir, const char *name)
{
    CLEANUP(free_p) char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        abort();
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? errno == ENOENT : flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static bool is_abandoned(const char *dir)
{
    struct stat st;
    CLEANUP(free_p) char *lock = NULL;

    if (asprintf(&lock, "%s/server.lock", dir) < 0)
        abort();
    /* One without a lock yet is about to be used. */
    return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           access(lock, F_OK) == 0 && is_free(dir, "server.lock") && is_free(dir, KEEPER_LOCK_NAME);
}

static void remove_abandoned(const char *base)
{
    DIR *d = opendir(base);

    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        CLEANUP(free_p) char *dir = NULL;
        if (strncmp(e->d_name, PREFIX, sizeof(PREFIX) - 1) != 0)
            continue;
        if (asprintf(&dir, "%s/%s", base, e->d_name) < 0)
            abort();
        if (!is_abandoned(dir))
            continue;
        int r = dir_remove(dir);
        LOG_INFO("abandoned_removed", LOG_STR("dir", dir), LOG_ERRNO(r));
    }
    closedir(d);
}

int private_dir_make(char **ret)
{
    const char *base = find_base();
    CLEANUP(free_p) char *dir = NULL;

    remove_abandoned(base);
    if (asprintf(&dir, "%s/" PREFIX "XXXXXX", base) < 0)
        abort();
    if (!mkdtemp(dir))
        return -errno;
    *ret = TAKE_PTR(dir);
    return 0;
}

void private_dir_remove(const char *dir)
{
    uint64_t end = clock_mono_ms() + LEAVE_MS;

    while (!is_free(dir, KEEPER_LOCK_NAME) && clock_mono_ms() < end)
        (void)usleep(10 * 1000);
    int r = dir_remove(dir);
    if (r < 0)
        LOG_WARN("state_dir_not_removed", LOG_STR("dir", dir), LOG_ERRNO(r));
}
