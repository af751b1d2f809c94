/*
 * What the keeper tells. While attaching it names each execution that runs (on_running), then is
 * ready: what we believed to run and it did not name has ended meanwhile (its file exit is there)
 * or was lost.
 */
#include "exec/service.h"
#include "exec/tree_limits.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/journal.h"

/* Returns what is new, of enum news_what. */
static unsigned take_totals(struct service *s, struct entry *e, const struct keeper_running *k)
{
    unsigned what = k->events != e->events ? NEWS_OUTPUT : 0;
    if (k->waiting != e->waiting)
        what |= NEWS_WAITS;
    registry_set_size(&s->registry, e, k->events, k->output_bytes);
    if (k->last_output_us)
        e->last_output_us = k->last_output_us;
    /* Who is to end is not waited for with an answer. */
    e->waiting = e->kill_reason ? WAITING_NO : k->waiting;
    e->inputs = k->inputs;
    return what;
}

static void set_running(struct entry *e, uint64_t started_us)
{
    e->phase = ENTRY_RUNNING;
    e->status = EXECUTION_RUNNING;
    e->started_us = started_us;
}

/* Handed over by the server before us, and begun since. */
static void leave_line(struct service *s, struct entry *e)
{
    if (e->phase != ENTRY_PENDING)
        return;
    queue_leave(&s->queue, e);
    e->phase = ENTRY_STARTING;
    queue_adopt(&s->queue, e);
}

/* It runs and we say that it has ended, or don't know it: its journal was removed under the
 * keeper's feet, or it was cancelled in line just as it began on behalf of the server before us. */
static void kill_unknown(struct service *s, const char *id)
{
    LOG_WARN("unknown_execution_killed", LOG_STR("exec", id));
    DISREGARD(keeper_client_kill(s->keeper, id, KEEPER_KILL_NOW, 0, REASON_LOST));
}

static void on_running(void *arg, const char *id, const struct keeper_running *k)
{
    struct service *s = arg;
    struct entry *e = registry_find(&s->registry, id);
    if (!e || e->phase == ENTRY_ENDED)
        return kill_unknown(s, id);
    unsigned what = e->phase == ENTRY_RUNNING ? 0 : NEWS_STATUS;
    leave_line(s, e);
    e->is_confirmed = true;
    set_running(e, k->started_us);
    what |= take_totals(s, e, k);
    LOG_INFO("execution_adopted", LOG_STR("exec", id), LOG_U64("events", k->events));
    if (e->kill_reason) /* the keeper may have gone, by an upgrade, before it read that */
        DISREGARD(service_kill(s, e, false, e->kill_reason));
    service_changed(s, e, what);
}

/* An unconfirmed one that was on its way to the keeper: did it begin? */
static bool has_begun(const struct service *s, const struct entry *e)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    return journal_open(s->config->state_dir, e->id, &j) == 0;
}

static void settle(struct service *s, struct entry *e)
{
    if (e->phase == ENTRY_PENDING && !has_begun(s, e))
        return; /* it waits in line */
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, e->id);
    struct execution_exit x;
    if (journal_read_exit(dir, &x) == 0)
        return service_ended(s, e);
    if (e->phase == ENTRY_STARTING && !has_begun(s, e)) {
        /* The keeper went before it heard of it. */
        if (e->kill_reason)
            return service_end_without_keeper(s, e, e->kill_reason, NULL);
        return queue_unpop(&s->queue, e);
    }
    service_end_without_keeper(s, e, REASON_LOST,
                               "its keeper ended while it ran; the output up to then is kept");
}

static void on_ready(void *arg, const struct keeper_host *host)
{
    struct service *s = arg;
    s->host = *host;
    s->keeper_gone_ms = 0;
    list_for_each_safe (l, next, &s->registry.by_age) {
        struct entry *e = CONTAINER_OF(l, struct entry, by_age);
        if (e->phase != ENTRY_ENDED && !e->is_confirmed)
            settle(s, e);
        e->is_confirmed = false;
    }
    s->is_attached = !s->is_handing_over;
    LOG_INFO("keeper_attached", LOG_U64("running", s->queue.running),
             LOG_U64("pending", s->queue.pending));
    if (s->is_cancelling)
        service_cancel_all(s); /* what could not be told a keeper that was away */
    service_start_pending(s);
}

static void tell_weak_limits(struct service *s, const struct entry *e)
{
    CLEANUP(buf_deinit) struct buf note = {0};

    if (!e->weak_limits)
        return;
    tree_limits_note(e->weak_limits, &note);
    DISREGARD(keeper_client_note(s->keeper, e->id, JOURNAL_LIMIT_MET, note.data));
}

static void on_started(void *arg, const char *id, pid_t pid, uint64_t started_us)
{
    struct service *s = arg;
    struct entry *e = registry_find(&s->registry, id);
    if (!e || e->phase == ENTRY_ENDED)
        return kill_unknown(s, id);
    if (e->phase == ENTRY_RUNNING)
        return;
    leave_line(s, e);
    set_running(e, started_us);
    if (e->accepted_mono_us)
        metric_observe_us(METRIC_SPAWN_SECONDS, NULL, clock_mono_us() - e->accepted_mono_us);
    LOG_INFO("execution_started", LOG_STR("exec", id), LOG_STR("session", e->session_id),
             LOG_I64("pid", pid));
    tell_weak_limits(s, e);
    service_changed(s, e, NEWS_STATUS);
}

static void on_grew(void *arg, const char *id, const struct keeper_running *k)
{
    struct service *s = arg;
    struct entry *e = registry_find(&s->registry, id);
    if (!e || e->phase == ENTRY_ENDED)
        return;
    service_changed(s, e, take_totals(s, e, k));
}

static void on_ended(void *arg, const char *id)
{
    struct service *s = arg;
    struct entry *e = registry_find(&s->registry, id);
    if (e && e->phase != ENTRY_ENDED)
        service_ended(s, e);
}

static void on_listener(void *arg, const char *id, int fd)
{
    service_egress_listener(arg, id, fd);
}

static void on_stdin(void *arg, uint64_t token, enum keeper_stdin_result result)
{
    service_stdin_done(arg, token, result);
}

static void on_gone(void *arg)
{
    struct service *s = arg;
    s->is_attached = false;
    s->keeper_gone_ms = clock_mono_ms();
    metric_add(METRIC_KEEPER_RESTARTS, NULL, NULL, 1);
    LOG_WARN("keeper_gone", LOG_U64("running", s->queue.running));
    service_stdin_fail_all(s);
}

const struct keeper_client_events service_keeper_events = {
    .on_ready = on_ready,
    .on_running = on_running,
    .on_started = on_started,
    .on_grew = on_grew,
    .on_ended = on_ended,
    .on_listener = on_listener,
    .on_stdin = on_stdin,
    .on_gone = on_gone,
};
