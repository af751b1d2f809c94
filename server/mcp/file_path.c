#include "server/mcp/file_path.h"

#include <string.h>

/* Behind `prefix` and its slashes; NULL: the path does not begin with it. */
static const char *strip(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);

    while (n > 0 && prefix[n - 1] == '/')
        n--;
    if (n == 0 || strncmp(path, prefix, n) != 0 || (path[n] && path[n] != '/'))
        return NULL;
    return path + n + strspn(path + n, "/");
}

static const char *from_workspace(const char *text, const char *home)
{
    const char *rest = home ? strip(text, home) : NULL;

    return rest ? rest : strip(text, FILE_WORKSPACE_NAME);
}

bool file_path_parse(const char *text, const char *home, char ret[FILE_PATH_MAX + 1],
                     const char **ret_why)
{
    const char *rest = *text == '/' ? from_workspace(text, home) : text;
    char path[FILE_PATH_MAX + 1];
    size_t len = 0, depth = 0;

    if (!rest) {
        *ret_why = "is outside of the workspace: give a path relative to it, e.g. \"src/main.c\"";
        return false;
    }
    while (*rest) {
        size_t n = strcspn(rest, "/");
        if (n == 2 && rest[0] == '.' && rest[1] == '.') {
            *ret_why = "has a \"..\": give the path from the workspace down";
            return false;
        }
        if (n > FILE_NAME_MAX || len + n + 1 > FILE_PATH_MAX) {
            *ret_why = "is too long: at most 255 bytes between two slashes, and 4000 in all";
            return false;
        }
        if (n > 0 && !(n == 1 && *rest == '.')) {
            if (++depth > FILE_DEPTH_MAX) {
                *ret_why = "is too deep: at most 64 directories in each other";
                return false;
            }
            if (len > 0)
                path[len++] = '/';
            memcpy(path + len, rest, n);
            len += n;
        }
        rest += n + strspn(rest + n, "/");
    }
    path[len] = '\0';
    memcpy(ret, path, len + 1);
    return true;
}

int file_path_compare(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        ;
    /* A slash comes before all other bytes, so that "a/b" is before "a.c". */
    int x = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0;
    int y = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;
    return (x > y) - (x < y);
}

const char *file_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
