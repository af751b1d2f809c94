/*
 * From a call to a running command: checks, the idempotency key, the spec on disk, the line, the
 * keeper.
 *
 * The order makes "at most one start" true over a crash at any point: spec.json is written before
 * the keeper hears of the execution, and the keeper creates the journal's index with O_EXCL, so
 * that a start asked for twice (by this server and by the one before it) happens once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "exec/keeper_wire.h"
#include "exec/peers.h"
#include "exec/service.h"
#include "exec/tree_limits.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/journal.h"

#define KEEPER_PATIENCE_MS 5000u /* a keeper away for longer is reported, not waited for */
#define START_PATIENCE_MS \
    10000u /* a start that nobody waits for is answered by then as it stands */

/* What does not depend on the request: is there room for one more? */
static enum call_outcome check_room(struct service *s, const struct call *c)
{
    if (s->is_draining)
        return CALL_E_DRAINING;
    if (s->keeper_gone_ms && clock_mono_ms() - s->keeper_gone_ms > KEEPER_PATIENCE_MS)
        return CALL_E_KEEPER_AWAY;
    if (s->is_disk_low)
        return CALL_E_LOW_DISK;
    if (queue_group_active(&s->queue, c->principal, c->session_id) >= s->config->max_per_session)
        return CALL_E_SESSION_LIMIT;
    if (s->queue.pending >= s->config->max_pending)
        return CALL_E_PENDING_FULL;
    return CALL_OK;
}

static void park_start(struct service *s, struct call *c, struct entry *e)
{
    if (c->until == CALL_UNTIL_NOTHING)
        c->deadline_ms = clock_mono_ms() + START_PATIENCE_MS;
    if (waiters_is_due(c, e) || !waiters_park(s->waiters, c, e))
        service_answer(c, CALL_OK, e);
}

/* The same key again: the execution of the first time, if it is the same request. */
static bool serve_repeat(struct service *s, struct call *c)
{
    if (!c->spec->idempotency_key)
        return false;
    struct entry *e = registry_find_key(&s->registry, c->principal, c->spec->idempotency_key);
    if (!e)
        return false;
    if (!e->request_hash || !c->spec->request_hash ||
        strcmp(e->request_hash, c->spec->request_hash) != 0) {
        service_answer(c, CALL_E_KEY_REUSED, e);
        return true;
    }
    c->repeated = true;
    memcpy(c->id, e->id, sizeof(c->id));
    park_start(s, c, e);
    return true;
}

/* Makes the directory and spec.json: from here on it is accepted, also if we die now. */
static int write_spec(const struct service *s, const struct exec_spec *spec)
{
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, spec->id);
    if (mkdir(dir, 0700) < 0)
        return -errno;
    int r = exec_spec_write(spec, dir);
    if (r < 0)
        (void)rmdir(dir); /* nothing is in it; the sweep removes what has no spec anyway */
    return r;
}

static size_t strings_size(char *const *v)
{
    size_t n = 0;
    for (; *v; v++)
        n += strlen(*v) + 1;
    return n;
}

static bool fits_one_message(const struct exec_spec *s)
{
    /* 8 bytes of framing a string at most, and room for ids, paths and limits. */
    size_t n = strings_size(s->argv) + strings_size(s->env) + strlen(s->cwd) + 8192;
    if (s->sandbox)
        n += strings_size(s->sandbox->wrap) + strings_size(s->sandbox->checks) + KEEPER_FILTER_MAX;
    for (char **p = s->argv; *p; p++)
        n += 8;
    for (char **p = s->env; *p; p++)
        n += 8;
    return n <= KEEPER_MESSAGE_MAX;
}

static enum call_outcome outcome_of_errno(int r)
{
    return r == -ENOSPC || r == -EDQUOT ? CALL_E_LOW_DISK : CALL_E_INTERNAL;
}

static void refuse(struct service *s, struct call *c, enum call_outcome o)
{
    if (s->peers && c->spec->idempotency_key)
        peers_unreserve(s->peers, c->spec);
    service_answer(c, o, NULL);
}

/* Its id is made, and its key, if it has one, is its own. */
static void accept_start(struct service *s, struct call *c)
{
    c->error = write_spec(s, c->spec);
    if (c->error < 0) {
        LOG_ERROR("spec_not_written", LOG_STR("exec", c->spec->id), LOG_ERRNO(c->error));
        return refuse(s, c, outcome_of_errno(c->error));
    }
    struct entry *e = registry_add(&s->registry, c->spec);
    e->accepted_mono_us = clock_mono_us();
    e->spec = TAKE_PTR(c->spec);
    memcpy(c->id, e->id, sizeof(c->id));
    service_mirror_added(s, e);
    list_news_mark(s->list_news, e->principal);
    queue_push(&s->queue, e);
    service_start_pending(s);
    park_start(s, c, e);
}

void service_start_reserved(struct service *s, struct call *c)
{
    enum call_outcome o = check_room(s, c);
    if (o != CALL_OK)
        return refuse(s, c, o);
    accept_start(s, c);
}

void service_start_repeated(struct service *s, struct call *c)
{
    struct entry *e = registry_find_owned(&s->registry, c->id, c->principal);
    if (!e)
        peers_call(s->peers, c);
    else if (e->shadow)
        peers_serve(s->peers, c, e);
    else
        park_start(s, c, e);
}

void service_start(struct service *s, struct call *c)
{
    if (serve_repeat(s, c))
        return;
    enum call_outcome o = check_room(s, c);
    if (o == CALL_OK && !fits_one_message(c->spec))
        o = CALL_E_TOO_BIG;
    if (o != CALL_OK)
        return service_answer(c, o, NULL);
    id_make(s->config->replica_id, c->spec->id);
    c->spec->created_us = clock_real_us();
    if (s->peers && c->spec->idempotency_key)
        peers_reserve(s->peers, c);
    else
        accept_start(s, c);
}

/* A pending execution of an earlier server has its spec on disk only. */
static int load_spec(const struct service *s, struct entry *e)
{
    if (e->spec)
        return 0;
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, e->id);
    return exec_spec_read(dir, &e->spec);
}

/* Limits that would hold for less than the whole tree: false when such are not wanted. Of what the
 * call itself asked for, its execution says so. */
static bool check_limits(const struct service *s, struct entry *e)
{
    const struct execution_limits *l = &e->spec->limits;
    unsigned missing = tree_limits_missing(tree_limits_of_host(&s->host), l);

    e->weak_limits = missing & tree_limits_asked(s->config, l);
    return missing == 0 || !s->config->require_tree_limits;
}

/* Why it must not be started; NULL: nothing is against it. */
static const char *find_obstacle(const struct service *s, struct entry *e)
{
    if (!e->spec->sandbox && s->isolation)
        return "it was accepted without a sandbox, which sandbox.profile asks for now: start it "
               "again";
    if (e->spec->sandbox && !s->isolation)
        return "it was accepted for a sandbox, and sandbox.profile has none now: start it again";
    if (!check_limits(s, e))
        return "limits that do not hold for all processes together are not wanted "
               "(limits.require_tree), see /health/ready";
    return NULL;
}

/* 0: handed over. -EAGAIN: later. Other -errno: this one can't be started at all; *ret_why is more
 * than its text, or NULL. */
static int hand_over(struct service *s, struct entry *e, const char **ret_why)
{
    int r = load_spec(s, e);
    if (r < 0)
        return r;
    if ((*ret_why = find_obstacle(s, e)))
        return -EPERM;
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, e->id);
    r = keeper_client_spawn(s->keeper, e->spec, dir);
    return r == -ENOTCONN || r == -ENOBUFS ? -EAGAIN : r;
}

/* False when the rest has to wait: on_ready, the next end or the tick tries again. */
static bool start_next(struct service *s)
{
    const char *why = NULL;
    struct entry *e = queue_pop(&s->queue);
    if (!e)
        return false;
    int r = hand_over(s, e, &why);
    if (r == -EAGAIN) {
        queue_unpop(&s->queue, e);
        return false;
    }
    if (r < 0) {
        char error[200];
        (void)snprintf(error, sizeof(error), "start: %s", why ? why : strerror(-r));
        service_end_without_keeper(s, e, REASON_SPAWN_FAILED, error);
        return true;
    }
    e->spec = exec_spec_free(e->spec);
    return true;
}

void service_start_pending(struct service *s)
{
    if (s->is_starting)
        return; /* one that could not be started ended: the loop below goes on */
    s->is_starting = true;
    while (s->is_attached && s->queue.running < s->config->max_concurrent && start_next(s))
        ;
    s->is_starting = false;
}
