#include "exec/keeper/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "exec/init/init_wire.h"
#include "exec/keeper/child.h"
#include "exec/keeper/codec.h"
#include "exec/keeper/procfs.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define CHILDREN_TEXT_MAX (64u * 1024)
#define DYING_LOOK_MS     5
/* Then it is killed from outside, and at last left behind. */
#define DYING_KILL_MS 200
#define DYING_MAX_MS  5000
/* One that is still being made is let come up, and then leaves by itself. */
#define DYING_START_MS 2000
/* One that only init is in: the answer goes first. The end of its namespaces takes some 300 us of
 * both processors (measured 2025-11), and who waits for the command would wait for that. */
#define LEAVE_AFTER_MS 2

/* ---- what we say ---- */

static void send_request(struct sandbox *s, enum init_op op, int signo)
{
    const struct init_request r = {.op = op, .signo = signo};

    if (!s->control.is_watched)
        return;
    /* EAGAIN: some hundred are there that it did not come to read. One more signal makes no
     * difference, and who must end and does not is killed from outside, child_sandbox.c. */
    if (send(s->control.fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        sandbox_kill(s);
}

void sandbox_signal_group(struct sandbox *s, int signo)
{
    send_request(s, INIT_GROUP, signo);
}

void sandbox_signal_all(struct sandbox *s, int signo)
{
    send_request(s, INIT_ALL, signo);
}

void sandbox_finish(struct sandbox *s)
{
    send_request(s, INIT_FINISH, 0);
}

/* As bwrap and its child are called until init's program runs. */
static bool is_bwrap(pid_t pid)
{
    CLEANUP(free_p) char *name = NULL;
    char path[48];
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    return file_read(path, 64, &name, &len) == 0 && strcmp(name, "bwrap\n") == 0;
}

/* One of this keeper's: others' commands may run a bwrap of their own. */
static bool has_our_mark(const struct keeper *k, pid_t pid)
{
    CLEANUP(free_p) char *name = NULL;

    return !k->sandbox_mark || (proc_read_variable(pid, PROC_SANDBOX_MARK, &name) && name &&
                                strcmp(name, k->sandbox_mark + sizeof(PROC_SANDBOX_MARK)) == 0);
}

static bool is_ours(const struct keeper *k, pid_t pid)
{
    list_for_each (l, &k->sandboxes) {
        const struct sandbox *s = CONTAINER_OF(l, struct sandbox, link);
        if (s->bwrap == pid || s->init == pid)
            return true;
    }
    return false;
}

/* All others in there end with init, pid_namespaces(7). bwrap was not reaped: its pid is its own.
 */
void sandbox_kill(struct sandbox *s)
{
    if (s->init_fd >= 0)
        (void)pidfd_send_signal(s->init_fd, SIGKILL, NULL, 0);
    if (s->bwrap)
        (void)kill(s->bwrap, SIGKILL);
}

/* bwrap was killed while it made the sandbox: its child waits for a word of it, with no
 * parent-death signal yet, and is ours now. */
static void kill_stray_children(struct keeper *k)
{
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    pid_t pid;

    if (file_read("/proc/thread-self/children", CHILDREN_TEXT_MAX, &text, &len) < 0)
        return;
    for (const char *at = text; (pid = procfs_children_next(&at)) > 0;)
        if (!is_ours(k, pid) && is_bwrap(pid) && has_our_mark(k, pid))
            (void)kill(pid, SIGKILL);
}

/* ---- what init says ---- */

union control {
    char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

static void read_control(struct msghdr *m, pid_t *ret_pid, int *ret_fd)
{
    *ret_pid = 0;
    *ret_fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct ucred who;
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(who))) {
            memcpy(&who, CMSG_DATA(c), sizeof(who));
            *ret_pid = who.pid;
        } else if (c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int))) {
            memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
        }
    }
}

static void on_ended(struct sandbox *s, const struct init_report *r)
{
    struct rusage usage = {.ru_maxrss = (long)(r->max_rss_bytes / 1024)};

    usage.ru_utime.tv_sec = (time_t)(r->user_us / 1000000);
    usage.ru_utime.tv_usec = (suseconds_t)(r->user_us % 1000000);
    usage.ru_stime.tv_sec = (time_t)(r->system_us / 1000000);
    usage.ru_stime.tv_usec = (suseconds_t)(r->system_us % 1000000);
    s->is_ended = true;
    s->is_alone = r->is_alone;
    if (s->child)
        child_sandbox_ended(s->child, r->status, &usage, r->killed);
}

static void on_report(struct sandbox *s, const struct init_report *r, pid_t sender, int fd)
{
    CLEANUP(fd_closep) int owned_fd = fd;

    switch ((enum init_event)r->event) {
    case INIT_READY:
        s->is_ready = true;
        s->init_fd = pidfd_open(sender, 0);
        s->init = s->init_fd < 0 ? 0 : sender; /* it ended before we heard it */
        s->listener_fd = TAKE_FD(owned_fd);
        source_close(&s->keeper->loop, &s->messages);
        break;
    case INIT_CHILD:
        s->command = sender;
        break;
    case INIT_STARTED:
        if (s->child)
            child_sandbox_started(s->child, s->command, TAKE_FD(owned_fd));
        break;
    case INIT_FAILED:
        if (s->child)
            child_sandbox_failed(s->child, r->step, r->error);
        break;
    case INIT_ENDED:
        on_ended(s, r);
        break;
    case INIT_GONE:
        s->is_alone = true;
        if (s->child)
            child_sandbox_gone(s->child, r->killed);
        break;
    }
}

/* One report; false: no more for now. */
static bool receive(struct sandbox *s)
{
    struct init_report report;
    union control control;
    struct iovec data = {.iov_base = &report, .iov_len = sizeof(report)};
    struct msghdr m = {.msg_iov = &data,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    pid_t sender;
    int fd;

    if (!s->control.is_watched)
        return false;
    ssize_t n = fd_recvmsg(s->control.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n != (ssize_t)sizeof(report)) {
        source_close(&s->keeper->loop, &s->control); /* its end tells the rest */
        return false;
    }
    read_control(&m, &sender, &fd);
    on_report(s, &report, sender, fd);
    return true;
}

void sandbox_on_control(struct source *source, uint32_t events)
{
    struct sandbox *s = CONTAINER_OF(source, struct sandbox, control);
    while (receive(s))
        ;
}

static void hear(struct sandbox *s)
{
    while (s->messages.is_watched) {
        char *at = s->said + s->said_len;
        ssize_t n = read(s->messages.fd, at, sizeof(s->said) - 1 - s->said_len);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) /* it closed it, or said more than we keep */
            return source_close(&s->keeper->loop, &s->messages);
        s->said_len += (size_t)n;
    }
}

void sandbox_on_messages(struct source *source, uint32_t events)
{
    hear(CONTAINER_OF(source, struct sandbox, messages));
}

/* ---- its end ---- */

static bool has_processes(const struct sandbox *s)
{
    return s->bwrap || s->init;
}

static void on_dying_time(struct timer *t);

static void look(struct sandbox *s)
{
    uint64_t now = clock_mono_ms(), ago = now - s->dying_ms;

    fd_closep(&s->listener_fd);
    source_close(&s->keeper->loop, &s->messages);
    source_close(&s->keeper->loop, &s->control); /* init leaves, and so does all in there */
    fd_closep(&s->control.fd);
    bool is_gone = !has_processes(s) && cgroup_remove(&s->cgroup) == 0;

    if (is_gone || ago > DYING_MAX_MS) {
        if (!is_gone)
            LOG_WARN("sandbox_not_ended", LOG_I64("bwrap", s->bwrap), LOG_I64("init", s->init));
        list_remove(&s->link);
        list_append(&s->keeper->dead_sandboxes, &s->link);
        return;
    }
    if (ago > (s->is_ready ? DYING_KILL_MS : DYING_START_MS))
        sandbox_kill(s);
    timer_set(&s->keeper->loop, &s->timer, now + DYING_LOOK_MS, on_dying_time);
}

static void on_dying_time(struct timer *t)
{
    look(CONTAINER_OF(t, struct sandbox, timer));
}

void sandbox_let_die(struct sandbox *s)
{
    if (s->phase == SANDBOX_DYING)
        return;
    s->phase = SANDBOX_DYING;
    s->child = NULL;
    s->dying_ms = clock_mono_ms();
    if (s->is_alone && has_processes(s))
        timer_set(&s->keeper->loop, &s->timer, s->dying_ms + LEAVE_AFTER_MS, on_dying_time);
    else
        look(s);
}

/* What it said before it went counts; then its child has to know. */
static void on_gone(struct sandbox *s)
{
    while (receive(s))
        ;
    if (s->phase == SANDBOX_DYING)
        return look(s);
    if (has_processes(s) && s->is_ready) /* only one of the two, the other follows */
        return;
    hear(s);
    s->said[s->said_len] = '\0';
    s->said[strcspn(s->said, "\n")] = '\0';
    s->is_alone = true;
    if (s->phase == SANDBOX_BUSY)
        return child_sandbox_lost(s->child, s->said);
    LOG_WARN("prepared_sandbox_lost", LOG_STR("said", s->said));
    pool_lost(s->keeper, s);
    sandbox_let_die(s);
}

bool sandbox_reaped(struct keeper *k, pid_t pid)
{
    list_for_each (l, &k->sandboxes) {
        struct sandbox *s = CONTAINER_OF(l, struct sandbox, link);
        if (s->bwrap != pid && s->init != pid)
            continue;
        if (s->bwrap == pid) {
            s->bwrap = 0;
            /* Who init is may have been said and not heard yet: it must not be waited for later. */
            while (receive(s))
                ;
            /* bwrap waits for init, and init waits for all: unless it was killed, both are gone. */
            if (!s->is_ready)
                kill_stray_children(k);
            if (s->init_fd < 0 || pidfd_send_signal(s->init_fd, 0, NULL, 0) < 0)
                s->init = 0;
        } else {
            s->init = 0;
        }
        on_gone(s);
        return true;
    }
    return false;
}

void sandbox_free_dead(struct keeper *k)
{
    list_for_each_safe (l, next, &k->dead_sandboxes) {
        struct sandbox *s = CONTAINER_OF(l, struct sandbox, link);
        list_remove(&s->link);
        timer_clear(&s->timer);
        cgroup_deinit(&s->cgroup);
        buf_deinit(&s->key);
        fd_closep(&s->init_fd);
        free(s);
    }
}

void sandbox_let_all_die(struct keeper *k)
{
    list_for_each_safe (l, next, &k->sandboxes) {
        struct sandbox *s = CONTAINER_OF(l, struct sandbox, link);
        if (s->phase == SANDBOX_PREPARED)
            sandbox_let_die(s);
    }
}

/* ---- over an upgrade ---- */

struct sandbox *sandbox_resume(struct keeper *k)
{
    struct sandbox *s = xcalloc(1, sizeof(*s));
    s->keeper = k;
    s->phase = SANDBOX_PREPARED;
    s->control.fd = s->messages.fd = s->listener_fd = s->init_fd = -1;
    list_append(&k->sandboxes, &s->link);
    return s;
}

void sandbox_walk(struct sandbox *s, struct codec *c)
{
    codec_i32(c, &s->control.fd);
    codec_i32(c, &s->bwrap);
    codec_i32(c, &s->init);
    codec_i32(c, &s->command);
    codec_bool(c, &s->is_ready);
    codec_bool(c, &s->is_alone);
    codec_bool(c, &s->is_ended);
    codec_i32(c, &s->init_fd);
    codec_i32(c, &s->listener_fd);
    codec_u32(c, &s->held);
    cgroup_walk(&s->cgroup, c);
}

void sandbox_continue(struct sandbox *s)
{
    int fd = s->control.fd;
    if (!s->child || fd < 0 ||
        source_watch(&s->keeper->loop, &s->control, fd, EPOLLIN, sandbox_on_control) < 0) {
        fd_closep(&s->control.fd);
        if (!s->child)
            sandbox_let_die(s);
    }
}

void sandbox_set_kept(const struct sandbox *s, void (*set_kept)(int fd, bool is_kept), bool is_kept)
{
    set_kept(s->control.fd, is_kept);
    set_kept(s->listener_fd, is_kept);
    set_kept(s->init_fd, is_kept);
}
