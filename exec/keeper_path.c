#include "exec/keeper_path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static char *if_runnable(const char *dir, size_t len, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%.*s/%s", (int)len, dir, name) < 0)
        abort();
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static char *beside_us(const char *name)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    const char *slash = strrchr(self, '/');
    return slash ? if_runnable(self, (size_t)(slash - self), name) : NULL;
}

static char *in_path(const char *name)
{
    const char *at = getenv("PATH");
    while (at) {
        size_t len = strcspn(at, ":");
        char *path = len ? if_runnable(at, len, name) : NULL;
        if (path)
            return path;
        at = at[len] ? at + len + 1 : NULL;
    }
    return NULL;
}

int program_find(const char *name, const char *configured, char **ret)
{
    char *path = configured ? xstrdup(configured) : beside_us(name);
    if (!path && !configured)
        path = in_path(name);
    if (!path || access(path, X_OK) < 0) {
        free(path);
        return -ENOENT;
    }
    *ret = path;
    return 0;
}

int keeper_path_find(const char *configured, char **ret)
{
    return program_find("mcp-exec-keeper", configured, ret);
}
