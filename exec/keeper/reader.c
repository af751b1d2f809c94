#include "exec/keeper/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "exec/keeper/procfs.h"
#include "state/base/fd.h"

#define SET_MAX    256u /* descriptors in what a thread polls; more: not a program that asks */
#define STAT_MAX   1024u
#define STATUS_MAX 4096u
#define FDINFO_MAX (64u * 1024)

/* Device numbers, Documentation/admin-guide/devices.txt. */
#define DEV_TTY        makedev(5, 0) /* /dev/tty: whatever the process has for a terminal */
#define DEV_PTMX       makedev(5, 2)
#define PTS_MAJOR      136u
#define PTS_MAJOR_LAST 143u

/* One process as it is seen. */
struct process {
    pid_t pid;
    struct procfs_stat stat;
    bool is_background; /* of our terminal */
    bool has_child;
};

/* What a thread waits for. */
struct waits {
    bool input;    /* ours */
    bool terminal; /* another terminal that it is in the foreground of */
    bool socket, pipe, master;
    bool is_single; /* one descriptor, in a read */
};

struct look {
    const struct reader_query *q;
    struct process v[READER_PROCESSES_MAX];
    size_t n;
    unsigned threads;
    bool is_partial; /* somebody was not looked at */
    bool has_relay, has_inner_reader;
    struct reader relay, with_others;
};

/* ---- the processes ---- */

/* At most size - 1 bytes, NUL-terminated. The number of bytes or -errno. */
static ssize_t read_proc(char *ret, size_t size, const char *path)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
    if (n < 0)
        return -errno;
    ret[n] = '\0';
    return n;
}

static bool is_gone(ssize_t r)
{
    return r == -ENOENT || r == -ESRCH;
}

/* False: the process has gone, or is nothing to look at. */
static bool read_process(const struct reader_query *q, pid_t pid, struct process *ret)
{
    char path[64], text[STAT_MAX];

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    *ret = (struct process){.pid = pid};
    if (read_proc(text, sizeof(text), path) < 0 || !procfs_stat_parse(text, &ret->stat))
        return false;
    /* Who has our terminal and is not in front is stopped when it reads from it. */
    ret->is_background = q->terminal && ret->stat.terminal == q->terminal &&
                         ret->stat.session == q->session && ret->stat.group != q->foreground;
    return true;
}

static void find_processes(struct look *l)
{
    CLEANUP(pids_deinit) struct pids pids = {0};

    tree_list(l->q->tree, READER_PROCESSES_MAX + 1, &pids);
    l->is_partial = pids.n > READER_PROCESSES_MAX;
    for (size_t i = 0; i < pids.n && l->n < READER_PROCESSES_MAX; i++)
        if (read_process(l->q, pids.v[i], &l->v[l->n]))
            l->n++;
    for (size_t i = 0; i < l->n; i++)
        for (size_t j = 0; j < l->n; j++)
            if (l->v[j].stat.parent == l->v[i].pid && l->v[j].stat.state != 'Z')
                l->v[i].has_child = true;
}

/* ---- one descriptor ---- */

static bool is_pts(dev_t device)
{
    return major(device) >= PTS_MAJOR && major(device) <= PTS_MAJOR_LAST;
}

static bool is_ours(const struct reader_query *q, const struct process *p, const struct stat *st)
{
    if (st->st_dev == q->dev && st->st_ino == q->ino)
        return true;
    return q->terminal && S_ISCHR(st->st_mode) && st->st_rdev == DEV_TTY &&
           p->stat.terminal == q->terminal && p->stat.session == q->session;
}

static bool is_inner_terminal(const struct process *p, const struct stat *st)
{
    return S_ISCHR(st->st_mode) && (st->st_rdev == DEV_TTY || is_pts(st->st_rdev)) &&
           p->stat.group == p->stat.terminal_group;
}

/* 0 or -errno. */
static int add_descriptor(const struct look *l, const struct process *p, int fd, struct waits *w)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", p->pid, fd);
    if (stat(path, &st) < 0)
        return -errno;
    if (is_ours(l->q, p, &st))
        w->input = true;
    else if (S_ISSOCK(st.st_mode))
        w->socket = true;
    else if (S_ISFIFO(st.st_mode))
        w->pipe = true;
    else if (S_ISCHR(st.st_mode) && st.st_rdev == DEV_PTMX)
        w->master = true;
    else if (is_inner_terminal(p, &st))
        w->terminal = true;
    return 0;
}

/* ---- sets of them, in the memory of the process ---- */

static int read_memory(pid_t pid, uint64_t address, void *ret, size_t size)
{
    const struct iovec ours = {.iov_base = ret, .iov_len = size};
    const struct iovec theirs = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    ssize_t n = process_vm_readv(pid, &ours, 1, &theirs, 1, 0);
    return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EFAULT;
}

static int add_set(const struct look *l, const struct process *p, const int *fds, size_t n,
                   struct waits *w)
{
    for (size_t i = 0; i < n; i++) {
        int r = add_descriptor(l, p, fds[i], w);
        if (r < 0 && r != -ENOENT) /* closed since */
            return r;
    }
    return 0;
}

static int add_poll(const struct look *l, const struct process *p, const uint64_t args[2],
                    struct waits *w)
{
    struct pollfd polled[SET_MAX];
    int fds[SET_MAX];
    size_t n = 0;

    if (args[1] == 0 || args[1] > SET_MAX)
        return 0;
    int r = read_memory(p->pid, args[0], polled, args[1] * sizeof(*polled));
    for (size_t i = 0; r == 0 && i < args[1]; i++)
        if (polled[i].fd >= 0 && (polled[i].events & (POLLIN | POLLRDNORM)))
            fds[n++] = polled[i].fd;
    return r < 0 ? r : add_set(l, p, fds, n, w);
}

static int add_select(const struct look *l, const struct process *p, const uint64_t args[2],
                      struct waits *w)
{
    fd_set set;
    int fds[SET_MAX];
    size_t n = 0;
    int limit = args[0] > FD_SETSIZE ? FD_SETSIZE : (int)args[0];

    if (limit <= 0 || args[1] == 0)
        return 0;
    FD_ZERO(&set);
    /* As many words as the kernel reads. */
    size_t bits = sizeof(unsigned long) * 8, words = ((size_t)limit + bits - 1) / bits;
    int r = read_memory(p->pid, args[1], &set, words * sizeof(unsigned long));
    for (int fd = 0; r == 0 && fd < limit && n < SET_MAX; fd++)
        if (FD_ISSET(fd, &set))
            fds[n++] = fd;
    return r < 0 ? r : add_set(l, p, fds, n, w);
}

static int add_epoll(const struct look *l, const struct process *p, const uint64_t args[2],
                     struct waits *w)
{
    CLEANUP(free_p) char *text = NULL;
    char path[64];
    int fds[SET_MAX];
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", p->pid, (int)args[0]);
    int r = file_read(path, FDINFO_MAX, &text, &len);
    if (r < 0)
        return r == -EFBIG ? 0 : r;
    size_t n = procfs_epoll_parse(text, fds, SET_MAX);
    return n > SET_MAX ? 0 : add_set(l, p, fds, n, w);
}

/* ---- one thread ---- */

/* What was interrupted, as by a stop, and goes on: only poll(2) does so of what we care for. */
static bool is_restarted_poll(pid_t pid, const char *tid)
{
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%.10s/wchan", pid, tid);
    return read_proc(text, sizeof(text), path) > 0 && strstr(text, "poll");
}

static int add_call(const struct look *l, const struct process *p, const char *tid,
                    const struct procfs_syscall *s, struct waits *w)
{
    switch (s->call) {
    case PROCFS_CALL_NONE:
    case PROCFS_CALL_OTHER:
        return 0;
    case PROCFS_CALL_READ:
        w->is_single = true;
        return add_descriptor(l, p, (int)s->args[0], w);
    case PROCFS_CALL_POLL:
        return add_poll(l, p, s->args, w);
    case PROCFS_CALL_SELECT:
        return add_select(l, p, s->args, w);
    case PROCFS_CALL_EPOLL:
        return add_epoll(l, p, s->args, w);
    case PROCFS_CALL_RESTART:
        return is_restarted_poll(p->pid, tid) ? add_poll(l, p, s->args, w) : 0;
    }
    return 0;
}

enum thread_outcome { THREAD_ASLEEP = 0, THREAD_RUNS = 1 };

/* An outcome or -errno. */
static int look_at_thread(struct look *l, const struct process *p, const char *tid,
                          struct waits *ret)
{
    char path[64], text[256];
    struct procfs_syscall s;

    *ret = (struct waits){0};
    l->threads++;
    snprintf(path, sizeof(path), "/proc/%d/task/%.10s/syscall", p->pid, tid);
    ssize_t n = read_proc(text, sizeof(text), path);
    if (n < 0)
        return (int)n;
    if (!procfs_syscall_parse(text, &s))
        return -EPROTO;
    return s.call == PROCFS_CALL_NONE ? THREAD_RUNS : add_call(l, p, tid, &s, ret);
}

/* ---- one process ---- */

static pid_t tid_of(const char *name)
{
    return (pid_t)strtol(name, NULL, 10);
}

/* All threads; false: it is busy, or could not be looked at. *ret: what waits for most. */
static bool look_at_threads(struct look *l, const struct process *p, struct waits *ret,
                            pid_t *ret_tid)
{
    char path[64];
    bool is_idle = true;

    snprintf(path, sizeof(path), "/proc/%d/task", p->pid);
    DIR *d = opendir(path);
    if (!d)
        return false;
    for (struct dirent *e; is_idle && (e = readdir(d));) {
        struct waits w;
        if (e->d_name[0] == '.')
            continue;
        int r = l->threads < READER_THREADS_MAX ? look_at_thread(l, p, e->d_name, &w) : -E2BIG;
        if (r < 0 && !is_gone(r))
            l->is_partial = true;
        is_idle = r == THREAD_ASLEEP || is_gone(r);
        if (r != THREAD_ASLEEP || !(w.input || w.terminal))
            continue;
        *ret = w;
        *ret_tid = tid_of(e->d_name);
    }
    closedir(d);
    return is_idle;
}

/* Whether it waits for our input and for nothing else. */
static bool look_at_process(struct look *l, const struct process *p, struct reader *ret)
{
    struct waits w = {0};
    struct reader r = {.pid = p->pid};

    if (p->is_background || !strchr("SD", p->stat.state) || !look_at_threads(l, p, &w, &r.tid))
        return false;
    if (w.terminal)
        l->has_inner_reader = true;
    if (!w.input)
        return false;
    if (w.master || (p->has_child && (w.pipe || w.socket))) {
        l->has_relay = true;
        l->relay = r;
        return false;
    }
    r.has_others = w.socket && !w.is_single;
    if (r.has_others)
        l->with_others = r;
    else
        *ret = r;
    return !r.has_others;
}

static void read_switches(struct reader *r)
{
    char path[64], text[STATUS_MAX];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/status", r->pid, r->tid);
    if (read_proc(text, sizeof(text), path) < 0 || !procfs_switches_parse(text, &r->switches))
        r->switches = 0;
}

static bool find_best(struct look *l, struct reader *ret)
{
    for (size_t i = 0; i < l->n; i++)
        if (look_at_process(l, &l->v[i], ret))
            return true;
    if (l->has_relay && l->has_inner_reader)
        *ret = l->relay;
    else if (l->with_others.pid)
        *ret = l->with_others;
    else
        return false;
    return true;
}

enum reader_outcome reader_find(const struct reader_query *q, struct reader *ret,
                                unsigned *ret_cost)
{
    CLEANUP(free_p) struct look *l = xcalloc(1, sizeof(*l));

    l->q = q;
    find_processes(l);
    bool is_found = find_best(l, ret);
    *ret_cost = l->threads + (unsigned)l->n;
    if (!is_found)
        return l->is_partial ? READER_UNKNOWN : READER_NONE;
    read_switches(ret);
    return READER_FOUND;
}
