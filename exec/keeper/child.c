#include "exec/keeper/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/epoll.h>

#include "exec/keeper/sandbox.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/journal.h"

#define PARTIAL_LINE_MS 50 /* contract: a partial line is sent after so much silence */
#define KILL_AGAIN_MS   50

struct child *child_find(struct keeper *k, const char *id)
{
    list_for_each (l, &k->children) {
        struct child *c = CONTAINER_OF(l, struct child, link);
        if (strcmp(c->id, id) == 0)
            return c;
    }
    return NULL;
}

struct child *child_find_pid(struct keeper *k, pid_t pid)
{
    list_for_each (l, &k->children) {
        struct child *c = CONTAINER_OF(l, struct child, link);
        if (c->tree.main == pid && c->phase == CHILD_RUNNING)
            return c;
    }
    return NULL;
}

void child_get_totals(const struct child *c, struct keeper_running *ret)
{
    *ret = (struct keeper_running){
        .pid = c->tree.main,
        .started_us = c->exit.started_us,
        .events = c->journal.events,
        .output_bytes = c->journal.output_bytes,
        .last_output_us = c->journal.last_output_us,
        .waiting = c->waiting.told,
        .inputs = c->input.count,
    };
}

bool child_is_only(const struct child *c)
{
    return c->keeper->n_children == 1 && list_is_empty(&c->keeper->sandboxes);
}

/* ---- what ends it ---- */

static void kill_tree(struct child *c);

static void on_ladder(struct timer *t)
{
    kill_tree(CONTAINER_OF(t, struct child, ladder));
}

/* A process may be forked while we look: again, until the command's end takes over. */
static void kill_tree(struct child *c)
{
    if (c->sandbox) {
        child_sandbox_kill(c);
        return timer_set(&c->keeper->loop, &c->ladder, clock_mono_ms() + KILL_AGAIN_MS, on_ladder);
    }
    if (!tree_kill(&c->tree, child_is_only(c)))
        timer_set(&c->keeper->loop, &c->ladder, clock_mono_ms() + KILL_AGAIN_MS, on_ladder);
}

static void ask_tree(struct child *c)
{
    if (c->limits.kill_grace_ms == 0)
        return kill_tree(c);
    if (c->sandbox) {
        sandbox_signal_all(c->sandbox, SIGTERM);
        sandbox_signal_all(c->sandbox, SIGCONT);
    } else {
        tree_ask(&c->tree, SIGTERM, child_is_only(c));
    }
    timer_set(&c->keeper->loop, &c->ladder, clock_mono_ms() + c->limits.kill_grace_ms, on_ladder);
}

static bool is_alive(const struct child *c)
{
    return c->phase == CHILD_STARTING || c->phase == CHILD_RUNNING;
}

void child_kill(struct child *c, const struct keeper_kill *k)
{
    if (!is_alive(c))
        return;
    switch (k->mode) {
    case KEEPER_KILL_LADDER:
        child_decide(c, k->reason);
        if (!timer_is_set(&c->ladder))
            ask_tree(c);
        break;
    case KEEPER_KILL_NOW:
        child_decide(c, k->reason);
        kill_tree(c);
        break;
    case KEEPER_KILL_SIGNAL:
        if (c->sandbox)
            sandbox_signal_group(c->sandbox, k->signo);
        else
            (void)kill(-c->tree.main, k->signo); /* not reaped yet: the group is ours */
        waiting_moved(c);
        break;
    }
}

static void on_limit(struct timer *t)
{
    struct child *c = CONTAINER_OF(t, struct child, limit);
    uint64_t now = clock_mono_ms();
    enum execution_reason why = REASON_NONE;

    if (c->limits.timeout_ms && now >= c->started_ms + c->limits.timeout_ms)
        why = REASON_TIMEOUT;
    else if (c->limits.idle_timeout_ms && now >= c->active_ms + c->limits.idle_timeout_ms)
        why = REASON_IDLE_TIMEOUT;
    if (!why)
        return child_watch_limits(c);
    child_kill(c, &(struct keeper_kill){.mode = KEEPER_KILL_LADDER, .reason = why});
}

/* Output and input only move active_ms; whether it was idle is asked when the time has come. */
void child_watch_limits(struct child *c)
{
    const struct execution_limits *l = &c->limits;
    uint64_t at = l->timeout_ms ? c->started_ms + l->timeout_ms : UINT64_MAX;

    if (l->idle_timeout_ms && c->active_ms + l->idle_timeout_ms < at)
        at = c->active_ms + l->idle_timeout_ms;
    if (at != UINT64_MAX)
        timer_set(&c->keeper->loop, &c->limit, at, on_limit);
}

/* ---- output and input ---- */

bool child_has_open_streams(const struct child *c)
{
    return c->streams[0].source.is_watched || c->streams[1].source.is_watched;
}

/* Something of ours failed under it: it is ended, and says why. */
void child_fail(struct child *c, enum execution_reason reason, const char *what, int r)
{
    LOG_ERROR("execution_failed", LOG_STR("exec", c->id), LOG_STR("what", what), LOG_ERRNO(r));
    snprintf(c->exit.error, sizeof(c->exit.error), "%s: %s", what, strerror(-r));
    c->error = -r;
    child_decide(c, reason);
    if (is_alive(c))
        kill_tree(c);
}

void child_check_journal(struct child *c, int r)
{
    if (r < 0)
        return child_fail(c, REASON_OUTPUT_LIMIT,
                          r == -ENOSPC || r == -EDQUOT ? "disk full" : "journal", r);
    if (r == JOURNAL_WRITER_OK)
        return;
    child_decide(c, REASON_OUTPUT_LIMIT);
    if (c->phase == CHILD_RUNNING)
        kill_tree(c);
}

/* One that can't be written is lost: it ends nothing. */
void child_note(struct child *c, enum journal_type type, const char *text)
{
    uint64_t before = c->journal.events;

    if (c->phase == CHILD_FINISHING || c->journal.output_fd < 0)
        return;
    int r = journal_writer_note(&c->journal, type, c->dir, text, strlen(text));
    if (r < 0)
        LOG_WARN("note_not_written", LOG_STR("exec", c->id), LOG_ERRNO(r));
    if (c->journal.events != before)
        clients_send_grew(c->keeper, c);
}

static void on_silence(struct timer *t)
{
    child_flush(CONTAINER_OF(t, struct stream, flush), false);
}

void child_flush(struct stream *s, bool is_end)
{
    struct child *c = s->child;
    uint64_t before = c->journal.events;

    timer_clear(&s->flush);
    child_check_journal(c, journal_writer_flush(&c->journal, s->type, is_end));
    if (c->journal.events != before)
        clients_send_grew(c->keeper, c);
}

static void end_stream(struct stream *s)
{
    struct child *c = s->child;

    source_close(&c->keeper->loop, &s->source);
    child_flush(s, true);
    if (c->phase == CHILD_DRAINING && !child_has_open_streams(c))
        child_sweep(c);
}

static void add_output(struct stream *s, size_t len)
{
    struct child *c = s->child;
    uint64_t before = c->journal.events;

    c->active_ms = clock_mono_ms();
    waiting_moved(c);
    child_check_journal(c, journal_writer_add(&c->journal, s->type, c->keeper->read_buffer, len));
    if (c->journal.events != before)
        clients_send_grew(c->keeper, c);
    if (journal_writer_can_flush(&c->journal, s->type))
        timer_set(&c->keeper->loop, &s->flush, c->active_ms + PARTIAL_LINE_MS, on_silence);
    else
        timer_clear(&s->flush);
}

bool child_take_output(struct stream *s)
{
    ssize_t n = read(s->source.fd, s->child->keeper->read_buffer, JOURNAL_RECORD_MAX);

    if (n > 0)
        add_output(s, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR)) /* EIO: no terminal is open any more */
        end_stream(s);
    return n > 0;
}

void child_on_readable(struct source *source, uint32_t events)
{
    (void)child_take_output(CONTAINER_OF(source, struct stream, source));
}

void child_continue_timers(struct child *c, uint64_t kill_ms)
{
    if (kill_ms)
        timer_set(&c->keeper->loop, &c->ladder, kill_ms, on_ladder);
    for (int i = 0; i < JOURNAL_STREAMS; i++)
        if (journal_writer_can_flush(&c->journal, c->streams[i].type))
            timer_set(&c->keeper->loop, &c->streams[i].flush, clock_mono_ms() + PARTIAL_LINE_MS,
                      on_silence);
}

enum keeper_stdin_result child_write_stdin(struct child *c, const struct keeper_input *i)
{
    if (!is_alive(c))
        return KEEPER_STDIN_GONE;
    c->active_ms = clock_mono_ms();
    enum keeper_stdin_result r = input_write(&c->input, i);
    if (r == KEEPER_STDIN_OK)
        waiting_fed(c);
    return r;
}

void child_stop_timers(struct child *c)
{
    for (int i = 0; i < JOURNAL_STREAMS; i++)
        timer_clear(&c->streams[i].flush);
    timer_clear(&c->waiting.look);
    timer_clear(&c->limit);
    timer_clear(&c->ladder);
    timer_clear(&c->step);
    timer_clear(&c->look);
}

struct child *child_free(struct child *c)
{
    if (!c)
        return NULL;
    list_remove(&c->link);
    child_stop_timers(c);
    for (int i = 0; i < JOURNAL_STREAMS; i++) {
        source_close(&c->keeper->loop, &c->streams[i].source);
        fd_closep(&c->streams[i].source.fd); /* STARTING: not watched yet */
    }
    child_sandbox_let_go(c);
    input_deinit(&c->input);
    journal_writer_deinit(&c->journal);
    tree_deinit(&c->tree);
    free(c->cwd);
    free(c->program);
    free(c->dir);
    free(c);
    return NULL;
}
