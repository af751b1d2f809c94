#include "server/mcp/workspace.h"

#include <errno.h>
#include <fcntl.h>

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "exec/isolation.h"
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

/* An operator's directory stands in for all of them; isolated commands have their own. */
static bool is_shared(const struct workspace_options *o)
{
    return o->config->working_directory && !o->isolation;
}

char *workspace_path(const struct workspace_options *o)
{
    const char *who = o->session ? o->session : o->principal;
    char hex[SHA256_HEX + 1];
    struct buf b = {0};
    if (is_shared(o))
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
    uint64_t uid;
    return workspace_make(o, ret_home, &uid);
}

int workspace_make(const struct workspace_options *o, char **ret_home, uint64_t *ret_uid)
{
    CLEANUP(free_p) char *path = workspace_path(o);
    int r = 0;
    *ret_uid = 0;
    if (o->isolation)
        r = isolation_make_workspace(o->isolation, path, ret_uid);
    else if (!is_shared(o))
        r = dir_make(path);
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

/* Where nothing leads out of the workspace, what is missing there is missing in the sandbox too. */
static bool is_missing(const char *home, const char *relative)
{
    const struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    CLEANUP(fd_closep) int root = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd_closep)
    int fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, relative, &how, sizeof(how));
    return root >= 0 && fd < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* The path in the sandbox. */
static char *resolve_inside(const struct workspace_options *o, const char *home, char **ret_error)
{
    struct buf path = {0}, error = {0};
    const char *asked = o->working_directory ? o->working_directory : o->config->working_directory;
    bool is_below = asked && sandbox_path_is_below(asked, SANDBOX_WORKSPACE);

    if (!asked || asked[0] != '/')
        buf_printf(&path, SANDBOX_WORKSPACE "%s%s", asked ? "/" : "", asked ? asked : "");
    else
        buf_append_str(&path, asked);
    const char *relative = is_below ? path.data + strlen(SANDBOX_WORKSPACE) : asked;
    while (relative && *relative == '/' && is_below)
        relative++;
    if (!relative || !*relative || *relative == '/' || !is_missing(home, relative))
        return buf_steal(&path);
    buf_printf(&error,
               "working_directory %.500s can't be used: there is no such directory in the "
               "workspace. Create it first, or leave it out for the session's own",
               path.data);
    buf_deinit(&path);
    *ret_error = buf_steal(&error);
    return NULL;
}

char *workspace_resolve(const struct workspace_options *o, const char *home, char **ret_error)
{
    struct buf path = {0}, error = {0};
    const char *asked = o->working_directory;
    if (o->isolation)
        return resolve_inside(o, home, ret_error);
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
