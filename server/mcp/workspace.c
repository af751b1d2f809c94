#include "server/mcp/workspace.h"

#include <errno.h>

#include <sys/stat.h>

#include "server/mcp/request_hash.h"
#include "state/base/buf.h"
#include "state/base/fd.h"
#include "state/base/id.h"

#define NAME_MAX_CHARS 64

/* A session's id is one already; a principal may be any text. One that looks like a session's id
 * must not have a directory that goes with the session (exec/workspaces.h). */
static bool is_file_name(const struct workspace_options *o, const char *s)
{
    if (!o->session && id_is_valid(s))
        return false;
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n <= NAME_MAX_CHARS && s[n] == '\0';
}

char *workspace_path(const struct workspace_options *o)
{
    const char *who = o->session ? o->session : o->principal;
    char hex[SHA256_HEX + 1];
    struct buf b = {0};
    if (o->config->working_directory)
        return xstrdup(o->config->working_directory);
    if (!is_file_name(o, who)) {
        sha256_hex(who, strlen(who), hex);
        who = hex;
    }
    buf_printf(&b, "%s/workspaces/%s", o->config->state_dir, who);
    return buf_steal(&b);
}

int workspace_home(const struct workspace_options *o, char **ret_home)
{
    CLEANUP(free_p) char *path = workspace_path(o);
    int r = o->config->working_directory ? 0 : dir_make(path);
    if (r == 0)
        *ret_home = TAKE_PTR(path);
    return r;
}

static int check_directory(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    return access(path, X_OK) < 0 ? -errno : 0;
}

char *workspace_resolve(const struct workspace_options *o, const char *home, char **ret_error)
{
    struct buf path = {0}, error = {0};
    const char *asked = o->working_directory;
    if (asked && asked[0] != '/')
        buf_printf(&path, "%s/%s", home, asked);
    else
        buf_append_str(&path, asked ? asked : home);
    int r = check_directory(path.data);
    if (r == 0)
        return buf_steal(&path);
    buf_printf(&error, "working_directory %.500s can't be used: %s%s", path.data, strerror(-r),
               r == -ENOENT ? ". Create it first, or leave it out for the session's own" : "");
    buf_deinit(&path);
    *ret_error = buf_steal(&error);
    return NULL;
}
