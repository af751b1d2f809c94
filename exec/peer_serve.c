/*
 * The owner's end: entries of our own stream. A command is first taken out of it, and only who did
 * that carries it out, if its time is not over: by Redis' clock, that of the entry's id, and by
 * ours since we asked for it (this process may have been stopped meanwhile). It is then a call like
 * any other, of the principal's who asked, that comes home here.
 */
#include <stdio.h>

#include "exec/peer_command.h"
#include "exec/peers_impl.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/journal.h"
#include "state/redis_reply.h"

#define FIELDS_MAX     64u
#define REFILL_RECORDS 2048u
#define REFILL_BYTES   (256u << 10)
#define JOBS_FIRST     (UINT64_C(1) << 63) /* serials of calls from peers: no others are so large */

/* A command that is being carried out. */
struct job {
    struct peers *peers; /* borrowed */
    enum peer_op op;
    char id[PEER_ID_MAX + 1];
    char from[ID_REPLICA_MAX + 1];
    uint64_t ttl_ms, entry_ms; /* CLOCK_REALTIME of Redis: when it was put into the stream */
    uint64_t asked_ms;         /* CLOCK_MONOTONIC: when we asked for it */
    uint64_t before, down_to;
    struct call *call; /* owned until it is served */
};

/* KEYS stream; ARGV entry. The entry is ours if we deleted it; and what time it is. */
const char peer_claim_script[] = "local t = redis.call('TIME')\n"
                                 "return {redis.call('XDEL', KEYS[1], ARGV[1]),\n"
                                 "  t[1] * 1000 + math.floor(t[2] / 1000)}\n";

static void free_job(struct job *j)
{
    call_free(j->call);
    free(j);
}

static void answer(struct peers *p, const struct job *j, struct peer_message *m,
                   enum call_outcome o)
{
    const char *outcome = call_outcome_name(o);
    m->op = PEER_ANSWER;
    memcpy(m->id, j->id, sizeof(m->id));
    (void)snprintf(m->from, sizeof(m->from), "%s", p->config->replica_id);
    m->outcome = (struct peer_text){outcome, strlen(outcome)};

    metric_add(METRIC_PEER_COMMANDS, "served", NULL, 1);
    /* Lost: who asked finds the command gone, and says that it does not know. */
    DISREGARD(peer_send(p, j->from, m, NULL));
}

/* It has been carried out. */
static void come_home(struct call_home *home, struct call *c)
{
    struct job *j = c->arg;
    struct peer_message m = {.repeated = c->repeated,
                             .was_running = c->was_running,
                             .status = c->view.id[0] ? (uint64_t)c->view.status : 0};
    answer(j->peers, j, &m, c->outcome);
    call_free(c);
    free_job(j);
}

void peer_serve_init(struct peers *p)
{
    p->home.post = come_home;
    p->job_serial = JOBS_FIRST;
}

/* ---- output that Redis no longer has ---- */

/* The first of the records, so that all from it on fit into an answer: one at least. */
static size_t first_that_fits(const struct journal_record *recs, size_t n)
{
    uint64_t bytes = 0;
    size_t i = n;
    while (i > 0 && (i == n || bytes + recs[i - 1].length <= REFILL_BYTES))
        bytes += recs[--i].length;
    return i;
}

struct refill {
    char *dir;                   /* owned */
    struct journal *journal;     /* owned */
    struct journal_record *recs; /* owned; REFILL_RECORDS */
    char *data;                  /* owned; JOURNAL_RECORD_MAX */
    struct buf note;
};

static void refill_deinit(struct refill *f)
{
    free(f->dir);
    journal_close(f->journal);
    free(f->recs);
    free(f->data);
    buf_deinit(&f->note);
}

static bool write_event(struct refill *f, uint64_t number, const struct journal_record *rec,
                        struct buf *to)
{
    struct record_event e = {.number = number, .record = *rec, .data = f->data};
    f->note.len = 0;
    if (journal_read(f->journal, rec->offset, f->data, rec->length) < 0)
        return false;
    if (rec->note_bytes > 0) {
        if (!journal_read_note(f->dir, rec, &f->note))
            return false;
        e.data = f->note.data;
    }
    record_event_write(&e, NULL, to);
    buf_append_char(to, '\n');
    return true;
}

/* Those just before j->before, as many as fit. */
static enum call_outcome write_events(struct refill *f, const struct job *j, uint64_t from,
                                      struct buf *to)
{
    size_t n = 0;
    if (j->before - from > REFILL_RECORDS)
        from = j->before - REFILL_RECORDS;
    if (journal_records(f->journal, from, f->recs, j->before - from, &n) < 0 ||
        from + n != j->before)
        return CALL_E_INTERNAL;
    for (size_t i = first_that_fits(f->recs, n); i < n; i++) {
        if (!write_event(f, from + i, &f->recs[i], to))
            return CALL_E_INTERNAL;
    }
    return CALL_OK;
}

static enum call_outcome read_refill(struct job *j, const char *id, struct buf *to,
                                     uint64_t *ret_first)
{
    const char *state_dir = j->peers->config->state_dir;
    CLEANUP(refill_deinit)
    struct refill f = {.dir = journal_dir(state_dir, id),
                       .recs = xcalloc(REFILL_RECORDS, sizeof(*f.recs)),
                       .data = xcalloc(1, JOURNAL_RECORD_MAX)};
    if (journal_open(state_dir, id, &f.journal) < 0)
        return CALL_E_NOT_FOUND;
    uint64_t first = journal_first_event(f.journal);
    uint64_t from = j->down_to > first ? j->down_to : first;
    *ret_first = first;
    if (j->before > journal_events(f.journal) || j->before <= from)
        return CALL_OK; /* nothing */
    return write_events(&f, j, from, to);
}

static void refill(struct job *j)
{
    const struct call *c = j->call;
    CLEANUP(buf_deinit) struct buf data = {0};
    struct peer_message m = {0};
    const struct entry *e = registry_find_owned(&j->peers->service->registry, c->id, c->principal);
    enum call_outcome o =
        e && !e->shadow ? read_refill(j, c->id, &data, &m.first) : CALL_E_NOT_FOUND;
    if (o == CALL_OK)
        m.data = (struct peer_text){data.data ? data.data : "", data.len};
    answer(j->peers, j, &m, o);
    free_job(j);
}

/* ---- taking it ---- */

static void carry_out(struct job *j)
{
    LOG_DEBUG("peer_command", LOG_STR("peer", j->from), LOG_STR("command", j->id),
              LOG_STR("exec", j->call->id));
    if (j->op == PEER_REFILL)
        return refill(j);
    struct call *c = TAKE_PTR(j->call);
    c->arg = j;
    service_call(j->peers->service, c);
}

static void on_claimed(void *arg, enum redis_outcome o, const struct redisReply *reply)
{
    struct job *j = arg;
    struct peers *p = j->peers;
    p->n_jobs--;
    bool is_ours = o == REDIS_E_NONE && redis_reply_number(redis_reply_at(reply, 0)) == 1;
    uint64_t now = is_ours ? (uint64_t)redis_reply_number(redis_reply_at(reply, 1)) : 0;
    uint64_t age = (now > j->entry_ms ? now - j->entry_ms : 0) + clock_mono_ms() - j->asked_ms;
    if (is_ours && age <= j->ttl_ms && !p->is_released)
        return carry_out(j);
    LOG_INFO("peer_command_dropped", LOG_STR("peer", j->from), LOG_STR("command", j->id),
             LOG_U64("age_ms", age));
    free_job(j);
}

static struct job *new_job(struct peers *p, const char *entry_id, const struct peer_message *m)
{
    struct job *j = xcalloc(1, sizeof(*j));
    struct call *c = call_new(m->op == PEER_STDIN ? CALL_STDIN : CALL_CANCEL, &p->home, NULL, NULL);
    *j = (struct job){.peers = p,
                      .op = m->op,
                      .ttl_ms = m->ttl_ms,
                      .before = m->before,
                      .down_to = m->down_to,
                      .call = c};
    memcpy(j->id, m->id, sizeof(j->id));
    memcpy(j->from, m->from, sizeof(j->from));
    j->entry_ms = strtoull(entry_id, NULL, 10); /* <ms>-<n> */
    j->asked_ms = clock_mono_ms();
    c->serial = ++p->job_serial;
    c->is_of_peer = true;
    c->principal = xstrndup(m->principal.data, m->principal.len);
    memcpy(c->id, m->exec, sizeof(c->id));
    if (m->op == PEER_STDIN) {
        c->input.data = xcalloc(1, m->data.len + 1);
        if (m->data.len > 0)
            memcpy(c->input.data, m->data.data, m->data.len);
        c->input.len = m->data.len;
        c->input.eof = m->eof;
        if (m->input_id.data)
            c->input.input_id = xstrndup(m->input_id.data, m->input_id.len);
    }
    c->cancel.force = m->force;
    c->cancel.signo = (int)m->signo;
    return j;
}

static void claim(struct peers *p, const char *entry_id, const struct peer_message *m)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    CLEANUP(free_p) char *stream = peer_stream_key(p->config->replica_id);
    struct job *j = new_job(p, entry_id, m);
    redis_args_script(&args, &p->scripts[PEER_SCRIPT_CLAIM], 1);
    redis_args_str(&args, stream);
    redis_args_str(&args, entry_id);
    const struct redis_call call = {.on_reply = on_claimed, .arg = j};
    /* Not taken: it stays in the stream, and who sent it takes it back. */
    if (p->n_jobs >= p->config->redis_max_commands ||
        redis_command(p->redis, &call, &args) != REDIS_E_NONE)
        return free_job(j);
    p->n_jobs++;
}

static bool read_fields(const struct redisReply *fields, struct peer_message *ret)
{
    struct peer_text v[FIELDS_MAX];
    size_t n = redis_reply_count(fields);
    if (n > FIELDS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        v[i].data = redis_reply_text(redis_reply_at(fields, i), &v[i].len);
        if (!v[i].data)
            return false;
    }
    return peer_message_read(v, n, ret);
}

/* Of a message that needs no claim. */
static void remove_entry(struct peers *p, const char *entry_id)
{
    CLEANUP(free_p) char *stream = peer_stream_key(p->config->replica_id);

    DISREGARD(redis_ask(p->redis, NULL, "XDEL", stream, entry_id)); /* MAXLEN and TTL hold */
}

void peer_serve_entry(void *arg, const char *entry_id, const struct redisReply *fields)
{
    struct peers *p = arg;
    struct peer_message m;
    if (peers_is_id_taken(p))
        return; /* it is for the other one of this name */
    bool is_sound = read_fields(fields, &m);
    if (!is_sound)
        LOG_WARN("peer_message_not_understood", LOG_STR("entry", entry_id));
    else if (m.op == PEER_ANSWER)
        peer_command_answered(p, &m);
    else
        return claim(p, entry_id, &m);
    remove_entry(p, entry_id);
}
