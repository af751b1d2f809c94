#include "exec/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exec/isolation.h"
#include "exec/keeper_path.h"
#include "exec/peers.h"
#include "state/base/clock.h"
#include "state/base/id.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/journal.h"
#include "state/mirror.h"

static void on_news_due(void *arg, const char *id, unsigned what);

static void on_parked_due(void *arg, struct call *c, struct entry *e)
{
    service_answer(c, peers_outcome(e), e);
}

/* A file of its own: two programs can't rotate one. NULL: we log to stderr only, and so does it;
 * with stdio that is the client's, which the keeper may outlive. */
static char *keeper_log_path(const struct config *c)
{
    char *path = NULL;
    if (((c->log_file && *c->log_file) || c->stdio) &&
        asprintf(&path, "%s/keeper.log", c->state_dir) < 0)
        abort();
    return path;
}

/* main.c has tried it, and said what is wrong. */
static int make_isolation(struct service *s)
{
    CLEANUP(free_p) char *error = NULL;
    int r = isolation_new(s->config, &s->isolation, &error);
    if (r < 0)
        LOG_ERROR("not_isolated", LOG_STR("why", error));
    return r;
}

int service_init(struct service *s, const struct config *c, struct event_base *base)
{
    memset(s, 0, sizeof(*s));
    s->config = c;
    s->base = base;
    s->keeper_gone_ms = clock_mono_ms();
    registry_init(&s->registry);
    queue_init(&s->queue);
    list_init(&s->stdin_calls);
    s->waiters = waiters_new(base, c->max_waiters, on_parked_due, s);
    s->news = news_new(base, c->update_interval_ms, on_news_due, s);
    CLEANUP(free_p) char *keeper_path = NULL;
    int r = keeper_path_find(c->keeper_path, &keeper_path);
    if (r < 0) {
        LOG_ERROR("keeper_not_found", LOG_STR("exec.keeper", c->keeper_path),
                  LOG_STR("next", "name the program mcp-exec-keeper with exec.keeper"));
        return r;
    }
    r = make_isolation(s);
    if (r == 0)
        r = janitor_new(c->state_dir, &s->janitor);
    if (r == 0)
        r = sweep_state_dir(s);
    if (r == 0 && c->redis_url)
        r = redis_new(base, c, c->replica_id, &s->redis);
    if (r == 0 && s->redis)
        r = service_mirror_init(s); /* its sign of life before peers ask what is in our name */
    if (r == 0 && s->redis)
        s->peers = peers_new(s, s->redis);
    if (r == 0)
        s->list_news = list_news_new(base, c, s->redis);
    if (r < 0)
        return r;
    CLEANUP(free_p) char *keeper_log = keeper_log_path(c);
    const struct keeper_client_options o = {
        .state_dir = c->state_dir,
        .keeper_path = keeper_path,
        .is_tied = c->stdio,
        .log_file = keeper_log,
        .sandbox = s->isolation ? isolation_common(s->isolation) : NULL,
    };
    return keeper_client_new(base, &o, &service_keeper_events, s, &s->keeper);
}

void service_deinit(struct service *s)
{
    /* It leaves once what may still run has ended. Away: then it needs no telling. */
    if (s->is_draining && !s->is_handing_over)
        DISREGARD(keeper_client_quit(s->keeper));
    keeper_client_free(s->keeper);
    s->redis = redis_free(s->redis); /* what is asked of it is answered */
    s->peers = peers_free(s->peers);
    list_news_free(s->list_news);
    service_mirror_deinit(s);
    free(s->address);
    s->isolation = isolation_free(s->isolation);
    janitor_free(s->janitor);
    waiters_free(s->waiters);
    news_free(s->news);
    queue_deinit(&s->queue);
    registry_deinit(&s->registry);
}

void service_view(const struct entry *e, struct execution_view *v)
{
    memcpy(v->id, e->id, sizeof(v->id));
    v->status = e->status;
    v->interactive = e->interactive;
    v->queue_position = e->phase == ENTRY_PENDING && e->group ? queue_position(e) : 0;
    v->created_us = e->created_us;
    v->started_us = e->started_us;
    v->last_output_us = e->last_output_us;
    v->changed_us = e->changed_us        ? e->changed_us
                    : e->started_us != 0 ? e->started_us
                                         : e->created_us;
    v->events = e->events;
    v->output_bytes = e->output_bytes;
    v->waiting = e->waiting;
    v->inputs = e->inputs;
}

void service_answer(struct call *c, enum call_outcome outcome, const struct entry *e)
{
    c->outcome = outcome;
    if (e)
        service_view(e, &c->view);
    c->home->post(c->home, c);
}

/* ---- news ---- */

static void on_news_due(void *arg, const char *id, unsigned what)
{
    struct service *s = arg;
    struct execution_view v;
    const struct entry *e = registry_find(&s->registry, id);
    if (!e || !s->on_news)
        return;
    service_view(e, &v);
    s->on_news(s->news_arg, e->principal, &v, what);
}

void service_changed(struct service *s, struct entry *e, unsigned what)
{
    bool has_ended = e->phase == ENTRY_ENDED;
    if (!e->shadow && (what & (NEWS_STATUS | NEWS_WAITS))) /* else its owner says when */
        e->changed_us = clock_real_us();
    service_mirror_changed(s, e, what);
    waiters_wake(s->waiters, e, has_ended && !e->is_announcing);
    news_tell(s->news, e->id, what, has_ended);
}

void service_watch(struct service *s, const char *id)
{
    news_watch(s->news, id);
    if (s->peers)
        peers_watch(s->peers, id);
}

void service_unwatch(struct service *s, const char *id)
{
    (void)news_unwatch(s->news, id);
}

/* ---- calls ---- */

static uint64_t expiry(const struct service *s)
{
    return clock_mono_ms() + s->config->retention_ttl_ms;
}

/* NULL: the call was answered, or taken by who knows of other replicas. What is nobody's, and what
 * is another principal's, goes the same way. */
static struct entry *find(struct service *s, struct call *c)
{
    struct entry *e = registry_find_owned(&s->registry, c->id, c->principal);
    if (e && !e->shadow)
        return e;
    if (!s->peers || c->is_of_peer || !id_is_valid(c->id))
        service_answer(c, CALL_E_NOT_FOUND, NULL);
    else if (e)
        peers_serve(s->peers, c, e);
    else
        peers_call(s->peers, c);
    return NULL;
}

static void serve_wait(struct service *s, struct call *c, struct entry *e)
{
    if (e->phase == ENTRY_ENDED) {
        registry_touch(&s->registry, e, expiry(s));
        if (s->mirror)
            mirror_touched(s->mirror, e->id);
    }
    if (waiters_is_due(c, e) || c->deadline_ms <= clock_mono_ms())
        return service_answer(c, CALL_OK, e);
    if (!waiters_park(s->waiters, c, e))
        service_answer(c, CALL_E_WAITERS_FULL, e);
}

int service_kill(struct service *s, struct entry *e, bool force, enum execution_reason reason)
{
    if (e->phase == ENTRY_PENDING) {
        service_end_without_keeper(s, e, reason, NULL);
        return 0;
    }
    int r = keeper_client_kill(s->keeper, e->id, force ? KEEPER_KILL_NOW : KEEPER_KILL_LADDER, 0,
                               reason);
    if (r == 0)
        e->kill_reason = reason;
    return r;
}

static void serve_cancel(struct service *s, struct call *c, struct entry *e)
{
    c->was_running = e->phase != ENTRY_ENDED;
    if (!c->was_running)
        return service_answer(c, CALL_OK, e);
    if (c->cancel.signo && e->phase == ENTRY_PENDING)
        return service_answer(c, CALL_E_KEEPER_AWAY, e);
    int r = c->cancel.signo ? keeper_client_kill(s->keeper, e->id, KEEPER_KILL_SIGNAL,
                                                 c->cancel.signo, REASON_CANCELLED)
                            : service_kill(s, e, c->cancel.force, REASON_CANCELLED);
    if (r == 0)
        e->waiting = WAITING_NO; /* what comes of it is seen anew */
    service_answer(c, r < 0 ? CALL_E_KEEPER_AWAY : CALL_OK, e);
}

void service_call(struct service *s, struct call *c)
{
    struct entry *e = NULL;
    if (c->op == CALL_WAIT || c->op == CALL_STDIN || c->op == CALL_CANCEL) {
        e = find(s, c);
        if (!e)
            return;
    }
    switch (c->op) {
    case CALL_START:
        return service_start(s, c);
    case CALL_WAIT:
        return serve_wait(s, c, e);
    case CALL_STDIN:
        return service_stdin(s, c, e);
    case CALL_CANCEL:
        return serve_cancel(s, c, e);
    case CALL_LIST:
        return service_list(s, c);
    case CALL_SESSION:
    case CALL_ORDER_GIVE_UP:
    case CALL_ORDER_WATCH:
    case CALL_ORDER_UNWATCH:
    case CALL_ORDER_NOTE:
    case CALL_ORDER_DRAIN:
    case CALL_ORDER_STOP:
        break;
    }
    assert(!"orders are the reactor's");
}

void service_give_up(struct service *s, uint64_t serial, bool kill)
{
    struct entry *e = NULL;
    struct call *c = waiters_take(s->waiters, serial, &e);
    if (!c && s->peers && peers_give_up(s->peers, serial))
        return;
    if (!c)
        return;
    if (kill && !e->shadow && e->sync && !e->idempotency_key && e->phase != ENTRY_ENDED) {
        int r = service_kill(s, e, false, REASON_CANCELLED);
        if (r < 0)
            LOG_WARN("cancel_not_sent", LOG_STR("exec", c->id), LOG_ERRNO(r));
    }
    service_answer(c, CALL_E_CANCELLED, NULL);
}

static void count_execution(const struct entry *e, const struct execution_exit *x)
{
    metric_add(METRIC_EXECUTIONS_ENDED, execution_status_name(e->status),
               execution_reason_name(x->reason), 1);
    metric_add(METRIC_PROCESSES_KILLED, NULL, NULL, (int64_t)x->processes_killed);
    LOG_INFO("execution_ended", LOG_STR("exec", e->id), LOG_STR("session", e->session_id),
             LOG_STR("status", execution_status_name(e->status)),
             LOG_STR("reason", execution_reason_name(x->reason)),
             LOG_I64("exit_code", x->exit_code), LOG_U64("wall_ms", x->wall_ms),
             LOG_U64("bytes", x->output_bytes), LOG_U64("killed", x->processes_killed));
}

void service_look_back(const struct service *s, struct entry *e)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    if (journal_open(s->config->state_dir, e->id, &j) == 0)
        e->last_output_us = journal_last_output_us(j);
}

void service_ended(struct service *s, struct entry *e)
{
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, e->id);
    struct execution_exit x = {.reason = REASON_LOST};
    int r = journal_read_exit(dir, &x);
    bool is_all_known = r == 0 && e->output_bytes == x.output_bytes; /* and so when the last came */
    if (r < 0)
        LOG_ERROR("exit_not_read", LOG_STR("exec", e->id), LOG_ERRNO(r));
    else
        registry_set_size(&s->registry, e, x.events, x.output_bytes);
    if (!e->started_us)
        e->started_us = x.started_us;
    if (!is_all_known)
        service_look_back(s, e);
    service_egress_ended(s, e);
    queue_leave(&s->queue, e);
    registry_set_ended(&s->registry, e, execution_status_of(x.reason), expiry(s));
    count_execution(e, &x);
    service_changed(s, e, NEWS_STATUS | NEWS_OUTPUT);
    service_start_pending(s);
}

/* What the journal holds so far, for an end that no keeper writes. */
static void measure_journal(const char *state_dir, const char *id, struct execution_exit *x)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    if (journal_open(state_dir, id, &j) < 0)
        return; /* it never began */
    x->events = journal_events(j);
    x->output_bytes = journal_output_bytes(j);
}

void service_end_without_keeper(struct service *s, struct entry *e, enum execution_reason reason,
                                const char *error)
{
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, e->id);
    struct execution_exit x = {
        .reason = reason, .started_us = e->started_us, .ended_us = clock_real_us()};
    if (x.started_us && x.ended_us > x.started_us) /* a clock may have been set back */
        x.wall_ms = (x.ended_us - x.started_us) / 1000;
    if (error)
        (void)snprintf(x.error, sizeof(x.error), "%s", error);
    measure_journal(s->config->state_dir, e->id, &x);
    int r = journal_write_exit(dir, &x);
    if (r < 0)
        LOG_ERROR("exit_not_written", LOG_STR("exec", e->id), LOG_ERRNO(r));
    service_ended(s, e);
}

void service_cancel_all(struct service *s)
{
    list_for_each_safe (l, next, &s->registry.by_age) {
        struct entry *e = CONTAINER_OF(l, struct entry, by_age);
        if (e->phase == ENTRY_ENDED)
            continue;
        int r = service_kill(s, e, false, REASON_SHUTDOWN);
        if (r < 0)
            LOG_WARN("cancel_not_sent", LOG_STR("exec", e->id), LOG_ERRNO(r));
    }
}

void service_drain(struct service *s, enum reactor_drain mode)
{
    s->is_draining = true;
    if (mode == REACTOR_DRAIN_HANDOVER) {
        s->is_handing_over = true;
        s->is_attached = false; /* what is pending stays so for the next server */
        service_release_all(s);
    }
    if (mode == REACTOR_DRAIN_CANCEL && !s->is_cancelling) {
        s->is_cancelling = true;
        service_cancel_all(s);
    }
}

void service_release_all(struct service *s)
{
    list_for_each_safe (l, next, &s->registry.by_age)
        waiters_wake(s->waiters, CONTAINER_OF(l, struct entry, by_age), true);
    service_stdin_fail_all(s);
    if (s->peers)
        peers_release_all(s->peers);
}

void service_tick(struct service *s)
{
    retention_run(s);
    if (s->peers)
        peers_tick(s->peers);
    if (s->mirror)
        mirror_tick(s->mirror);
    retention_check_disk(s);
    service_start_pending(s);
    metric_set(METRIC_JOURNAL_BYTES, NULL, NULL, (int64_t)s->registry.journal_bytes);
    metric_set(METRIC_EXECUTIONS, "pending", NULL, s->queue.pending);
    metric_set(METRIC_EXECUTIONS, "running", NULL, s->queue.running);
    metric_set(METRIC_EXECUTIONS, "finished", NULL, s->registry.ended);
}
