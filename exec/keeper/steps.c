#include "exec/keeper/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <unistd.h>

#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "exec/keeper/cgroup_host.h"
#include "state/base/macro.h"

/* A hang-up or an interrupt of the terminal that somebody started us from is not for us; a pipe
 * that nobody reads and a file at RLIMIT_FSIZE are errors of a write. */
const int steps_ignored_signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGTSTP,
                                     SIGTTIN, SIGTTOU, SIGXFSZ, 0};

static int own_session(const struct plan *p)
{
    return setsid() < 0 ? -errno : 0;
}

/* First of all, so that everything else is done inside its limits. */
static int enter_groups(const struct plan *p)
{
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        if (p->task_fds[i] >= 0 && write(p->task_fds[i], "0", 1) < 0)
            return -errno;
    return 0;
}

static int set_descriptors(const struct plan *p)
{
    if (dup2(p->in_fd, 0) < 0 || dup2(p->out_fd, 1) < 0 || dup2(p->err_fd, 2) < 0)
        return -errno;
    for (int i = 0; i < p->n_more_fds; i++)
        if (dup2(p->more_fds[i], 3 + i) < 0)
            return -errno;
    return 0;
}

static int stage_workspace(const struct plan *p)
{
    if (!p->uid)
        return 0;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(p->workspace, p->stage, NULL, MS_BIND, NULL) < 0)
        return -errno;
    return 0;
}

/* By system call: those of the C library would do it to all threads, and take locks for that. */
static int drop_identity(const struct plan *p)
{
    uid_t r, e, s;

    if (!p->uid)
        return 0;
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, p->uid, p->uid, p->uid) < 0 ||
        syscall(SYS_setresuid, p->uid, p->uid, p->uid) < 0 || getresuid(&r, &e, &s) < 0)
        return -errno;
    return r == p->uid && e == p->uid && s == p->uid && syscall(SYS_setuid, 0) < 0 ? 0 : -EPERM;
}

static int take_terminal(const struct plan *p)
{
    return p->is_pty && ioctl(1, TIOCSCTTY, 0) < 0 ? -errno : 0;
}

/* At most what we may give. */
static int set_limit(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit now;
    if (getrlimit(resource, &now) < 0)
        return -errno;
    struct rlimit l = {
        .rlim_cur = soft < now.rlim_max ? soft : now.rlim_max,
        .rlim_max = hard < now.rlim_max ? hard : now.rlim_max,
    };
    return setrlimit(resource, &l) < 0 ? -errno : 0;
}

static int set_limits(const struct plan *p)
{
    const struct execution_limits *l = p->limits;
    uint64_t cpu_s = l->max_cpu_ms / 1000 + (l->max_cpu_ms % 1000 != 0);
    uint64_t files = l->max_open_files;
    int r = set_limit(RLIMIT_CORE, 0, 0);

    if (r == 0 && l->max_memory_bytes && !(p->held & CGROUP_BIT(CGROUP_MEMORY)))
        r = set_limit(RLIMIT_AS, l->max_memory_bytes, l->max_memory_bytes);
    if (r == 0 && cpu_s) /* XCPU first, KILL a second later for those that go on */
        r = set_limit(RLIMIT_CPU, cpu_s, cpu_s + 1);
    if (r == 0 && l->max_file_bytes)
        r = set_limit(RLIMIT_FSIZE, l->max_file_bytes, l->max_file_bytes);
    if (r == 0 && l->max_processes && !(p->held & CGROUP_BIT(CGROUP_PIDS)))
        r = set_limit(RLIMIT_NPROC, l->max_processes, l->max_processes);
    if (r == 0)
        r = set_limit(RLIMIT_NOFILE, files ? files : p->open_files, files ? files : RLIM_INFINITY);
    return r;
}

static int no_new_privileges(const struct plan *p)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int die_with_keeper(const struct plan *p)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    return getppid() == p->keeper ? 0 : -ESRCH; /* it died before we said so */
}

static int go_to_directory(const struct plan *p)
{
    return chdir(p->cwd) < 0 ? -errno : 0;
}

/* All of ours are CLOEXEC; what we may have inherited need not be. */
static int close_others(const struct plan *p)
{
    return close_range(3 + (unsigned)p->n_more_fds, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static int reset_signals(const struct plan *p)
{
    const struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (const int *s = steps_ignored_signals; *s; s++)
        if (sigaction(*s, &dfl, NULL) < 0)
            return -errno;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int run_program(const struct plan *p)
{
    execve(p->argv[0], p->argv, p->env);
    return -errno;
}

static const struct {
    const char *name;
    int (*run)(const struct plan *p);
} steps[] = {
    {"cgroup", enter_groups},
    {"setsid", own_session},
    {"descriptors", set_descriptors},
    {"terminal", take_terminal},
    {"workspace", stage_workspace},
    {"limits", set_limits},
    {"no_new_privs", no_new_privileges},
    {"identity", drop_identity}, /* before the next one, which it would undo: prctl(2) */
    {"parent-death signal", die_with_keeper},
    {"chdir", go_to_directory},
    {"close", close_others},
    {"signals", reset_signals},
    {"exec", run_program},
};

struct step_failure steps_run(const struct plan *p)
{
    for (int i = 0;; i++) {
        int r = steps[i].run(p); /* the last one fails or is not here any more */
        if (r < 0)
            return (struct step_failure){.step = i, .error = -r};
    }
}

const char *step_name(int step)
{
    return step >= 0 && step < (int)ARRAY_LEN(steps) ? steps[step].name : "start";
}

const char *step_object(int step, const struct plan *p)
{
    if (step < 0 || step >= (int)ARRAY_LEN(steps))
        return NULL;
    if (steps[step].run == go_to_directory)
        return p->cwd;
    if (steps[step].run == stage_workspace)
        return p->workspace;
    return steps[step].run == run_program ? p->argv[0] : NULL;
}
