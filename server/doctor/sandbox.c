/* What isolation needs: user namespaces, bubblewrap, system call filters, and the profile in force
 * as a whole. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "config/profile.h"
#include "exec/isolation.h"
#include "exec/keeper_path.h"
#include "server/doctor/report.h"
#include "state/base/fd.h"

#define MEND_NAMESPACES                                                                        \
    "sysctl -w user.max_user_namespaces=10000 (and, where they are there, "                    \
    "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); in " \
    "/etc/sysctl.d/ to keep it"

/* Runs fn in a child that is the user commands run as. Its exit status: an errno. */
static int try_as_user(const struct config *c, int (*fn)(void))
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();

    if (pid == 0) {
        uid_t uid = c->sandbox_first_uid;
        if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
                               setresuid(uid, uid, uid) < 0))
            _exit(errno & 0x7f);
        _exit(fn() & 0x7f);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

static int try_namespace(void)
{
    return unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) < 0 ? errno : 0;
}

static int try_filter(void)
{
    struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {.len = 1, .filter = allow};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? errno : 0;
}

static bool is_isolated(const struct config *c)
{
    const struct config_profile *p =
        config_profile_find(c, c->sandbox_profile ? c->sandbox_profile : "none");
    return p && p->isolation != CONFIG_ISOLATION_NONE;
}

/* Without a sandbox it is only worth knowing. */
static void tell(struct doctor *d, bool is_needed, const char *what, const char *mend, int error)
{
    if (is_needed)
        doctor_fail(d, what, mend, "%s", strerror(error));
    else
        doctor_warn(d, what, mend, "%s (the profile in force does not need it)", strerror(error));
}

/* The line that `bwrap --version` says. */
static bool read_version(const char *path, char *to, size_t size)
{
    int fds[2], status = -1;
    size_t len = 0;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], 1);
        execl(path, path, "--version", (char *)NULL);
        _exit(127);
    }
    fd_closep(&fds[1]);
    for (ssize_t n; len < size - 1 && (n = read(fds[0], to + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    fd_closep(&fds[0]);
    to[len] = '\0';
    to[strcspn(to, "\n")] = '\0';
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 && *to;
}

static void check_bwrap(struct doctor *d, bool is_needed)
{
    CLEANUP(free_p) char *path = NULL;
    char version[64];
    int r = program_find("bwrap", d->config->bwrap_path, &path);

    if (r == 0 && read_version(path, version, sizeof(version)))
        doctor_ok(d, "bubblewrap", "%s, %s", path, version);
    else if (r == 0)
        tell(d, is_needed, "bubblewrap", "apt-get install --reinstall bubblewrap", ENOEXEC);
    else
        tell(d, is_needed, "bubblewrap",
             "apt-get install bubblewrap, or name it with sandbox.bwrap", -r);
}

/* All of it together, as the keeper does it for a command. */
static void try_profile(struct doctor *d)
{
    CLEANUP(free_p) char *error = NULL;
    CLEANUP(free_p) char *keeper = NULL;
    struct isolation *i = NULL;
    int r = keeper_path_find(d->config->keeper_path, &keeper);

    if (r < 0)
        return doctor_fail(d, "keeper", "name it with exec.keeper", "mcp-exec-keeper: %s",
                           strerror(-r));
    r = dir_make(d->config->state_dir);
    if (r == 0)
        r = isolation_new(d->config, &i, &error);
    if (r == 0 && i)
        r = isolation_try(i, keeper, d->config->state_dir, &error);
    if (r < 0)
        doctor_fail(d, "sandbox", "see the lines above, or choose another sandbox.profile", "%s",
                    error ? error : strerror(-r));
    else if (isolation_missing(i))
        doctor_warn(d, "sandbox", "make it, or leave it out of the profile",
                    "profile \"%s\" works, without %s: it is not there", isolation_profile(i)->name,
                    isolation_missing(i));
    else
        doctor_ok(d, "sandbox", "profile \"%s\" works", isolation_profile(i)->name);
    isolation_free(i);
}

void doctor_check_sandbox(struct doctor *d)
{
    bool is_needed = is_isolated(d->config);
    int r = try_as_user(d->config, try_namespace);

    if (r == 0)
        doctor_ok(d, "user namespaces", "can be made");
    else
        tell(d, is_needed, "user namespaces", MEND_NAMESPACES, r);
    r = try_as_user(d->config, try_filter);
    if (r == 0)
        doctor_ok(d, "seccomp", "system calls can be filtered");
    else
        tell(d, is_needed, "seccomp", "a kernel with CONFIG_SECCOMP_FILTER is needed", r);
    check_bwrap(d, is_needed);
    if (is_needed)
        try_profile(d);
    else
        doctor_warn(d, "sandbox", "set sandbox.profile to default",
                    "commands run with all rights of the user that runs the keeper "
                    "(sandbox.profile: none)");
}
