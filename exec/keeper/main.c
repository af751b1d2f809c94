/*
 * mcp-exec-keeper: the parent of every command. Holds their pipes and terminals, writes their
 * journals, enforces their limits, ends whole trees and records how each ended, while the servers
 * at its socket come and go. See child.h for an execution's life and keeper_wire.h for what servers
 * say. It is the part that must not die: one thread, nothing that waits, no parser but its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "exec/keeper/child.h"
#include "exec/keeper/keeper.h"
#include "exec/keeper/options.h"
#include "exec/keeper/probe.h"
#include "exec/keeper/reexec.h"
#include "exec/keeper/reserve.h"
#include "exec/keeper/sandbox.h"
#include "exec/keeper/steps.h"
#include "exec/keeper/sweep.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define LISTEN_BACKLOG 16
/* As the server's log. */
#define LOG_MAX_BYTES (10u * 1024 * 1024)
#define LOG_KEEP_DAYS 7

/* ---- the process ---- */

/* 0, 1 and 2 must not become somebody's pipe. */
static void open_standard_fds(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR); /* stays over an upgrade: not CLOEXEC */
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        (void)close(fd);
}

static int raise_open_files(struct keeper *k)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return -errno;
    k->open_files = l.rlim_cur;
    l.rlim_cur = l.rlim_max;
    k->max_children =
        l.rlim_max > KEEPER_FDS_REST ? (l.rlim_max - KEEPER_FDS_REST) / KEEPER_FDS_EACH : 0;
    return setrlimit(RLIMIT_NOFILE, &l) < 0 ? -errno : 0;
}

static void set_signals(void)
{
    const struct sigaction dfl = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    sigset_t ours;

    for (int s = 1; s < NSIG; s++)
        (void)sigaction(s, &dfl, NULL); /* KILL, STOP and two of the C library's can't be set */
    for (const int *s = steps_ignored_signals; *s; s++)
        (void)sigaction(*s, &ignore, NULL);
    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGTERM);
    (void)sigprocmask(SIG_SETMASK, &ours, NULL);
}

/* TERM when the server ends, however it does. False: it has ended. */
static bool tie_to(pid_t server)
{
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == server;
}

static int set_process(struct keeper *k)
{
    open_standard_fds();
    set_signals();
    (void)setsid(); /* fails when whoever started us did it already */
    /* Orphans of commands become our children. Commands that run as our user must not read our
     * memory. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    return raise_open_files(k);
}

/* ---- signals ---- */

static void reap(struct keeper *k)
{
    struct rusage usage;
    int status;

    for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        struct child *c = sandbox_reaped(k, pid) ? NULL : child_find_pid(k, pid);
        if (c)
            child_main_ended(c, status, &usage);
    }
}

/* The first TERM asks the commands to end, a second one does not. */
static void stop(struct keeper *k)
{
    const struct keeper_kill kill = {
        .mode = k->is_stopping ? KEEPER_KILL_NOW : KEEPER_KILL_LADDER,
        .reason = REASON_SHUTDOWN,
    };

    LOG_INFO("stopping", LOG_U64("running", k->n_children));
    k->is_stopping = true;
    list_for_each (l, &k->children)
        child_kill(CONTAINER_OF(l, struct child, link), &kill);
}

static void on_signal(struct source *s, uint32_t events)
{
    struct keeper *k = CONTAINER_OF(s, struct keeper, signals);
    struct signalfd_siginfo info;

    while (read(s->fd, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo == SIGTERM)
            stop(k);
    reap(k);
}

static int watch_signals(struct keeper *k)
{
    sigset_t ours;

    sigemptyset(&ours);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, SIGTERM);
    int fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    return source_watch(&k->loop, &k->signals, fd, EPOLLIN, on_signal);
}

/* ---- the state directory: one keeper, one socket ---- */

enum lock_outcome { LOCK_OK = 0, LOCK_TAKEN = 1, LOCK_NOT_WANTED = 2 };

static int take_lock(struct keeper *k)
{
    k->lock_fd = open(KEEPER_LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (k->lock_fd < 0)
        return -errno;
    if (flock(k->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? LOCK_TAKEN : -errno;
    return LOCK_OK;
}

static int start_listening(struct keeper *k)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = KEEPER_SOCKET_NAME};
    CLEANUP(fd_closep)
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || (unlink(KEEPER_SOCKET_NAME) < 0 && errno != ENOENT))
        return -errno;
    /* Before anybody can connect; the umask stays what our children inherit. */
    mode_t before = umask(0177);
    int r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    umask(before);
    if (r < 0 || listen(fd, LISTEN_BACKLOG) < 0)
        return r < 0 ? r : -errno;
    k->listener.fd = TAKE_FD(fd);
    return 0;
}

static void find_cgroups(struct keeper *k)
{
    cgroup_host_init(&k->cgroups, k->state_dir);
    if (cgroup_host_has_any(&k->cgroups))
        sweep_record_groups(k->state_dir, &k->cgroups);
}

static int start_fresh(struct keeper *k, const struct options *o)
{
    int r = o->tied_to && !tie_to(o->tied_to) ? LOCK_NOT_WANTED : take_lock(k);

    if (r == LOCK_TAKEN)
        LOG_INFO("another_keeper_is_here", LOG_STR("state_dir", k->state_dir));
    if (r != LOCK_OK)
        return r;
    sweep_leftovers(k->state_dir);
    if (!o->no_cgroup)
        find_cgroups(k);
    return start_listening(k);
}

static int start(struct keeper *k, const struct options *o)
{
    CLEANUP(free_p) char *name = cgroup_base_name(k->state_dir);
    if (asprintf(&k->sandbox_mark, PROC_SANDBOX_MARK "=%s", name) < 0)
        abort();
    int r = set_process(k);
    if (r == 0)
        r = loop_init(&k->loop);
    if (r == 0)
        r = watch_signals(k);
    if (r == 0)
        r = o->resume_fd >= 0 ? reexec_resume(k, o->resume_fd) : start_fresh(k, o);
    if (r != 0)
        return r;
    return source_watch(&k->loop, &k->listener, k->listener.fd, EPOLLIN, clients_accept);
}

/* ---- its life ---- */

static void free_ended(struct keeper *k)
{
    list_for_each_safe (l, next, &k->ended)
        child_free(CONTAINER_OF(l, struct child, link));
}

/* Nobody will want a prepared one any more. */
static void let_pool_die(struct keeper *k)
{
    if ((k->is_quitting || k->is_stopping) && k->n_children == 0)
        sandbox_let_all_die(k);
}

static bool is_done(const struct keeper *k)
{
    return (k->is_quitting || k->is_stopping) && k->n_children == 0 && list_is_empty(&k->sandboxes);
}

static void run(struct keeper *k)
{
    k->is_reserved = reserve_take(k->state_dir);
    LOG_INFO("ready", LOG_STR("state_dir", k->state_dir), LOG_STR("version", MCP_EXECD_VERSION),
             LOG_STR("cgroup", k->cgroups.base),
             LOG_U64("tree_limits", cgroup_host_controllers(&k->cgroups)));
    reap(k); /* what ended during an upgrade */
    while (!is_done(k)) {
        loop_turn(&k->loop);
        free_ended(k);
        let_pool_die(k);
        sandbox_free_dead(k);
    }
    LOG_INFO("done");
}

static void leave(struct keeper *k)
{
    clients_close_all(k);
    if (k->listener.is_watched)
        (void)unlink(KEEPER_SOCKET_NAME);
    source_close(&k->loop, &k->listener);
    source_close(&k->loop, &k->signals);
    cgroup_host_deinit(&k->cgroups);
    free(k->sandbox_mark);
    loop_deinit(&k->loop);
    fd_closep(&k->lock_fd);
}

/* Absolute, since we leave the directory that it is relative to. NULL stays NULL. */
static char *make_absolute(const char *path)
{
    CLEANUP(free_p) char *cwd = getcwd(NULL, 0);
    char *ret;

    if (!path || path[0] == '/' || !cwd)
        return path ? xstrdup(path) : NULL;
    if (asprintf(&ret, "%s/%s", cwd, path) < 0)
        abort();
    return ret;
}

static int fail(const char *what, int r)
{
    fprintf(stderr, "mcp-exec-keeper: %s: %s\n", what, strerror(-r));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct keeper k = {
        .lock_fd = -1, .listener.fd = -1, .signals.fd = -1, .loop.epoll_fd = -1};
    struct options o;
    int status;

    if (!options_parse(argc, argv, &o, &status))
        return status;
    list_init(&k.children);
    list_init(&k.ended);
    list_init(&k.sandboxes);
    list_init(&k.dead_sandboxes);
    pool_init(&k.pool);
    if (o.is_probe)
        return probe_run(&k);
    CLEANUP(free_p) char *log_file = make_absolute(o.log_file);
    int r = dir_make(o.state_dir);
    CLEANUP(free_p) char *state_dir = r == 0 ? realpath(o.state_dir, NULL) : NULL;
    if (!state_dir || chdir(state_dir) < 0)
        return fail(o.state_dir, r < 0 ? r : -errno);
    k.state_dir = state_dir;
    k.log_file = log_file;
    clients_init(&k);
    r = log_open(&(struct log_options){
        .file = log_file,
        .to_stderr = !log_file,
        .level = LOGL_INFO,
        .max_bytes = LOG_MAX_BYTES,
        .keep_days = LOG_KEEP_DAYS,
        .replica = "keeper",
    });
    if (r < 0)
        return fail(log_file, r);
    r = start(&k, &o);
    if (r == 0)
        run(&k);
    else if (r < 0)
        LOG_ERROR("not_started", LOG_ERRNO(r));
    leave(&k);
    log_close();
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
