/* The begin of a sandbox: bwrap's descriptors, arguments and process; then the command's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "exec/init/init_wire.h"
#include "exec/keeper/child.h"
#include "exec/keeper/sandbox.h"
#include "exec/keeper/stdio.h"
#include "state/base/fd.h"

/* Above all that they become in the child. */
#define LOWEST_FD 16

/* What bwrap gets. */
struct outfit {
    int null_fd, messages[2], control[2], program_fd, filter_fd, passwd_fd, group_fd; /* owned */
};
#define OUTFIT_NONE ((struct outfit){-1, {-1, -1}, {-1, -1}, -1, -1, -1, -1})

static void outfit_deinit(struct outfit *o)
{
    fd_closep(&o->null_fd);
    for (int i = 0; i < 2; i++) {
        fd_closep(&o->messages[i]);
        fd_closep(&o->control[i]);
    }
    fd_closep(&o->program_fd);
    fd_closep(&o->filter_fd);
    fd_closep(&o->passwd_fd);
    fd_closep(&o->group_fd);
}

static int raise_fd(int *fd)
{
    if (*fd < 0)
        return -errno;
    if (*fd >= LOWEST_FD)
        return 0;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, LOWEST_FD);
    if (higher < 0)
        return -errno;
    fd_closep(fd);
    *fd = higher;
    return 0;
}

/* What bwrap reads to its end: for each its own. */
static int make_file(const void *data, size_t len, int *ret_fd)
{
    *ret_fd = memfd_create("bwrap", MFD_CLOEXEC);
    int r = raise_fd(ret_fd);
    if (r == 0)
        r = fd_write_all(*ret_fd, data, len);
    if (r == 0 && lseek(*ret_fd, 0, SEEK_SET) < 0)
        r = -errno;
    return r;
}

/* Our end names the sender of what comes, and takes a whole start at once. */
static int make_control(int control[2])
{
    const int on = 1, size = INIT_MESSAGE_MAX;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return -errno;
    if (setsockopt(control[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
        setsockopt(control[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
        return -errno;
    return raise_fd(&control[1]);
}

static int make_outfit(const struct keeper_sandbox *s, struct outfit *o)
{
    o->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int r = raise_fd(&o->null_fd);
    if (r == 0 && pipe2(o->messages, O_CLOEXEC | O_NONBLOCK) < 0)
        r = -errno;
    if (r == 0)
        r = make_control(o->control);
    if (r == 0)
        r = raise_fd(&o->messages[1]);
    if (r == 0) {
        o->program_fd = open(s->init, O_PATH | O_CLOEXEC);
        r = raise_fd(&o->program_fd);
    }
    if (r == 0)
        r = make_file(s->filter, s->filter_len, &o->filter_fd);
    if (r == 0)
        r = make_file(s->passwd, strlen(s->passwd), &o->passwd_fd);
    return r == 0 ? make_file(s->group, strlen(s->group), &o->group_fd) : r;
}

/* bwrap … --seccomp 5 -- /proc/self/fd/4 [listen]. The array is the caller's. */
static char **make_argv(const struct keeper_sandbox *s)
{
    static char seccomp[] = "--seccomp", filter[] = "5", end[] = "--",
                program[] = "/proc/self/fd/4", listens[] = INIT_ARG_LISTEN;
    size_t n = 0;

    while (s->wrap[n])
        n++;
    char **argv = xcalloc(n + 6, sizeof(*argv));
    memcpy(argv, s->wrap, n * sizeof(*argv));
    argv[n++] = seccomp;
    argv[n++] = filter;
    argv[n++] = end;
    argv[n++] = program;
    if (s->wants_listener)
        argv[n] = listens;
    return argv;
}

static bool run_bwrap(struct keeper *k, const struct keeper_sandbox *s, const struct outfit *o,
                      const struct spawn_groups *groups, pid_t *ret_pid, struct spawn_error *e)
{
    static_assert(INIT_CONTROL_FD == 3 && INIT_PROGRAM_FD == 4 && INIT_FILTER_FD == 5 &&
                      INIT_PASSWD_FD == 6 && INIT_GROUP_FD == 7,
                  "in this order");
    const int more_fds[] = {o->control[1], o->program_fd, o->filter_fd, o->passwd_fd, o->group_fd};
    const struct execution_limits none = {0};
    char *env[] = {k->sandbox_mark, NULL};
    CLEANUP(free_p) char **argv = make_argv(s);
    const struct plan p = {
        .argv = argv,
        .env = env,
        .cwd = "/",
        .in_fd = o->null_fd,
        .out_fd = o->null_fd,
        .err_fd = o->messages[1],
        .keeper = getpid(),
        .open_files = k->open_files,
        .limits = &none,
        .task_fds = groups->entry.task_fds,
        .held = groups->held,
        .more_fds = more_fds,
        .n_more_fds = ARRAY_LEN(more_fds),
        .uid = (unsigned)s->uid,
        .workspace = s->workspace,
        .stage = s->stage,
    };
    return spawn_run(&p, groups->entry.unified_fd, ret_pid, e);
}

/* bwrap and init are in the groups too: they must not be what reaches a limit. */
static struct execution_limits with_room(const struct execution_limits *l)
{
    struct execution_limits ret = *l;
    if (ret.max_processes)
        ret.max_processes += 2;
    return ret;
}

static bool watch(struct sandbox *sb, struct outfit *o, struct spawn_error *e)
{
    struct loop *l = &sb->keeper->loop;
    int r = source_watch(l, &sb->control, o->control[0], EPOLLIN, sandbox_on_control);

    if (r < 0)
        return spawn_fail(e, -r, "epoll", NULL);
    o->control[0] = -1;
    r = source_watch(l, &sb->messages, o->messages[0], EPOLLIN, sandbox_on_messages);
    if (r < 0)
        return spawn_fail(e, -r, "epoll", NULL);
    o->messages[0] = -1;
    return true;
}

struct sandbox *sandbox_new(struct keeper *k, const char *name, const struct keeper_sandbox *s,
                            const struct execution_limits *l, struct spawn_error *ret_error)
{
    CLEANUP(outfit_deinit) struct outfit o = OUTFIT_NONE;
    CLEANUP(spawn_groups_deinit) struct spawn_groups groups = {.entry = CGROUP_ENTRY_NONE};
    const struct execution_limits limits = with_room(l);
    pid_t pid = 0;

    int r = make_outfit(s, &o);
    if (r < 0) {
        (void)spawn_fail(ret_error, -r, "sandbox", o.filter_fd < 0 ? s->init : NULL);
        return NULL;
    }
    struct sandbox *sb = sandbox_resume(k);
    bool is_running = spawn_make_cgroup(&k->cgroups, name, &limits, &groups, ret_error) &&
                      watch(sb, &o, ret_error) && run_bwrap(k, s, &o, &groups, &pid, ret_error);
    sb->cgroup = groups.cgroup;
    groups.cgroup = (struct cgroup){0};
    sb->held = groups.held;
    sb->bwrap = pid;
    if (is_running)
        return sb;
    sandbox_let_die(sb);
    return NULL;
}

/* ---- the command ---- */

static void add_limit(struct init_request *r, int resource, uint64_t soft, uint64_t hard)
{
    assert(r->n_limits < INIT_LIMITS_MAX);
    r->limits[r->n_limits++] =
        (struct init_limit){.resource = resource, .soft = soft, .hard = hard};
}

/* As steps.c does without a sandbox. RLIMIT_NPROC counts those of the user in its own user
 * namespace, which are those in the sandbox: init is one of them. */
static void add_limits(struct init_request *r, const struct execution_limits *l, unsigned held,
                       uint64_t open_files)
{
    uint64_t cpu_s = l->max_cpu_ms / 1000 + (l->max_cpu_ms % 1000 != 0);
    uint64_t files = l->max_open_files;

    add_limit(r, RLIMIT_CORE, 0, 0);
    if (l->max_memory_bytes && !(held & CGROUP_BIT(CGROUP_MEMORY)))
        add_limit(r, RLIMIT_AS, l->max_memory_bytes, l->max_memory_bytes);
    if (cpu_s)
        add_limit(r, RLIMIT_CPU, cpu_s, cpu_s + 1);
    if (l->max_file_bytes)
        add_limit(r, RLIMIT_FSIZE, l->max_file_bytes, l->max_file_bytes);
    if (l->max_processes && !(held & CGROUP_BIT(CGROUP_PIDS)))
        add_limit(r, RLIMIT_NPROC, l->max_processes + 1, l->max_processes + 1);
    add_limit(r, RLIMIT_NOFILE, files ? files : open_files, files ? files : RLIM_INFINITY);
}

static uint32_t append_strv(struct buf *b, char *const *v)
{
    uint32_t n = 0;
    for (; v[n]; n++)
        buf_append(b, v[n], strlen(v[n]) + 1);
    return n;
}

static int send_start(const struct sandbox *s, const struct buf *b, const struct stdio *io)
{
    union {
        char bytes[CMSG_SPACE(sizeof(io->theirs))];
        struct cmsghdr align;
    } control = {0};
    struct iovec data = {.iov_base = b->data, .iov_len = b->len};
    struct msghdr m = {.msg_iov = &data,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(io->theirs)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), io->theirs, sizeof(io->theirs));
    return sendmsg(s->control.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void sandbox_give(struct sandbox *s, struct child *c)
{
    timer_clear(&s->timer);
    s->phase = SANDBOX_BUSY;
    s->child = c;
}

int sandbox_start(struct sandbox *s, struct child *c, const struct keeper_spawn *spawn,
                  const struct stdio *io)
{
    char mark[sizeof(PROC_MARK) + 1 + EXECUTION_ID_MAX];
    CLEANUP(buf_deinit) struct buf b = {0};
    struct init_request r = {
        .op = INIT_START, .is_pty = spawn->is_pty, .is_interactive = spawn->is_interactive};

    snprintf(mark, sizeof(mark), PROC_MARK "=%s", c->id);
    CLEANUP(free_p) char **env = spawn_environment(mark, spawn->env);
    add_limits(&r, &spawn->limits, s->held, s->keeper->open_files);
    buf_append(&b, &r, sizeof(r));
    buf_append(&b, spawn->cwd, strlen(spawn->cwd) + 1);
    r.n_argv = append_strv(&b, spawn->argv);
    r.n_env = append_strv(&b, env);
    if (spawn->sandbox.checks)
        r.n_checks = append_strv(&b, spawn->sandbox.checks);
    if (r.n_argv + r.n_env + r.n_checks > INIT_STRINGS_MAX || b.len > INIT_MESSAGE_MAX)
        return -E2BIG;
    memcpy(b.data, &r, sizeof(r));
    int sent = send_start(s, &b, io);
    if (sent == 0)
        sandbox_give(s, c);
    return sent;
}
