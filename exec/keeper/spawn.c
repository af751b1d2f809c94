#include "exec/keeper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/wait.h>

#include "exec/keeper/clone.h"
#include "exec/keeper/limits.h"
#include "exec/keeper/stdio.h"
#include "state/base/fd.h"
#include "state/base/log.h"

char **spawn_environment(char *mark, char **env)
{
    size_t n = 0, used = 0;
    while (env[n])
        n++;
    char **ret = xcalloc(n + 2, sizeof(*ret));
    ret[used++] = mark;
    for (size_t i = 0; i < n; i++)
        if (strncmp(env[i], PROC_MARK "=", sizeof(PROC_MARK)) != 0)
            ret[used++] = env[i];
    return ret;
}

bool spawn_fail(struct spawn_error *e, int error, const char *what, const char *object)
{
    e->error = error;
    snprintf(e->text, sizeof(e->text), "%s%s%s: %s", what, object ? " " : "", object ? object : "",
             strerror(error));
    return false;
}

static __attribute__((noinline, noreturn)) void be_child(const struct plan *p, int failure_fd)
{
    struct step_failure f = steps_run(p);
    (void)!write(failure_fd, &f, sizeof(f));
    _exit(127);
}

/* In a function of its own, so that no local of another one lives over the birth. */
static __attribute__((noinline)) pid_t start(const struct plan *p, int cgroup_fd, int failure_fd)
{
    long pid;
    if (cgroup_fd >= 0) {
        pid = clone_into_cgroup(cgroup_fd);
    } else {
        pid = vfork();
        pid = pid < 0 ? -errno : pid;
    }
    if (pid == 0)
        be_child(p, failure_fd);
    return (pid_t)pid;
}

/* The program runs when the pipe was closed by its exec. */
bool spawn_run(const struct plan *p, int cgroup_fd, pid_t *ret_pid, struct spawn_error *e)
{
    int fds[2];
    struct step_failure f;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return spawn_fail(e, errno, "pipe", NULL);
    CLEANUP(fd_closep) int reading = fds[0], writing = fds[1];
    pid_t pid = start(p, cgroup_fd, writing);
    fd_closep(&writing);
    if (pid < 0)
        return spawn_fail(e, -pid, "fork", NULL);
    if (read(reading, &f, sizeof(f)) == sizeof(f)) {
        (void)waitpid(pid, NULL, 0);
        return spawn_fail(e, f.error, step_name(f.step), step_object(f.step, p));
    }
    *ret_pid = pid;
    return true;
}

void spawn_groups_deinit(struct spawn_groups *g)
{
    cgroup_deinit(&g->cgroup);
    cgroup_entry_deinit(&g->entry);
}

/* Without a group it can be told apart all the same, only not as well; but no limit is given up
 * because its group could not be made. */
bool spawn_make_cgroup(const struct cgroup_host *h, const char *id,
                       const struct execution_limits *l, struct spawn_groups *ret,
                       struct spawn_error *e)
{
    enum cgroup_controller failed = CGROUP_CONTROLLERS;
    unsigned wanted = limits_controllers(l);
    int r = cgroup_make(h, id, wanted, &ret->cgroup, &ret->entry);

    if (r == 0)
        r = limits_set(h, &ret->cgroup, l, &ret->held, &failed);
    if (r < 0)
        LOG_WARN("cgroup_not_made", LOG_STR("exec", id), LOG_ERRNO(r));
    if (r < 0 && (wanted & cgroup_host_controllers(h)))
        return spawn_fail(e, -r, "limits: cgroup",
                          failed < CGROUP_CONTROLLERS ? limits_controller_name(failed) : NULL);
    if (r < 0) { /* one that it is not in, or only half, would say that nobody is left */
        DISREGARD(cgroup_remove(&ret->cgroup));
        spawn_groups_deinit(ret);
        ret->held = 0;
    }
    return true;
}

bool spawn_start(const char *id, const struct keeper_spawn *s, const struct cgroup_host *h,
                 uint64_t open_files, struct spawned *ret, struct spawn_error *ret_error)
{
    char mark[sizeof(PROC_MARK) + 1 + EXECUTION_ID_MAX];
    CLEANUP(stdio_deinit)
    struct stdio io = STDIO_NONE;

    *ret = (struct spawned){.in_fd = -1, .out_fd = -1, .err_fd = -1};
    int r = stdio_make(&io, s);
    if (r < 0)
        return spawn_fail(ret_error, -r, s->is_pty ? "terminal" : "pipe", NULL);
    CLEANUP(spawn_groups_deinit) struct spawn_groups groups = {.entry = CGROUP_ENTRY_NONE};
    bool has_groups = spawn_make_cgroup(h, id, &s->limits, &groups, ret_error);
    ret->cgroup = groups.cgroup;
    groups.cgroup = (struct cgroup){0};
    if (!has_groups)
        return false;
    ret->held = groups.held;
    snprintf(mark, sizeof(mark), PROC_MARK "=%s", id);
    CLEANUP(free_p) char **env = spawn_environment(mark, s->env);
    const struct plan p = {
        .argv = s->argv,
        .env = env,
        .cwd = s->cwd,
        .in_fd = io.theirs[0],
        .out_fd = io.theirs[1],
        .err_fd = io.theirs[2],
        .is_pty = s->is_pty,
        .keeper = getpid(),
        .open_files = open_files,
        .limits = &s->limits,
        .task_fds = groups.entry.task_fds,
        .held = ret->held,
    };
    if (!spawn_run(&p, groups.entry.unified_fd, &ret->pid, ret_error))
        return false;
    ret->in_fd = TAKE_FD(io.ours[0]);
    ret->out_fd = TAKE_FD(io.ours[1]);
    ret->err_fd = TAKE_FD(io.ours[2]);
    return true;
}
