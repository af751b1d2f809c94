/*
 * mcp-exec-init: process 1 of a sandbox. Starts one command when the keeper says so, tells it how
 * that truly ended (bwrap knows exit codes only, and a shell's 137 looks like a KILL there), hands
 * signals on, reaps, and ends what is left. Linked statically, since the sandbox may hold no C
 * library; allocates nothing; nobody inside may look into it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "exec/init/report.h"

/* All there is. */
static struct {
    pid_t command; /* 0: not started, or reaped */
    int signals;
    bool has_started, is_killing;
    uint32_t killed;
} self;

static union {
    struct init_request request;
    char bytes[INIT_MESSAGE_MAX + 1];
} message;
static char *strings[INIT_STRINGS_MAX + 3];

/* Set by a child that shares our memory, between vfork and its end. */
static volatile struct {
    int32_t step, error;
} failure;

/* ---- the command's process: shares our memory until it execs, so system calls only ---- */

static bool set_limits(const struct init_request *r)
{
    for (uint32_t i = 0; i < r->n_limits; i++) {
        const struct init_limit *l = &r->limits[i];
        struct rlimit now, wanted;
        if (getrlimit(l->resource, &now) < 0)
            return false;
        wanted.rlim_cur = l->soft < now.rlim_max ? l->soft : now.rlim_max;
        wanted.rlim_max = l->hard < now.rlim_max ? l->hard : now.rlim_max;
        if (setrlimit(l->resource, &wanted) < 0)
            return false;
    }
    return true;
}

static bool reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool set_descriptors(const int *fds)
{
    return dup2(fds[0], 0) == 0 && dup2(fds[1], 1) == 1 && dup2(fds[2], 2) == 2;
}

static _Noreturn void fail(int32_t step)
{
    failure.error = errno;
    failure.step = step;
    _exit(127);
}

static __attribute__((noinline)) _Noreturn void be_command(const struct init_request *r,
                                                           const int *fds, const char *directory)
{
    static const struct init_report child = {.event = INIT_CHILD};

    if (setsid() < 0)
        fail(INIT_STEP_SESSION);
    if (!set_descriptors(fds))
        fail(INIT_STEP_DESCRIPTORS);
    if (r->is_pty && ioctl(1, TIOCSCTTY, 0) < 0)
        fail(INIT_STEP_TERMINAL);
    if (send(INIT_CONTROL_FD, &child, sizeof(child), MSG_NOSIGNAL) < 0)
        fail(INIT_STEP_FORK);
    if (chdir(directory) < 0)
        fail(INIT_STEP_DIRECTORY);
    if (!set_limits(r))
        fail(INIT_STEP_LIMITS);
    if (!reset_signals())
        fail(INIT_STEP_SIGNALS);
    execve(strings[0], strings, strings + r->n_argv + 1);
    fail(INIT_STEP_EXEC);
}

/* ---- starting it ---- */

/* Fills `strings` with arguments, NULL, variables, NULL, checks, NULL. False: that is not what was
 * sent. */
static bool read_strings(const struct init_request *r, size_t len, const char **ret_directory)
{
    char *at = message.bytes + sizeof(*r), *end = message.bytes + len;
    size_t used = 0;

    if (len < sizeof(*r) + 1 || end[-1] != '\0' || r->n_argv == 0 ||
        r->n_limits > INIT_LIMITS_MAX || r->n_argv > INIT_STRINGS_MAX ||
        r->n_env > INIT_STRINGS_MAX - r->n_argv)
        return false;
    *ret_directory = at;
    at += strlen(at) + 1;
    const uint32_t counts[] = {r->n_argv, r->n_env, r->n_checks};
    for (int kind = 0; kind < 3; kind++) {
        for (uint32_t i = 0; i < counts[kind]; i++) {
            if (at >= end)
                return false;
            strings[used++] = at;
            at += strlen(at) + 1;
        }
        strings[used++] = NULL;
    }
    return at == end;
}

/* What bwrap mounted by name is what was looked at before. */
static bool is_as_looked_at(const char *check)
{
    struct stat st;
    char *end;
    unsigned long long dev = strtoull(check, &end, 10);

    if (*end != ':')
        return false;
    unsigned long long ino = strtoull(end + 1, &end, 10);
    return *end == ':' && stat(end + 1, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static void check_all(const struct init_request *r)
{
    for (char **check = strings + r->n_argv + r->n_env + 2; *check; check++)
        if (!is_as_looked_at(*check))
            report_failure(INIT_STEP_CHECK, ESTALE);
}

/* Its slave takes the place of what came; the master. */
static int make_terminal(const struct init_request *r, int fds[3])
{
    const struct winsize size = {.ws_row = 24, .ws_col = 80};
    const int unlocked = 0;
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0 ||
        ioctl(master, TIOCSWINSZ, &size) < 0)
        report_failure(INIT_STEP_TERMINAL, errno);
    for (int i = r->is_interactive ? 0 : 1; i < 3; i++) {
        (void)close(fds[i]);
        fds[i] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fds[i] < 0)
            report_failure(INIT_STEP_TERMINAL, errno);
    }
    return master;
}

/* In a function of its own, so that no local of another one lives over the birth. */
static __attribute__((noinline)) pid_t give_birth(const struct init_request *r, const int *fds,
                                                  const char *directory)
{
    pid_t pid = vfork();
    if (pid == 0)
        be_command(r, fds, directory);
    return pid;
}

static void start(size_t len, int fds[3])
{
    const struct init_request *r = &message.request;
    const char *directory = NULL;

    if (self.has_started || fds[2] < 0 || !read_strings(r, len, &directory))
        report_failure(INIT_STEP_MESSAGE, EBADMSG);
    self.has_started = true;
    check_all(r);
    int master = r->is_pty ? make_terminal(r, fds) : -1;
    pid_t pid = give_birth(r, fds, directory);
    if (pid < 0)
        report_failure(INIT_STEP_FORK, errno);
    if (failure.error)
        report_failure(failure.step, failure.error);
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    self.command = pid;
    report_send(&(struct init_report){.event = INIT_STARTED}, master);
    if (master >= 0)
        (void)close(master);
}

/* ---- its end, and that of all others ---- */

static uint64_t us_of(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

/* The next that ended, told; its pid, 0: nobody now, -1: nobody is left. */
static pid_t reap_one(int options, struct init_report *ret_ended)
{
    struct rusage usage;
    int status;
    pid_t pid = wait4(-1, &status, options, &usage);

    if (pid <= 0)
        return pid;
    if (pid == self.command) {
        self.command = 0;
        *ret_ended = (struct init_report){
            .event = INIT_ENDED,
            .status = status,
            .user_us = us_of(&usage.ru_utime),
            .system_us = us_of(&usage.ru_stime),
            .max_rss_bytes = (uint64_t)usage.ru_maxrss * 1024,
        };
    } else if (self.is_killing && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        self.killed++;
    }
    return pid;
}

static void reap(void)
{
    struct init_report ended = {0};
    pid_t r;

    do
        r = reap_one(WNOHANG, &ended);
    while (r > 0 || (r < 0 && errno == EINTR));
    if (!ended.event)
        return;
    ended.is_alone = r < 0;
    ended.killed = self.killed;
    report_send(&ended, -1);
}

static void signal_all(int signo)
{
    if (signo == SIGKILL)
        self.is_killing = true;
    (void)kill(-1, signo); /* nobody is there: fine */
}

static void finish(void)
{
    struct init_report ended = {0};

    for (;;) {
        signal_all(SIGKILL);
        if (reap_one(0, &ended) < 0 && errno == ECHILD)
            break;
    }
    if (ended.event)
        report_send(&ended, -1);
    report_send(&(struct init_report){.event = INIT_GONE, .killed = self.killed}, -1);
}

/* ---- what the keeper says ---- */

union control {
    char bytes[CMSG_SPACE(3 * sizeof(int))];
    struct cmsghdr align;
};

/* As recvmsg(2); descriptors that came along in fds, else -1. */
static ssize_t receive(int fds[3])
{
    union control control;
    struct iovec data = {.iov_base = message.bytes, .iov_len = sizeof(message.bytes)};
    struct msghdr m = {.msg_iov = &data,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(INIT_CONTROL_FD, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    const struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

    fds[0] = fds[1] = fds[2] = -1;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(3 * sizeof(int)))
        memcpy(fds, CMSG_DATA(c), 3 * sizeof(int));
    return n;
}

static void handle_message(void)
{
    int fds[3];
    ssize_t n = receive(fds);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < (ssize_t)sizeof(struct init_request))
        _exit(1); /* the keeper is gone */
    switch ((enum init_op)message.request.op) {
    case INIT_START:
        start((size_t)n, fds);
        break;
    case INIT_GROUP:
        if (self.command) /* not reaped: the group is its own */
            (void)kill(-self.command, message.request.signo);
        break;
    case INIT_ALL:
        signal_all(message.request.signo);
        break;
    case INIT_FINISH:
        finish();
        break;
    }
}

/* ---- its life ---- */

static int make_listener(void)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(INIT_PROXY_PORT),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, SOMAXCONN) < 0)
        report_failure(INIT_STEP_LISTENER, errno);
    return fd;
}

static void set_up(void)
{
    sigset_t child;

    /* Nobody inside reads our memory or opens our descriptors, though they are our user. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || fcntl(INIT_CONTROL_FD, F_SETFD, FD_CLOEXEC) < 0)
        _exit(1);
    (void)syscall(SYS_close_range, INIT_PROGRAM_FD, ~0u, 0); /* musl has no function of it */
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &child, NULL);
    self.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self.signals < 0)
        _exit(1);
}

int main(int argc, char **argv)
{
    struct signalfd_siginfo info;

    set_up();
    bool listens = argc > 1 && strcmp(argv[1], INIT_ARG_LISTEN) == 0;
    int listener = listens ? make_listener() : -1;
    report_send(&(struct init_report){.event = INIT_READY}, listener);
    if (listener >= 0)
        (void)close(listener);
    struct pollfd watched[] = {{.fd = INIT_CONTROL_FD, .events = POLLIN},
                               {.fd = self.signals, .events = POLLIN}};
    for (;;) {
        if (poll(watched, 2, -1) < 0)
            continue;
        if (watched[1].revents) {
            while (read(self.signals, &info, sizeof(info)) > 0)
                ;
            reap();
        }
        if (watched[0].revents)
            handle_message();
    }
}
