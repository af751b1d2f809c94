#include "exec/keeper/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include <sys/stat.h>

#include "exec/keeper/cgroup_file.h"
#include "exec/keeper/codec.h"
#include "state/base/fd.h"

#define PROC_FILE_MAX (1024u * 1024)

/* ---- one directory ---- */

/* Calls fn for each group right below `path`; stops at the first error. */
static int each_below(const char *path, int (*fn)(const char *path, void *arg), void *arg)
{
    int r = 0;
    DIR *d = opendir(path);
    if (!d)
        return -errno;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.')
            continue;
        CLEANUP(free_p) char *below = cgroup_path(path, e->d_name);
        r = fn(below, arg);
    }
    closedir(d);
    return r;
}

int cgroup_find_members(const char *path, struct pids *ret)
{
    CLEANUP(free_p) char *file = cgroup_path(path, "cgroup.procs");
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    int r = file_read(file, PROC_FILE_MAX, &text, &len);

    /* -EOPNOTSUPP: a threaded group (v2), whose processes its parent lists. */
    if (r < 0 && r != -EOPNOTSUPP)
        return r;
    for (char *rest = text, *line; rest && (line = strsep(&rest, "\n"));) {
        /* 0: a process of a pid namespace that we can't see into. */
        pid_t pid = (pid_t)strtol(line, NULL, 10);
        if (pid > 0)
            pids_add(ret, pid);
    }
    return 0;
}

static int find_in(const char *path, void *arg)
{
    int r = cgroup_find_members(path, arg);
    return r < 0 ? r : each_below(path, find_in, arg);
}

int cgroup_find_processes(const char *path, struct pids *ret)
{
    return find_in(path, ret);
}

void cgroup_kill_path(const char *path)
{
    struct pids found = {0};

    if (cgroup_write(path, "cgroup.kill", "1") == 0)
        return;
    (void)!find_in(path, &found); /* version 1 has no such file */
    proc_signal(&found, SIGKILL);
    pids_deinit(&found);
}

static int remove_in(const char *path, void *arg)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return 0;
    /* Groups below give EBUSY too. Those that can't go are told by the second rmdir. */
    if (errno == EBUSY)
        (void)each_below(path, remove_in, NULL);
    return rmdir(path) == 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_remove_path(const char *path)
{
    return remove_in(path, NULL);
}

/* ---- those of an execution ---- */

static int make(const char *base, const char *id, char **ret)
{
    CLEANUP(free_p) char *path = cgroup_path(base, id);

    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    *ret = TAKE_PTR(path);
    return 0;
}

static int make_unified(const char *base, const char *id, struct cgroup *g, int *ret_fd)
{
    int r = make(base, id, &g->path);
    if (r < 0)
        return r;
    *ret_fd = open(g->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

/* "tasks", not "cgroup.procs": to move one thread is a matter of microseconds, for a process the
 * kernel stops all forks of the machine. */
static int make_v1(const char *base, const char *id, char **ret_path, int *ret_fd)
{
    int r = make(base, id, ret_path);
    if (r < 0)
        return r;
    CLEANUP(free_p) char *tasks = cgroup_path(*ret_path, "tasks");
    *ret_fd = open(tasks, O_WRONLY | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

/* Without version 2, one group of any controller tells whose process it is. */
static unsigned with_one_at_least(const struct cgroup_host *h, unsigned wanted)
{
    for (int i = CGROUP_CONTROLLERS - 1; i >= 0 && !h->base; i--)
        if (h->v1[i])
            return wanted | CGROUP_BIT(i);
    return wanted;
}

int cgroup_make(const struct cgroup_host *h, const char *id, unsigned wanted, struct cgroup *ret,
                struct cgroup_entry *ret_entry)
{
    int r = 0;

    *ret = (struct cgroup){0};
    *ret_entry = CGROUP_ENTRY_NONE;
    wanted = with_one_at_least(h, wanted);
    if (h->base)
        r = make_unified(h->base, id, ret, &ret_entry->unified_fd);
    for (int i = 0; i < CGROUP_CONTROLLERS && r == 0; i++)
        if (h->v1[i] && (wanted & CGROUP_BIT(i)))
            r = make_v1(h->v1[i], id, &ret->v1[i], &ret_entry->task_fds[i]);
    return r;
}

void cgroup_entry_deinit(struct cgroup_entry *e)
{
    fd_closep(&e->unified_fd);
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        fd_closep(&e->task_fds[i]);
}

void cgroup_deinit(struct cgroup *g)
{
    free(g->path);
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        free(g->v1[i]);
    *g = (struct cgroup){0};
}

/* One that holds all of its processes; NULL: none. */
static const char *any_of(const struct cgroup *g)
{
    if (g->path)
        return g->path;
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        if (g->v1[i])
            return g->v1[i];
    return NULL;
}

bool cgroup_is_there(const struct cgroup *g)
{
    return any_of(g) != NULL;
}

const char *cgroup_of(const struct cgroup *g, const struct cgroup_host *h,
                      enum cgroup_controller controller, bool *ret_is_v1)
{
    *ret_is_v1 = g->v1[controller] != NULL;
    if (*ret_is_v1)
        return g->v1[controller];
    return h->unified & CGROUP_BIT(controller) ? g->path : NULL;
}

int cgroup_find(const struct cgroup *g, struct pids *ret)
{
    return cgroup_find_processes(any_of(g), ret);
}

void cgroup_kill(const struct cgroup *g)
{
    cgroup_kill_path(any_of(g));
}

int cgroup_remove(const struct cgroup *g)
{
    int r = g->path ? cgroup_remove_path(g->path) : 0;
    for (int i = 0; i < CGROUP_CONTROLLERS && r == 0; i++)
        r = g->v1[i] ? cgroup_remove_path(g->v1[i]) : 0;
    return r;
}

void cgroup_walk(struct cgroup *g, struct codec *c)
{
    const char *paths[1 + CGROUP_CONTROLLERS] = {g->path};

    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        paths[1 + i] = g->v1[i];
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        codec_str(c, &paths[i]);
    if (!codec_is_reading(c))
        return;
    g->path = paths[0] ? xstrdup(paths[0]) : NULL;
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        g->v1[i] = paths[1 + i] ? xstrdup(paths[1 + i]) : NULL;
}
