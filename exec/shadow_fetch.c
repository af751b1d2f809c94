/*
 * Bringing a shadow up to date: the record and the events behind those that are here, in one script
 * call, so that both are of one moment. Nothing that comes is believed: what does not fit together
 * is asked for again.
 */
#include <errno.h>

#include "exec/peers_impl.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/redis_reply.h"

#define BATCH_MAX 4096u
/* Bytes of output: what is read at a time holds up the loop, some ms for a MiB of JSON. */
#define REPLY_SMALL (128u << 10)
#define REPLY_LARGE (512u << 10)
/* So often in a row a reply may not fit to what is here before that is given up. */
#define STUMBLES_MAX 5u

/* KEYS as of shadow_keys(); ARGV first event wanted, most events, TTL in ms ("0": leave it).
 * In the record's text a quote of a client's is escaped, so the pattern finds the member only. */
const char shadow_fetch_script[] =
    "local r = redis.call('GET', KEYS[1])\n"
    "if not r then return {} end\n"
    "if ARGV[3] ~= '0' then\n"
    "  for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end\n"
    "end\n"
    "local first = tonumber(string.match(r, '\"first_event\":(%d+)') or '0')\n"
    "local from = math.max(tonumber(ARGV[1]) - first, 0)\n"
    "local v = redis.call('LRANGE', KEYS[2], from, from + tonumber(ARGV[2]) - 1)\n"
    "table.insert(v, 1, r)\n"
    "return v\n";

static void on_reply(void *arg, enum redis_outcome o, const struct redisReply *reply);

static void send_fetch(struct shadow *sh)
{
    struct peers *p = sh->peers;
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    char *keys[SHADOW_KEYS_MAX];
    size_t n = shadow_keys(sh, keys);
    uint64_t now = clock_mono_ms();
    bool is_touch = now - sh->touched_ms >= p->config->retention_ttl_ms / 8;
    redis_args_script(&args, &p->scripts[PEER_SCRIPT_FETCH], n);
    for (size_t i = 0; i < n; i++)
        redis_args_str(&args, keys[i]);
    redis_args_u64(&args, sh->file->events);
    redis_args_u64(&args, sh->batch);
    sh->asked = sh->batch;
    redis_args_u64(&args, is_touch ? p->config->retention_ttl_ms : 0);
    const struct redis_call call = {.on_reply = on_reply, .arg = sh};
    enum redis_outcome o = redis_command(p->redis, &call, &args);
    for (size_t i = 0; i < n; i++)
        free(keys[i]);
    sh->is_fetching = o == REDIS_E_NONE;
    if (!sh->is_fetching)
        return shadow_unserved(sh, peers_outcome_of(o));
    if (is_touch)
        sh->touched_ms = now;
}

void shadow_fetch(struct shadow *sh)
{
    if (sh->is_fetching || sh->is_final)
        return;
    list_for_each_safe (l, next, &sh->next) {
        list_remove(l);
        list_append(&sh->now, l);
    }
    sh->is_dirty = false;
    sh->sent_ms = clock_mono_ms();
    send_fetch(sh);
}

/* ---- what came ---- */

/* A record that says how it ended says how many events there are. One that was declared lost does
 * not know what was written since it was read; and while it runs, the record may be older than the
 * list. */
static bool has_all_events(const struct record *r)
{
    return r->has_exit && r->status != EXECUTION_LOST;
}

/* The texts of events base … as events. False: they are not these. */
static bool read_events(const struct redisReply *reply, uint64_t base, uint64_t most,
                        struct shadow_events *v)
{
    CLEANUP(buf_deinit) struct buf data = {0};
    for (size_t i = 1; i < redis_reply_count(reply) && v->n < most; i++) {
        size_t len;
        const char *text = redis_reply_text(redis_reply_at(reply, i), &len);
        struct record_event ev;
        if (!text || !record_event_read(text, len, &data, &ev) || ev.number != base + v->n)
            return false;
        shadow_events_add(v, &ev.record, ev.data);
    }
    return true;
}

/* The record may be older than the list. */
static void note_output(struct shadow *sh, const struct shadow_events *v)
{
    struct journal_record last;
    for (size_t i = v->n; i > 0; i--) {
        memcpy(&last, v->records.data + (i - 1) * sizeof(last), sizeof(last));
        if (last.length == 0)
            continue;
        sh->entry->last_output_us = last.time_us;
        return;
    }
}

/* 0; 1: it does not fit; -errno. */
static int take_events(struct shadow *sh, const struct record *r, const struct redisReply *reply)
{
    struct shadow_file *f = sh->file;
    CLEANUP(shadow_events_deinit) struct shadow_events v = {0};
    uint64_t base = f->events > r->first_event ? f->events : r->first_event;
    uint64_t left = r->events > base ? r->events - base : 0;
    uint64_t most = has_all_events(r) ? left : UINT64_MAX;
    if (!read_events(reply, base, most, &v))
        return 1;
    if (v.n == 0)
        return 0;
    note_output(sh, &v);
    sh->batch = v.bytes.len < REPLY_SMALL && sh->batch < BATCH_MAX ? 2 * sh->batch : sh->batch;
    sh->batch = v.bytes.len > REPLY_LARGE && sh->batch > 8 ? sh->batch / 2 : sh->batch;
    if (!shadow_make_room(sh->peers, sh, v.bytes.len + v.records.len))
        return -ENOSPC;
    int error;
    if (f->index_fd < 0 || base > f->events)
        error = base > 0 && base != r->first_event
                    ? 1
                    : shadow_file_begin(f, base, r->first_offset, &v);
    else
        error = shadow_file_append(f, &v);
    shadow_count_size(sh);
    return error;
}

/* What was written here by way of its owner is known before the record that tells of it comes. */
static void fill_waiting(struct entry *e, const struct record *r)
{
    if (r->inputs < e->inputs)
        return;
    e->inputs = r->inputs;
    e->waiting = execution_status_is_final(r->status) ? WAITING_NO : r->waiting;
}

static void fill_entry(struct shadow *sh, const struct record *r)
{
    struct entry *e = sh->entry;
    fill_waiting(e, r);
    e->changed_us = r->changed_us;
    e->started_us = r->started_us;
    if (r->last_output_us > e->last_output_us)
        e->last_output_us = r->last_output_us;
    e->events = sh->file->events;
    e->output_bytes = sh->file->output_bytes;
    if (e->status == r->status || execution_status_is_final(r->status))
        return;
    e->status = r->status;
    e->phase = r->status == EXECUTION_PENDING ? ENTRY_PENDING : ENTRY_RUNNING;
}

/* All events are here, and how it ended is known: from now on it is as good as the original. But
 * the owner of one that was declared lost may come back, with more output and its own account. */
static int finish(struct shadow *sh, const struct record *r)
{
    struct journal_sums sums;
    bool is_lost = r->status == EXECUTION_LOST;
    bool has_sums = !is_lost && r->stdout_sha256[0] && r->stderr_sha256[0];
    static_assert(sizeof(sums.stdout_hex) == sizeof(r->stdout_sha256), "both are SHA-256 in hex");
    memcpy(sums.stdout_hex, r->stdout_sha256, sizeof(sums.stdout_hex));
    memcpy(sums.stderr_hex, r->stderr_sha256, sizeof(sums.stderr_hex));
    struct execution_exit x = r->exit;
    if (!has_all_events(r)) {
        x.events = sh->file->events;
        x.output_bytes = sh->file->output_bytes;
    }
    int error = shadow_file_finish(sh->file, &x, has_sums ? &sums : NULL);
    if (error < 0)
        return error;
    sh->entry->status = r->status;
    sh->entry->phase = ENTRY_ENDED;
    if (is_lost)
        return 0;
    sh->is_final = true;
    sh->is_dirty = false;
    sh->subscription = redis_unsubscribe(sh->subscription);
    return 0;
}

static void fail(struct shadow *sh, int error)
{
    LOG_ERROR("shadow_not_written", LOG_STR("exec", sh->entry->id), LOG_ERRNO(error));
    sh->is_dirty = true;
    sh->failed_ms = clock_mono_ms();
    shadow_release(sh, error == -ENOSPC || error == -EDQUOT ? CALL_E_LOW_DISK : CALL_E_INTERNAL);
}

/* What came can't be joined to what is here: asked again, at the end without the rest. */
static void stumble(struct shadow *sh)
{
    sh->stumbles++;
    metric_add(METRIC_SHADOW_REPAIRS, NULL, NULL, 1);
    LOG_WARN("mirror_does_not_fit", LOG_STR("exec", sh->entry->id),
             LOG_U64("events", sh->file->events), LOG_U64("times", sh->stumbles));
    if (sh->stumbles < STUMBLES_MAX)
        return send_fetch(sh);
    sh->stumbles = 0;
    sh->failed_ms = clock_mono_ms();
    shadow_unserved(sh, CALL_E_REDIS_AWAY);
}

static void done(struct shadow *sh, const struct record *r, uint64_t events_before)
{
    struct entry *e = sh->entry;
    enum execution_status was = e->status;
    enum execution_waiting waited = e->waiting;
    bool has_more = sh->file->events > events_before;
    fill_entry(sh, r);
    int error = r->has_exit ? finish(sh, r) : 0;
    if (error < 0)
        return fail(sh, error);
    sh->stumbles = 0;
    sh->fetched_ms = sh->sent_ms;
    unsigned what = (e->status != was ? NEWS_STATUS : 0u) | (has_more ? NEWS_OUTPUT : 0u) |
                    (e->waiting != waited ? NEWS_WAITS : 0u);
    if (what)
        service_changed(sh->peers->service, e, what);
    shadow_settle_all(sh, &sh->now);
    if (sh->is_final)
        shadow_settle_all(sh, &sh->next);
    else if (!list_is_empty(&sh->next) || (sh->is_dirty && shadow_is_wanted(sh)))
        shadow_fetch(sh);
}

static void take_record(struct shadow *sh, const struct record *r, const struct redisReply *reply)
{
    uint64_t before = sh->file->events;
    int error = take_events(sh, r, reply);
    if (error < 0)
        return fail(sh, error);
    if (error > 0)
        return stumble(sh);
    bool is_last = redis_reply_count(reply) <= sh->asked; /* the record is one of them */
    if (has_all_events(r) && sh->file->events >= r->events)
        is_last = true;
    bool is_stuck = is_last && sh->file->events == before && before < r->events;
    if (is_stuck && ++sh->stumbles < STUMBLES_MAX)
        return send_fetch(sh);
    if (is_stuck) {
        metric_add(METRIC_SHADOW_REPAIRS, NULL, NULL, 1);
        LOG_WARN("mirror_is_short", LOG_STR("exec", sh->entry->id),
                 LOG_U64("events", sh->file->events), LOG_U64("of", r->events));
    }
    if (!is_last)
        return send_fetch(sh);
    done(sh, r, sh->entry->events);
}

/* It expired, or Redis came back without it, and its owner has not written it again yet. Of a lost
 * one, whose owner may be gone for good, this copy may be all that there is. */
static void record_is_missing(struct shadow *sh)
{
    if (sh->entry->phase == ENTRY_ENDED)
        sh->fetched_ms = sh->sent_ms;
    else if (!sh->missing_ms)
        sh->missing_ms = clock_mono_ms();
    sh->is_dirty = sh->entry->phase != ENTRY_ENDED;
    shadow_unserved(sh, CALL_E_REDIS_AWAY);
}

static void on_reply(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct shadow *sh = arg;
    struct record r = {0};
    sh->is_fetching = false;
    if (!sh->entry)
        return shadow_free_forgotten(sh);
    if (o != REDIS_E_NONE) {
        sh->is_dirty = true;
        return shadow_unserved(sh, peers_outcome_of(o));
    }
    if (redis_reply_count(reply) == 0)
        return record_is_missing(sh);
    sh->missing_ms = 0;
    size_t len;
    const char *text = redis_reply_text(redis_reply_at(reply, 0), &len);
    if (!text || !record_read(text, len, &r))
        return stumble(sh);
    if (strcmp(r.id, sh->entry->id) != 0 || strcmp(r.principal, sh->entry->principal) != 0)
        stumble(sh);
    else
        take_record(sh, &r, reply);
    record_deinit(&r);
}
