/* The end of an execution: its tree, why it ended, its last records and the file exit. */
#include <errno.h>
#include <signal.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include "exec/keeper/child.h"
#include "exec/keeper/reserve.h"
#include "exec/keeper/sandbox.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/journal.h"

/* Contract: a background child that keeps a pipe open does not hang the call. */
#define DRAIN_MS 100
/* Then what can't be killed, in a system call that hangs, is left behind. */
#define SWEEP_MS 5000
/* A disk that is full. */
#define RETRY_MS 1000
/* A survivor may write for ever; a pipe holds 16 of these. */
#define DRAIN_READS_MAX 64

/* ---- why ---- */

static enum journal_type record_of(enum execution_reason reason)
{
    switch (reason) {
    case REASON_TIMEOUT:
    case REASON_IDLE_TIMEOUT:
        return JOURNAL_TIMEOUT;
    case REASON_CANCELLED:
    case REASON_SHUTDOWN:
    case REASON_LOST:
        return JOURNAL_CANCELLED;
    case REASON_OOM:
    case REASON_CPU_LIMIT:
    case REASON_FILE_SIZE_LIMIT:
    case REASON_OUTPUT_LIMIT:
        return JOURNAL_LIMIT;
    case REASON_SPAWN_FAILED:
        return JOURNAL_ERROR;
    case REASON_NONE:
    case REASON_EXITED:
    case REASON_SIGNALED:
        break;
    }
    return 0;
}

static uint64_t record_value(const struct child *c, enum journal_type type)
{
    if (type == JOURNAL_TIMEOUT)
        return c->reason == REASON_TIMEOUT ? c->limits.timeout_ms : c->limits.idle_timeout_ms;
    return type == JOURNAL_ERROR ? (uint64_t)c->error : c->reason;
}

/* One without a journal of its own has no records. 0 or -errno. */
static int write_event(struct child *c, enum journal_type type, uint64_t value, bool *is_written)
{
    if (*is_written || c->journal.output_fd < 0)
        return 0;
    int r = journal_writer_event(&c->journal, type, value);
    if (r < 0)
        return r;
    *is_written = true;
    clients_send_grew(c->keeper, c);
    return 0;
}

static int write_reason(struct child *c)
{
    enum journal_type type = record_of(c->reason);
    return type ? write_event(c, type, record_value(c, type), &c->has_reason_record) : 0;
}

void child_decide(struct child *c, enum execution_reason reason)
{
    if (c->reason)
        return;
    c->reason = reason;
    (void)write_reason(c); /* tried again at the end */
}

/* How the command ended by itself. A KILL that nobody here sent is an oom only when the memory
 * controller says so; then it is one also when the command lived on, since what it ran did not. */
static enum execution_reason reason_of(const struct child *c)
{
    const struct execution_limits *l = &c->limits;
    int signo = c->exit.term_signal;
    uint64_t own_ms = c->exit.user_ms + c->exit.system_ms;
    uint64_t cpu_ms = own_ms > c->exit.tree_cpu_ms ? own_ms : c->exit.tree_cpu_ms;

    if (c->exit.oom_kills > 0)
        return REASON_OOM;
    if (l->max_cpu_ms && (signo == SIGXCPU || (signo == SIGKILL && cpu_ms >= l->max_cpu_ms)))
        return REASON_CPU_LIMIT;
    if (signo == SIGXFSZ && l->max_file_bytes)
        return REASON_FILE_SIZE_LIMIT;
    return signo ? REASON_SIGNALED : REASON_EXITED;
}

/* ---- the last step: records and the file exit ---- */

static void complete_exit(struct child *c)
{
    struct execution_exit *e = &c->exit;
    e->reason = c->reason;
    e->ended_us = clock_real_us();
    e->processes_killed = c->tree.killed.n + c->sandbox_killed;
    if (c->journal.output_fd < 0)
        return;
    e->events = c->journal.events;
    e->output_bytes = c->journal.output_bytes;
    e->stdout_bytes = c->journal.stream_bytes[0];
    e->stderr_bytes = c->journal.stream_bytes[1];
}

static int write_end(struct child *c)
{
    int r = write_reason(c);
    if (r == 0)
        r = write_event(c, JOURNAL_EXIT, (uint64_t)(int64_t)c->exit.exit_code, &c->has_exit_record);
    if (r < 0)
        return r;
    complete_exit(c);
    return journal_write_exit(c->dir, &c->exit);
}

static void end(struct child *c)
{
    struct keeper *k = c->keeper;

    clients_send_ended(k, c->id); /* before all else: somebody waits for it */
    LOG_INFO("execution_ended", LOG_STR("exec", c->id),
             LOG_STR("reason", execution_reason_name(c->reason)),
             LOG_I64("exit_code", c->exit.exit_code), LOG_U64("wall_ms", c->exit.wall_ms),
             LOG_U64("events", c->exit.events), LOG_U64("bytes", c->exit.output_bytes),
             LOG_U64("killed", c->exit.processes_killed),
             LOG_STR("detail", c->exit.error[0] ? c->exit.error : NULL));
    child_stop_timers(c);
    child_sandbox_let_go(c);
    list_remove(&c->link);
    list_append(&k->ended, &c->link);
    k->n_children--;
    pool_hurry(k);
}

static void finish(struct child *c);

static void on_retry(struct timer *t)
{
    finish(CONTAINER_OF(t, struct child, step));
}

/* On a full disk in the room set aside for ends; that is set aside again as soon as can be. */
static int write_end_somehow(struct child *c)
{
    struct keeper *k = c->keeper;
    int r = write_end(c);

    if ((r == -ENOSPC || r == -EDQUOT) && k->is_reserved && reserve_give_up(k->state_dir)) {
        k->is_reserved = false;
        r = write_end(c);
    }
    if (r == 0 && !k->is_reserved)
        k->is_reserved = reserve_take(k->state_dir);
    return r;
}

static void finish(struct child *c)
{
    int r = write_end_somehow(c);

    if (r == 0)
        return end(c);
    LOG_ERROR("end_not_written", LOG_STR("exec", c->id), LOG_ERRNO(r));
    if (r == -ENOENT) /* somebody removed the journal: nobody can ask for it any more */
        return end(c);
    timer_set(&c->keeper->loop, &c->step, clock_mono_ms() + RETRY_MS, on_retry);
}

/* ---- the steps before ---- */

static void drain(struct child *c)
{
    for (int i = 0; i < JOURNAL_STREAMS; i++) {
        struct stream *s = &c->streams[i];
        for (int n = 0; n < DRAIN_READS_MAX && s->source.is_watched; n++)
            if (!child_take_output(s))
                break;
        source_close(&c->keeper->loop, &s->source);
        child_flush(s, true);
    }
}

static void start_finishing(struct child *c)
{
    c->phase = CHILD_FINISHING;
    drain(c);
    input_deinit(&c->input);
    child_decide(c, reason_of(c));
    finish(c);
}

static void on_sweep(struct timer *t);

/* What was never started has no processes, but may have a group. */
static bool is_swept(struct child *c, uint64_t ago_ms)
{
    if (c->sandbox)
        return child_sandbox_sweep(c, ago_ms);
    if (!c->tree.main && !cgroup_is_there(&c->tree.cgroup))
        return true;
    return tree_kill(&c->tree, child_is_only(c));
}

static void sweep(struct child *c)
{
    uint64_t now = clock_mono_ms(), ago = now - c->phase_ms;

    bool is_gone = is_swept(c, ago);
    if (!is_gone && ago < SWEEP_MS) {
        uint64_t wait = ago < 1 ? 1 : ago > 50 ? 50 : ago;
        return timer_set(&c->keeper->loop, &c->step, now + wait, on_sweep);
    }
    if (!is_gone)
        LOG_WARN("processes_not_killed", LOG_STR("exec", c->id));
    start_finishing(c);
}

static void on_sweep(struct timer *t)
{
    sweep(CONTAINER_OF(t, struct child, step));
}

void child_sweep_now(struct child *c)
{
    timer_clear(&c->step);
    sweep(c);
}

void child_sweep(struct child *c)
{
    c->phase = CHILD_SWEEPING;
    c->phase_ms = clock_mono_ms();
    timer_clear(&c->step);
    sweep(c);
}

static void on_drained(struct timer *t)
{
    child_sweep(CONTAINER_OF(t, struct child, step));
}

static uint64_t ms_of(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000;
}

void child_main_ended(struct child *c, int status, const struct rusage *usage)
{
    struct execution_exit *e = &c->exit;

    e->term_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    e->exit_code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    e->wall_ms = clock_mono_ms() - c->started_ms;
    e->user_ms = ms_of(&usage->ru_utime);
    e->system_ms = ms_of(&usage->ru_stime);
    e->max_rss_bytes = (uint64_t)usage->ru_maxrss * 1024;
    c->phase = CHILD_DRAINING;
    child_count_limits(c);
    child_note_system_call(c);
    waiting_stop(c);
    timer_clear(&c->limit);
    timer_clear(&c->ladder);
    if (child_has_open_streams(c))
        timer_set(&c->keeper->loop, &c->step, clock_mono_ms() + DRAIN_MS, on_drained);
    else
        child_sweep(c);
}

static void continue_phase(struct child *c)
{
    uint64_t now = clock_mono_ms();

    switch (c->phase) {
    case CHILD_STARTING:
        child_sandbox_await(c);
        break;
    case CHILD_RUNNING:
        child_watch_limits(c);
        child_look_at_limits(c);
        break;
    case CHILD_DRAINING:
        timer_set(&c->keeper->loop, &c->step, now + DRAIN_MS, on_drained);
        break;
    case CHILD_SWEEPING:
        timer_set(&c->keeper->loop, &c->step, now, on_sweep);
        break;
    case CHILD_FINISHING:
        timer_set(&c->keeper->loop, &c->step, now, on_retry);
        break;
    }
}

void child_continue(struct child *c, uint64_t kill_ms)
{
    int r = c->phase == CHILD_STARTING ? input_watch(&c->input, &c->keeper->loop) : child_watch(c);
    if (r < 0)
        child_fail(c, REASON_OUTPUT_LIMIT, "epoll", r);
    if (c->sandbox)
        sandbox_continue(c->sandbox);
    child_continue_timers(c, kill_ms);
    continue_phase(c);
}
