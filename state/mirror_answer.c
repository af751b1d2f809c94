/* What Redis answers to the mirror's commands. */
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/mirror_impl.h"

/* False: its answer means nothing, since one before it failed, or the execution was forgotten. */
static bool land(const struct mirror_flight *f)
{
    struct mirrored *x = f->execution;
    struct mirror *m = x->mirror;
    bool counts = !x->is_broken && !x->is_forgotten;
    x->in_flight--;
    m->in_flight--;
    m->in_flight_bytes -= f->bytes;
    mirror_go_on(m);
    if (x->in_flight == 0)
        x->is_broken = false;
    if (x->in_flight == 0 && x->is_forgotten)
        mirrored_free(x);
    return counts;
}

/* Redis has its end. */
static void settle(struct mirrored *x)
{
    x->is_settled = true;
    x->dirty_since_ms = 0;
    list_remove(&x->work);
    list_remove(&x->live);
    mirrored_settle(x);
}

/* It waited for the last of what had failed. */
static void go_on(struct mirrored *x)
{
    if (list_is_linked(&x->work))
        mirrored_mark(x, x->is_hurried);
}

/* It may have been written or not. Told apart by asking, once that is possible. */
static void lose(struct mirrored *x, enum redis_outcome o, const struct redisReply *r)
{
    struct mirror *m = x->mirror;
    x->phase = MIRRORED_UNKNOWN;
    x->is_broken = x->in_flight > 0;
    mirrored_announce(x, false);
    if (o == REDIS_E_ENDED)
        return;
    if (o == REDIS_E_REPLY) {
        if (!m->refused_ms)
            LOG_WARN("mirror_refused", LOG_STR("exec", x->id), LOG_STR("why", r->str));
        m->refused_ms = clock_mono_ms();
    }
    mirrored_mark(x, false);
}

static void repair(struct mirrored *x, const char *why)
{
    metric_add(METRIC_MIRROR_REPAIRS, why, NULL, 1);
    LOG_INFO("mirror_repairs", LOG_STR("exec", x->id), LOG_STR("why", why));
    x->phase = MIRRORED_FRESH;
    x->is_broken = x->in_flight > 0;
    mirrored_mark(x, true);
}

static void fence(struct mirrored *x, const char *name)
{
    struct mirror *m = x->mirror;
    enum execution_status status = EXECUTION_LOST;
    (void)execution_status_from_name(name, &status);
    metric_add(METRIC_MIRROR_FENCED, NULL, NULL, 1);
    LOG_WARN("mirror_fenced", LOG_STR("exec", x->id), LOG_STR("status", name));
    x->phase = MIRRORED_UNKNOWN; /* goes on once we say the same */
    x->is_broken = x->in_flight > 0;
    list_remove(&x->work);
    x->wants_meta = true;
    x->dirty_since_ms = 0;
    mirrored_announce(x, true);
    m->events->on_fenced(m->arg, x->id, status);
}

static const char *text_at(const struct redisReply *r, size_t i)
{
    if (r->type != REDIS_REPLY_ARRAY || i >= r->elements ||
        r->element[i]->type != REDIS_REPLY_STRING)
        return "";
    return r->element[i]->str;
}

static uint64_t count_at(const struct redisReply *r, size_t i)
{
    if (i >= r->elements || r->element[i]->type != REDIS_REPLY_INTEGER)
        return 0;
    return (uint64_t)r->element[i]->integer;
}

/* Lands and frees; *ret is a copy. False: the answer means nothing. */
static bool arrive(struct mirror_flight *f, struct mirror_flight *ret)
{
    struct mirrored *x = f->execution;
    bool is_gone = x->is_forgotten && x->in_flight == 1;
    bool counts = land(f);
    *ret = *f;
    free(f);
    if (!counts && !is_gone && x->in_flight == 0)
        go_on(x);
    return counts;
}

/* ---- asked ---- */

/* How large the events are that are there already: as their bytes, and what JSON adds. */
static void estimate(struct mirrored *x, uint64_t first, uint64_t end)
{
    uint64_t max = x->mirror->config->redis_max_output_bytes;
    struct journal_record rec;
    mirror_window_reset(&x->window, first);
    x->first_offset = x->output_bytes = 0;
    for (uint64_t at = first, step = (end - first) / MIRROR_STEPS + 1; at < end; at += step) {
        uint64_t next = at + step < end ? at + step : end;
        size_t n = 0;
        if (journal_records(x->journal, at, &rec, 1, &n) < 0 || n == 0)
            return;
        uint64_t begin = rec.offset;
        if (at == first)
            x->first_offset = begin;
        if (journal_records(x->journal, next - 1, &rec, 1, &n) < 0 || n == 0)
            return;
        x->output_bytes = rec.offset + rec.length;
        mirror_window_add(&x->window, next - at, x->output_bytes - begin + (next - at) * 80, max);
    }
}

static bool open_journal(struct mirrored *x)
{
    if (x->journal)
        return journal_refresh(x->journal) == 0;
    return journal_open(x->mirror->config->state_dir, x->id, &x->journal) == 0;
}

/* Redis has events first … end of it: is that a part of ours? */
static bool fits(struct mirrored *x, uint64_t first, uint64_t end)
{
    if (end == first)
        return first == 0;
    return open_journal(x) && end <= journal_events(x->journal) && first < end;
}

static void resume(struct mirrored *x, const char *status, uint64_t first, uint64_t end)
{
    struct mirror *m = x->mirror;
    struct mirror_facts facts;
    enum execution_status there;
    if (!m->events->describe(m->arg, x->id, &facts))
        return;
    if (!execution_status_from_name(status, &there))
        return repair(x, "unreadable");
    if (execution_status_is_final(there) && there != facts.status)
        return fence(x, status);
    if (!fits(x, first, end))
        return repair(x, "other_content");
    estimate(x, first, end);
    x->phase = MIRRORED_GOES;
    x->acked = end;
    x->written = there;
    if (execution_status_is_final(there) && !x->wants_meta &&
        (!x->journal || end == journal_events(x->journal))) {
        settle(x);
        return mirrored_announce(x, true);
    }
    x->wants_meta = true;
    mirrored_mark(x, true);
}

void mirror_on_asked(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct mirror_flight f;
    if (!arrive(arg, &f))
        return;
    struct mirrored *x = f.execution;
    if (o != REDIS_E_NONE)
        return lose(x, o, r);
    if (r->type != REDIS_REPLY_ARRAY || r->elements == 0) {
        if (x->written)
            return repair(x, "missing");
        x->phase = MIRRORED_FRESH;
        return mirrored_mark(x, true);
    }
    uint64_t first = strtoull(text_at(r, 1), NULL, 10);
    resume(x, text_at(r, 0), first, first + count_at(r, 2));
}

/* ---- written ---- */

static void acknowledge(struct mirrored *x, const struct mirror_flight *f)
{
    metric_add(METRIC_MIRROR_EVENTS, NULL, NULL, (int64_t)f->events);
    metric_add(METRIC_MIRROR_BYTES, NULL, NULL, (int64_t)f->bytes);
    x->mirror->refused_ms = 0;
    x->acked = f->end;
    mirrored_announce(x, true);
    if (f->is_last)
        return settle(x);
    /* What was marked since is younger than this. */
    x->dirty_since_ms = 0;
    if (list_is_linked(&x->work))
        mirrored_mark(x, x->is_hurried);
    else if (x->in_flight > 0)
        x->dirty_since_ms = clock_mono_ms();
}

/* What the script said, behind the RPUSH of its transaction. */
static const struct redisReply *last_part(const struct redisReply *r)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements > 0 ? r->element[r->elements - 1] : r;
}

void mirror_on_written(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct mirror_flight f;
    if (!arrive(arg, &f))
        return;
    struct mirrored *x = f.execution;
    if (o == REDIS_E_NONE && f.events > 0)
        r = last_part(r);
    if (r && r->type == REDIS_REPLY_ERROR && o == REDIS_E_NONE) {
        lose(x, REDIS_E_REPLY, r);
        x->phase = MIRRORED_FRESH; /* pushed, and nobody looked at what stood there */
        return;
    }
    if (o != REDIS_E_NONE)
        return lose(x, o, r);
    const char *verdict = text_at(r, 0);
    if (strcmp(verdict, "ok") == 0)
        acknowledge(x, &f);
    else if (strcmp(verdict, "gap") == 0)
        repair(x, strcmp(text_at(r, 1), "nothing") == 0 ? "missing" : "other_content");
    else
        fence(x, text_at(r, 1));
}
