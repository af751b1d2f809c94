#include "exec/keeper_path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define KEEPER_PROGRAM "mcp-exec-keeper"

static char *if_runnable(const char *dir, size_t len)
{
    char *path = NULL;
    if (asprintf(&path, "%.*s/" KEEPER_PROGRAM, (int)len, dir) < 0)
        abort();
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static char *beside_us(void)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    const char *slash = strrchr(self, '/');
    return slash ? if_runnable(self, (size_t)(slash - self)) : NULL;
}

static char *in_path(void)
{
    const char *at = getenv("PATH");
    while (at) {
        size_t len = strcspn(at, ":");
        char *path = len ? if_runnable(at, len) : NULL;
        if (path)
            return path;
        at = at[len] ? at + len + 1 : NULL;
    }
    return NULL;
}

int keeper_path_find(const char *configured, char **ret)
{
    char *path = configured ? strdup(configured) : beside_us();
    if (!path && !configured)
        path = in_path();
    if (!path || access(path, X_OK) < 0) {
        free(path);
        return -ENOENT;
    }
    *ret = path;
    return 0;
}
