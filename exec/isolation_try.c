/* Whether a sandbox can be made here: the keeper makes one as it would for a command. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include "config/config.h"
#include "exec/isolation.h"
#include "state/base/fd.h"
#include "state/base/id.h"

#define SAID_MAX 400

static int write_request(const struct isolation *i, const struct spec_sandbox *s, int *ret_fd)
{
    char *argv[] = {s->wrap[0], NULL}, *env[] = {NULL};
    CLEANUP(buf_deinit) struct buf b = {0};
    struct keeper_message m = {
        .type = KEEPER_SPAWN,
        .spawn =
            {.dir = "/", .cwd = "/", .argv = argv, .env = env, .sandbox = *isolation_common(i)},
    };

    id_make("probe", m.id);
    m.spawn.sandbox.wrap = s->wrap;
    m.spawn.sandbox.workspace = s->workspace;
    m.spawn.sandbox.uid = s->uid;
    m.spawn.sandbox.wants_listener = s->network == SPEC_NETWORK_PROXY;
    int r = keeper_message_encode(&m, &b);
    if (r < 0)
        return r;
    CLEANUP(fd_closep) int fd = memfd_create("probe", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = fd_write_all(fd, b.data, b.len);
    if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return r < 0 ? r : -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int spawn(const char *keeper, int in, int out, pid_t *ret_pid)
{
    char *const argv[] = {(char *)(uintptr_t)keeper, (char *)"--probe", NULL};
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    int r = posix_spawn_file_actions_adddup2(&actions, in, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (r == 0)
        r = posix_spawn(ret_pid, keeper, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* What it said, a line; its exit status. */
static int run_keeper(const char *keeper, int in, char said[SAID_MAX], int *ret_status)
{
    int fds[2];
    pid_t pid = 0;
    size_t len = 0;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    CLEANUP(fd_closep) int reading = fds[0], writing = fds[1];
    int r = spawn(keeper, in, writing, &pid);
    fd_closep(&writing);
    if (r < 0)
        return r;
    for (ssize_t n = 1; len < SAID_MAX - 1 && (n > 0 || (n < 0 && errno == EINTR));) {
        n = read(reading, said + len, SAID_MAX - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    said[len] = '\0';
    said[strcspn(said, "\n")] = '\0';
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* What mends it, as far as the message tells. */
static const char *remedy(const char *said)
{
    static const struct {
        const char *sign, *remedy;
    } table[] = {
        {"creating new namespace",
         "allow user namespaces: sysctl -w user.max_user_namespaces=10000, "
         "and where it is there kernel.unprivileged_userns_clone=1 or "
         "kernel.apparmor_restrict_unprivileged_userns=0"},
        {"create new namespace", "allow user namespaces: sysctl -w user.max_user_namespaces=10000, "
                                 "and where it is there kernel.unprivileged_userns_clone=1 or "
                                 "kernel.apparmor_restrict_unprivileged_userns=0"},
        {"uid map",
         "allow user namespaces (kernel.apparmor_restrict_unprivileged_userns=0 where it "
         "is there)"},
        {"find source path",
         "whom commands run as (as root: the users of sandbox.first_uid) must be able to reach "
         "it: all directories above need o+x, which /root has not; or name another path"},
        {"identity", "name users that exist here with sandbox.first_uid; in a container, "
                     "/proc/self/uid_map says which"},
        {"seccomp", "a kernel with CONFIG_SECCOMP_FILTER is needed"},
        {"proc", "in a container /proc must not be masked (docker: --security-opt "
                 "systempaths=unconfined)"},
        {"workspace",
         "as root it must be able to mount (CAP_SYS_ADMIN), or run it as another user"},
    };
    for (size_t k = 0; k < ARRAY_LEN(table); k++)
        if (strstr(said, table[k].sign))
            return table[k].remedy;
    return "mcp-execd --doctor says what is missing";
}

static int refuse(const struct isolation *i, const char *said, char **ret_error)
{
    if (asprintf(
            ret_error,
            "sandbox.profile: \"%s\" can't be had on this host: %s. Way out: %s. Or choose the "
            "profile none (--set sandbox.profile=none), which isolates nothing",
            isolation_profile(i)->name, said, remedy(said)) < 0)
        abort();
    return -ENOTSUP;
}

int isolation_try(struct isolation *i, const char *keeper, const char *state_dir, char **ret_error)
{
    CLEANUP(free_p) char *workspace = NULL;
    CLEANUP(fd_closep) int request = -1;
    char said[SAID_MAX] = "";
    uint64_t uid = 0;
    int status = -1;

    if (asprintf(&workspace, "%s/workspaces/.try", state_dir) < 0)
        abort();
    int r = isolation_make_workspace(i, workspace, &uid);
    if (r < 0)
        return refuse(i, strerror(-r), ret_error);
    struct spec_sandbox *s = isolation_make(i, workspace, uid, NULL);
    r = write_request(i, s, &request);
    if (r == 0)
        r = run_keeper(keeper, request, said, &status);
    spec_sandbox_free(s);
    (void)rmdir(workspace);
    if (r < 0)
        return refuse(i, strerror(-r), ret_error);
    return status == 0 ? 0 : refuse(i, *said ? said : "the keeper could not try it", ret_error);
}
