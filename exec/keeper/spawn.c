#include "exec/keeper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/wait.h>

#include "exec/keeper/clone.h"
#include "exec/keeper/limits.h"
#include "exec/keeper/pty.h"
#include "exec/keeper/steps.h"
#include "state/base/fd.h"
#include "state/base/log.h"

/* The most that an unprivileged user may ask for, fs.pipe-max-size. Reading from it is three times
 * as fast as from one of 64 KiB (measured 2025-11). */
#define PIPE_BYTES (1024 * 1024)

/* Both ends of what becomes 0, 1 and 2. Of a terminal, one slave is there for all that use it. */
struct stdio {
    int ours[3], theirs[3]; /* owned; -1: none */
    int slave;              /* owned; -1: no terminal */
};

static void stdio_deinit(struct stdio *io)
{
    for (int i = 0; i < 3; i++) {
        fd_closep(&io->ours[i]);
        if (io->theirs[i] != io->slave)
            fd_closep(&io->theirs[i]);
    }
    fd_closep(&io->slave);
}

static int make_pipe(int *ret_ours, int *ret_theirs, bool is_stdin)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *ret_ours = fds[is_stdin ? 1 : 0];
    *ret_theirs = fds[is_stdin ? 0 : 1];
    if (!is_stdin)
        (void)fcntl(*ret_ours, F_SETPIPE_SZ, PIPE_BYTES); /* a small one is only slower */
    return fcntl(*ret_ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int make_stdin(struct stdio *io, const struct keeper_spawn *s)
{
    if (!s->is_interactive) {
        io->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return io->theirs[0] < 0 ? -errno : 0;
    }
    if (!s->is_pty)
        return make_pipe(&io->ours[0], &io->theirs[0], true);
    io->theirs[0] = io->slave;
    io->ours[0] = fcntl(io->ours[1], F_DUPFD_CLOEXEC, 3);
    return io->ours[0] < 0 ? -errno : 0;
}

static int make_stdio(struct stdio *io, const struct keeper_spawn *s)
{
    int r;

    if (s->is_pty) {
        r = pty_open(&io->ours[1], &io->slave);
        io->theirs[1] = io->theirs[2] = io->slave;
    } else {
        r = make_pipe(&io->ours[1], &io->theirs[1], false);
        if (r == 0)
            r = make_pipe(&io->ours[2], &io->theirs[2], false);
    }
    return r < 0 ? r : make_stdin(io, s);
}

/* The command's environment, the mark first. The array is the caller's, the strings are not. */
static char **make_environment(char *mark, char **env)
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

static bool fail(struct spawn_error *e, int error, const char *what, const char *object)
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
static bool run(const struct plan *p, int cgroup_fd, pid_t *ret_pid, struct spawn_error *e)
{
    int fds[2];
    struct step_failure f;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return fail(e, errno, "pipe", NULL);
    CLEANUP(fd_closep) int reading = fds[0], writing = fds[1];
    pid_t pid = start(p, cgroup_fd, writing);
    fd_closep(&writing);
    if (pid < 0)
        return fail(e, -pid, "fork", NULL);
    if (read(reading, &f, sizeof(f)) == sizeof(f)) {
        (void)waitpid(pid, NULL, 0);
        return fail(e, f.error, step_name(f.step), step_object(f.step, p));
    }
    *ret_pid = pid;
    return true;
}

/* Without a group it can be told apart all the same, only not as well; but no limit is given up
 * because its group could not be made. */
static bool make_cgroup(const struct cgroup_host *h, const char *id,
                        const struct execution_limits *l, struct spawned *to,
                        struct cgroup_entry *ret_entry, struct spawn_error *e)
{
    enum cgroup_controller failed = CGROUP_CONTROLLERS;
    unsigned wanted = limits_controllers(l);
    int r = cgroup_make(h, id, wanted, &to->cgroup, ret_entry);

    if (r == 0)
        r = limits_set(h, &to->cgroup, l, &to->held, &failed);
    if (r < 0)
        LOG_WARN("cgroup_not_made", LOG_STR("exec", id), LOG_ERRNO(r));
    if (r < 0 && (wanted & cgroup_host_controllers(h)))
        return fail(e, -r, "limits: cgroup",
                    failed < CGROUP_CONTROLLERS ? limits_controller_name(failed) : NULL);
    return true;
}

bool spawn_start(const char *id, const struct keeper_spawn *s, const struct cgroup_host *h,
                 uint64_t open_files, struct spawned *ret, struct spawn_error *ret_error)
{
    char mark[sizeof(PROC_MARK) + 1 + EXECUTION_ID_MAX];
    CLEANUP(stdio_deinit)
    struct stdio io = {.ours = {-1, -1, -1}, .theirs = {-1, -1, -1}, .slave = -1};

    *ret = (struct spawned){.in_fd = -1, .out_fd = -1, .err_fd = -1};
    int r = make_stdio(&io, s);
    if (r < 0)
        return fail(ret_error, -r, s->is_pty ? "terminal" : "pipe", NULL);
    CLEANUP(cgroup_entry_deinit) struct cgroup_entry entry = CGROUP_ENTRY_NONE;
    if (!make_cgroup(h, id, &s->limits, ret, &entry, ret_error))
        return false;
    snprintf(mark, sizeof(mark), PROC_MARK "=%s", id);
    CLEANUP(free_p) char **env = make_environment(mark, s->env);
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
        .task_fds = entry.task_fds,
        .held = ret->held,
    };
    if (!run(&p, entry.unified_fd, &ret->pid, ret_error))
        return false;
    ret->in_fd = TAKE_FD(io.ours[0]);
    ret->out_fd = TAKE_FD(io.ours[1]);
    ret->err_fd = TAKE_FD(io.ours[2]);
    return true;
}
