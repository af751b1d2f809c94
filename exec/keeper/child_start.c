/* The begin of an execution: its journal, then the process. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/epoll.h>

#include "exec/keeper/child.h"
#include "exec/keeper/spawn.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/journal.h"

/* The most that an unprivileged user may ask for, fs.pipe-max-size. Reading from it is three times
 * as fast as from one of 64 KiB (measured 2025-11). */
#define PIPE_BYTES (1024 * 1024)

struct child *child_new(struct keeper *k, const char *id, const char *dir)
{
    struct child *c = xcalloc(1, sizeof(*c));

    c->keeper = k;
    memcpy(c->id, id, strlen(id));
    c->dir = xstrdup(dir);
    c->tree.id = c->id;
    c->input.source.fd = -1;
    c->journal.output_fd = c->journal.index_fd = -1;
    for (int i = 0; i < JOURNAL_STREAMS; i++) {
        c->streams[i].child = c;
        c->streams[i].source.fd = -1;
        c->streams[i].type = (enum journal_type)(JOURNAL_STDOUT + i);
    }
    list_append(&k->children, &c->link);
    k->n_children++;
    return c;
}

/* The rest of its short life goes the way of all: journal, file exit, ENDED. */
void child_end_unstarted(struct child *c, enum execution_reason reason, int error, const char *text)
{
    c->error = error;
    if (reason == REASON_SPAWN_FAILED)
        c->exit.exit_code = 127; /* what a shell says of a command that it could not run */
    snprintf(c->exit.error, sizeof(c->exit.error), "%s", text);
    child_decide(c, reason);
    child_sweep(c);
}

static void end_unstarted_by(struct child *c, int error, const char *what)
{
    char text[sizeof(c->exit.error)];
    snprintf(text, sizeof(text), "%s: %s", what, strerror(error));
    child_end_unstarted(c, REASON_SPAWN_FAILED, error, text);
}

/* There is a journal, but we don't run it: whoever began it is gone. Nothing is started twice. */
static void end_lost(struct child *c)
{
    CLEANUP(journal_closep) struct journal *j = NULL;

    if (journal_open(c->keeper->state_dir, c->id, &j) == 0) {
        c->exit.events = journal_events(j);
        c->exit.output_bytes = journal_output_bytes(j);
    }
    child_end_unstarted(c, REASON_LOST, 0, "it was started by a keeper that is gone");
}

/* When the command runs already, so that it does not wait for this. */
static void widen(int pipe_fd)
{
    (void)fcntl(pipe_fd, F_SETPIPE_SZ, PIPE_BYTES); /* a small one is only slower */
}

int child_watch(struct child *c)
{
    int r = 0;
    for (int i = 0; i < JOURNAL_STREAMS; i++) {
        struct source *s = &c->streams[i].source;
        int fd = s->fd;
        widen(fd);
        if (fd >= 0 && r == 0)
            r = source_watch(&c->keeper->loop, s, fd, EPOLLIN, child_on_readable);
        if (fd >= 0 && r < 0)
            fd_closep(&s->fd);
    }
    if (r == 0 && !c->input.source.is_watched)
        r = input_watch(&c->input, &c->keeper->loop);
    waiting_start(c);
    return r;
}

void child_run(struct child *c, pid_t pid)
{
    c->phase = CHILD_RUNNING;
    c->tree.main = pid;
    c->started_ms = c->active_ms = clock_mono_ms();
    c->exit.started_us = clock_real_us();
    LOG_INFO("execution_started", LOG_STR("exec", c->id), LOG_I64("pid", pid));
    child_check_journal(c, journal_writer_event(&c->journal, JOURNAL_READY, 0));
    int r = child_watch(c);
    if (r < 0)
        child_fail(c, REASON_SPAWN_FAILED, "epoll", r);
    child_watch_limits(c);
    child_look_at_limits(c);
    clients_send_started(c->keeper, c);
}

static void run(struct child *c, const struct keeper_spawn *s, const struct spawned *p)
{
    c->streams[0].source.fd = p->out_fd;
    c->streams[1].source.fd = p->err_fd;
    input_init(&c->input, p->in_fd, s->is_pty, s->limits.max_stdin_bytes);
    child_run(c, p->pid);
}

static void begin(struct child *c, const struct keeper_spawn *s)
{
    struct keeper *k = c->keeper;
    struct spawned spawned;
    struct spawn_error e = {0};
    int r = journal_writer_init(&c->journal, c->dir, s->limits.max_output_bytes,
                                s->limits.keep_output_bytes);

    if (r == -EEXIST)
        return end_lost(c);
    if (r < 0)
        return end_unstarted_by(c, -r, "journal");
    if (s->sandbox.wrap && s->sandbox.wrap[0])
        return child_begin_sandboxed(c, s);
    bool is_running = spawn_start(c->id, s, &k->cgroups, k->open_files, &spawned, &e);
    c->tree.cgroup = spawned.cgroup;
    c->held = spawned.held;
    if (is_running)
        run(c, s, &spawned);
    else
        child_end_unstarted(c, REASON_SPAWN_FAILED, e.error, e.text);
}

void child_spawn(struct keeper *k, const char *id, const struct keeper_spawn *s)
{
    struct child *c = child_find(k, id);

    if (c)
        return clients_send_started(k, c);
    if (journal_writer_has_exit(s->dir))
        return clients_send_ended(k, id);
    k->is_quitting = false;
    c = child_new(k, id, s->dir);
    c->limits = s->limits;
    if (k->is_stopping)
        child_end_unstarted(c, REASON_SPAWN_FAILED, ECANCELED, "the keeper is stopping");
    else if (k->n_children > k->max_children)
        child_end_unstarted(c, REASON_SPAWN_FAILED, EAGAIN, "the keeper runs as many as it can");
    else
        begin(c, s);
}
