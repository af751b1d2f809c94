#include "exec/keeper/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/wait.h>

#include "exec/keeper/codec.h"
#include "exec/keeper/procfs.h"
#include "state/base/fd.h"

void tree_deinit(struct tree *t)
{
    cgroup_deinit(&t->cgroup);
    pids_deinit(&t->killed);
    *t = (struct tree){0};
}

#define DOUBTS_MAX 3
#define LIST_BYTES 1024

static int find(const struct tree *t, bool is_only, struct pids *ret)
{
    return cgroup_is_there(&t->cgroup) ? cgroup_find(&t->cgroup, ret)
                                       : proc_find(t->id, t->main, is_only, ret);
}

void tree_ask(const struct tree *t, int signo, bool is_only)
{
    CLEANUP(pids_deinit) struct pids found = {0};
    /* What can't be found now is killed at the end of the grace. */
    (void)find(t, is_only, &found);
    proc_signal(&found, signo);
    proc_signal(&found, SIGCONT);
}

/* Every process of ours has us as its last parent: without children there is nobody to look for. */
static bool has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

/* An exec takes less than these few looks; what never shows an environment is not waited for. */
static bool is_in_doubt(struct tree *t, int outcome)
{
    return outcome < 0 || (outcome == PROC_UNSURE && t->doubts++ < DOUBTS_MAX);
}

bool tree_kill(struct tree *t, bool is_only)
{
    CLEANUP(pids_deinit) struct pids found = {0};
    bool has_group = cgroup_is_there(&t->cgroup);

    /* A group without processes can be removed, so that this is the whole question. */
    if (has_group ? cgroup_remove(&t->cgroup) == 0 : !has_children())
        return true;
    int r = find(t, is_only, &found);
    for (size_t i = 0; i < found.n; i++)
        if (found.v[i] != t->main)
            pids_add(&t->killed, found.v[i]);
    if (has_group) {
        cgroup_kill(&t->cgroup);
        return false;
    }
    proc_signal(&found, SIGKILL);
    return found.n == 0 && !is_in_doubt(t, r);
}

/* ---- a short list ---- */

static void add_list(const char *path, size_t max, struct pids *ret)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[LIST_BYTES];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (n <= 0)
        return;
    text[n] = '\0';
    const char *rest = text;
    for (pid_t pid; ret->n < max && (pid = procfs_children_next(&rest));)
        if (*rest) /* else its digits may be cut: more than are wanted anyway */
            pids_add(ret, pid);
}

static void add_children(pid_t pid, size_t max, struct pids *ret)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *d = opendir(path);
    if (!d)
        return;
    for (struct dirent *e; ret->n < max && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%.10s/children", pid, e->d_name);
        add_list(path, max, ret);
    }
    closedir(d);
}

void tree_list(const struct tree *t, size_t max, struct pids *ret)
{
    const char *group = t->cgroup.path;
    char path[PATH_MAX];

    pids_add(ret, t->main);
    for (size_t i = 0; i < ret->n && ret->n < max; i++)
        add_children(ret->v[i], max, ret);
    for (size_t i = 0; !group && i < ARRAY_LEN(t->cgroup.v1); i++)
        group = t->cgroup.v1[i];
    if (group && snprintf(path, sizeof(path), "%s/cgroup.procs", group) < (int)sizeof(path))
        add_list(path, max, ret);
}

void tree_walk(struct tree *t, struct codec *c)
{
    uint32_t n = (uint32_t)t->killed.n;

    cgroup_walk(&t->cgroup, c);
    codec_i32(c, &t->main);
    codec_u32(c, &n);
    for (uint32_t i = 0; i < n && !c->is_bad; i++) {
        pid_t pid = codec_is_reading(c) ? 0 : t->killed.v[i];
        codec_i32(c, &pid);
        if (codec_is_reading(c))
            pids_add(&t->killed, pid);
    }
}
