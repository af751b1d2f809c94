/* What the service tells the mirror, and what the mirror asks and tells. */
#include "exec/peers.h"
#include "exec/service.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/journal.h"
#include "state/mirror.h"
#include "state/replica.h"

static struct entry *find_own(const struct service *s, const char *id)
{
    struct entry *e = registry_find(&s->registry, id);
    return e && !e->shadow ? e : NULL;
}

static bool describe(void *arg, const char *id, struct mirror_facts *ret)
{
    const struct entry *e = find_own(arg, id);
    if (!e)
        return false;
    *ret = (struct mirror_facts){.status = e->status,
                                 .started_us = e->started_us,
                                 .last_output_us = e->last_output_us,
                                 .changed_us = e->changed_us,
                                 .waiting = e->waiting,
                                 .inputs = e->inputs,
                                 .events = e->events};
    return true;
}

static void on_announced(void *arg, const char *id, bool is_written)
{
    struct service *s = arg;
    struct entry *e = find_own(s, id);
    if (!e)
        return;
    e->is_announcing = false;
    waiters_wake(s->waiters, e, e->phase == ENTRY_ENDED);
}

/* ---- declared lost ---- */

/* It has ended meanwhile, here. What others were told stands: there is one truth. */
static void end_as_lost(struct service *s, struct entry *e)
{
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, e->id);
    struct execution_exit x = {.ended_us = clock_real_us()};
    int r = journal_read_exit(dir, &x);
    x.reason = REASON_LOST;
    (void)snprintf(x.error, sizeof(x.error),
                   "another replica declared it lost while this one gave no sign of life");
    r = journal_write_exit(dir, &x);
    if (r < 0)
        LOG_ERROR("exit_not_written", LOG_STR("exec", e->id), LOG_ERRNO(r));
    e->status = EXECUTION_LOST;
    service_changed(s, e, NEWS_STATUS);
}

/* Another end than lost: we told of it, and our disk no longer knows, as after a loss of power or
 * from an older copy. Who asks gets what Redis has, as of another replica's. */
static void leave_to_redis(struct service *s, struct entry *e)
{
    char id[EXECUTION_ID_MAX + 1];
    memcpy(id, e->id, sizeof(id));
    retention_forget(s, e);
    if (news_is_watched(s->news, id))
        peers_watch(s->peers, id);
}

static void on_fenced(void *arg, const char *id, enum execution_status status)
{
    struct service *s = arg;
    struct entry *e = find_own(s, id);
    if (!e)
        return;
    LOG_WARN("execution_fenced", LOG_STR("exec", id), LOG_STR("session", e->session_id),
             LOG_STR("here", execution_status_name(e->status)),
             LOG_STR("status", execution_status_name(status)));
    if (e->phase == ENTRY_ENDED)
        return status == EXECUTION_LOST ? end_as_lost(s, e) : leave_to_redis(s, e);
    /* A keeper that is away is told when it is back (service_keeper.c). */
    if (service_kill(s, e, true, REASON_LOST) < 0)
        e->kill_reason = REASON_LOST;
}

/* ---- from the service ---- */

static void get_facts(void *arg, struct replica_facts *ret)
{
    const struct service *s = arg;
    *ret = (struct replica_facts){.version = MCP_EXECD_VERSION,
                                  .address = s->address,
                                  .capacity = s->config->max_concurrent,
                                  .running = s->queue.running,
                                  .pending = s->queue.pending,
                                  .is_draining = s->is_draining};
}

int service_mirror_init(struct service *s)
{
    static const struct mirror_events events = {
        .describe = describe, .on_announced = on_announced, .on_fenced = on_fenced};
    int r = replica_new(s->base, s->redis, s->config, &s->replica);
    if (r < 0)
        return r;
    replica_set_facts(s->replica, get_facts, s);
    const struct mirror_options mirror = {
        .base = s->base, .redis = s->redis, .config = s->config, .events = &events, .arg = s};
    r = mirror_new(&mirror, &s->mirror);
    if (r < 0)
        return r;
    list_for_each (l, &s->registry.by_age)
        (void)mirror_add(s->mirror, CONTAINER_OF(l, struct entry, by_age)->id, NULL);
    return 0;
}

void service_mirror_deinit(struct service *s)
{
    s->mirror = mirror_free(s->mirror);
    s->replica = replica_free(s->replica);
}

void service_mirror_added(struct service *s, struct entry *e)
{
    if (s->mirror)
        e->is_announcing = mirror_add(s->mirror, e->id, e->spec);
}

void service_mirror_changed(struct service *s, const struct entry *e, unsigned what)
{
    if (s->mirror && !e->shadow)
        mirror_changed(s->mirror, e->id, what & (NEWS_STATUS | NEWS_WAITS));
}

enum reactor_redis service_redis_state(const struct service *s)
{
    if (!s->redis)
        return REACTOR_REDIS_NONE;
    if (!redis_is_up(s->redis))
        return REACTOR_REDIS_AWAY;
    return replica_is_taken(s->replica) ? REACTOR_REDIS_ID_TAKEN : REACTOR_REDIS_OK;
}

bool service_is_mirroring(const struct service *s)
{
    return s->mirror && redis_is_up(s->redis) && !mirror_is_idle(s->mirror);
}
