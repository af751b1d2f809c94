/*
 * One step of one execution: look what there is, write what fits.
 *
 * The record says an end only with the step that brings the last event, and once the sums of the
 * output are known: until then it says "running", so that whoever sees an end sees all of it. While
 * output streams by, the record is written with each step when it is small, else once in a while:
 * the list is what counts.
 */
#include <errno.h>

#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/mirror_impl.h"
#include "state/spec.h"

#define META_SMALL   4096u
#define META_EACH_MS 1000u

/* ---- what never changes ---- */

void mirrored_set_hash(struct mirrored *x, const char *hash)
{
    if (hash && strlen(hash) == sizeof(x->request_hash) - 1)
        memcpy(x->request_hash, hash, sizeof(x->request_hash));
}

static bool load_constants(struct mirrored *x)
{
    CLEANUP(exec_spec_freep) struct exec_spec *spec = NULL;
    if (x->has_constants)
        return true;
    CLEANUP(free_p) char *dir = journal_dir(x->mirror->config->state_dir, x->id);
    if (exec_spec_read(dir, &spec) < 0)
        return false;
    x->principal = TAKE_PTR(spec->principal);
    x->session_id = TAKE_PTR(spec->session_id);
    x->command = TAKE_PTR(spec->command);
    x->output = TAKE_PTR(spec->output);
    mirrored_set_hash(x, spec->request_hash);
    x->interactive = spec->interactive;
    x->created_us = spec->created_us;
    x->has_constants = true;
    return true;
}

void mirrored_settle(struct mirrored *x)
{
    free(x->principal);
    free(x->session_id);
    free(x->command);
    free(x->output);
    x->principal = x->session_id = x->command = x->output = NULL;
    x->has_constants = false;
    x->journal = journal_close(x->journal);
}

/* ---- sums ---- */

/* Less than this is hashed at once: it costs less than asking somebody else. */
#define HASH_AT_ONCE_MAX (64u << 10)

void mirrored_set_sums(struct mirrored *x, const struct journal_sums *sums)
{
    x->has_sums = sums ? SUMS_KNOWN : SUMS_NONE;
    if (sums)
        x->sums = *sums;
}

/* Of one that has ended. */
static void find_sums(struct mirrored *x)
{
    struct mirror *m = x->mirror;
    struct journal_sums sums;
    if (!x->journal)
        return mirrored_set_sums(x, NULL);
    if (journal_output_bytes(x->journal) <= HASH_AT_ONCE_MAX)
        return mirrored_set_sums(x, journal_sums_of(x->journal, &sums) == 0 ? &sums : NULL);
    x->has_sums = SUMS_ASKED;
    m->hashing++;
    mirror_hasher_ask(m->hasher, x->id);
}

/* ---- a step ---- */

struct step {
    struct mirror_facts facts;
    struct execution_exit exit;
    bool has_exit;
    uint64_t events; /* in the journal */
    bool is_last;    /* brings the last event of one that has ended */
    bool is_new;
    uint64_t trim;
    /* as it will be */
    struct mirror_window window;
    uint64_t output_bytes, first_offset;
};

/* 0, or -errno; a journal that has not begun is empty. */
static int look(struct mirrored *x, struct step *s)
{
    const char *state_dir = x->mirror->config->state_dir;
    if (execution_status_is_final(s->facts.status)) {
        CLEANUP(free_p) char *dir = journal_dir(state_dir, x->id);
        int r = journal_read_exit(dir, &s->exit);
        if (r < 0 && s->facts.status != EXECUTION_LOST)
            return r == -ENOENT ? -EBADMSG : r;
        if (r < 0) /* it could not be written (exec/service.c) */
            s->exit = (struct execution_exit){.reason = REASON_LOST};
        s->has_exit = true;
    }
    int r = x->journal ? journal_refresh(x->journal) : journal_open(state_dir, x->id, &x->journal);
    if (r == -ENOENT)
        return 0;
    s->events = r < 0 ? 0 : journal_events(x->journal);
    return r;
}

/* Where the list begins when it is written anew: what retention has left. */
static void begin_anew(struct mirrored *x, uint64_t first, uint64_t offset)
{
    mirror_window_reset(&x->window, first);
    x->first_offset = x->output_bytes = offset;
    x->written = 0;
}

static int read_journal(struct mirrored *x, const struct step *s)
{
    CLEANUP(free_p) char *dir = journal_dir(x->mirror->config->state_dir, x->id);
    const struct mirror_source src = {
        .journal = x->journal, .dir = dir, .exit = s->has_exit ? &s->exit : NULL};
    return mirror_slice_read(&x->mirror->slice, &src, x->window.end);
}

static int read_slice(struct mirrored *x, struct step *s)
{
    struct mirror_slice *slice = &x->mirror->slice;
    slice->n = slice->json.len = 0;
    s->is_new = x->phase == MIRRORED_FRESH;
    if (x->journal && x->window.end < journal_first_event(x->journal))
        s->is_new = true; /* retention was faster than we: there is a gap anyway */
    if (s->is_new)
        begin_anew(x, x->journal ? journal_first_event(x->journal) : 0,
                   x->journal ? journal_first_offset(x->journal) : 0);
    int r = x->journal ? read_journal(x, s) : 0;
    if (r < 0)
        return r;
    if (s->has_exit && x->has_sums == SUMS_UNKNOWN)
        find_sums(x);
    s->is_last = s->has_exit && x->has_sums != SUMS_ASKED && x->window.end + slice->n == s->events;
    return 0;
}

/* The offset of an event that is or was in the journal. */
static uint64_t offset_of(const struct mirrored *x, uint64_t event, uint64_t preset)
{
    struct journal_record rec;
    size_t n = 0;
    if (!x->journal || journal_records(x->journal, event, &rec, 1, &n) < 0 || n == 0)
        return preset;
    return rec.offset;
}

static void plan(const struct mirrored *x, struct step *s)
{
    const struct mirror_slice *slice = &x->mirror->slice;
    uint64_t max = x->mirror->config->redis_max_output_bytes;
    s->window = x->window;
    s->output_bytes = slice->n ? slice->output_bytes : x->output_bytes;
    s->first_offset = x->first_offset;
    if (slice->n > 0)
        mirror_window_add(&s->window, slice->n, slice->json.len, max);
    s->trim = mirror_window_trim(&s->window, max);
    if (s->trim > 0)
        s->first_offset = offset_of(x, s->window.first, s->output_bytes);
}

static void write_meta(struct mirrored *x, const struct step *s, enum execution_status shown)
{
    struct mirror *m = x->mirror;
    struct record r = {
        .status = shown,
        .principal = x->principal,
        .session_id = x->session_id,
        .command = x->command,
        .output = x->output,
        .interactive = x->interactive,
        .waiting = s->facts.waiting,
        .inputs = s->facts.inputs,
        .changed_us = s->facts.changed_us,
        .created_us = x->created_us,
        .started_us = s->facts.started_us,
        .last_output_us = s->facts.last_output_us,
        .events = s->window.end,
        .output_bytes = s->output_bytes,
        .first_event = s->window.first,
        .first_offset = s->first_offset,
        .has_exit = s->is_last,
    };
    memcpy(r.id, x->id, sizeof(r.id));
    memcpy(r.request_hash, x->request_hash, sizeof(r.request_hash));
    memcpy(r.replica, m->config->replica_id, strlen(m->config->replica_id) + 1);
    if (s->is_last)
        r.exit = s->exit;
    if (s->is_last && x->has_sums == SUMS_KNOWN) {
        memcpy(r.stdout_sha256, x->sums.stdout_hex, sizeof(r.stdout_sha256));
        memcpy(r.stderr_sha256, x->sums.stderr_hex, sizeof(r.stderr_sha256));
    }
    m->meta.len = 0;
    record_write(&r, &m->meta);
}

static bool is_meta_due(const struct mirrored *x, const struct step *s, enum execution_status shown,
                        uint64_t now)
{
    /* A list that begins to exist gets its time to live with the record. */
    bool begins = x->window.end == x->window.first && s->window.end > s->window.first;
    return s->is_new || s->is_last || s->trim > 0 || x->wants_meta || x->written != shown ||
           begins || strlen(x->command) < META_SMALL || now - x->meta_ms >= META_EACH_MS;
}

static bool write_step(struct mirrored *x, struct step *s)
{
    struct mirror *m = x->mirror;
    uint64_t now = clock_mono_ms();
    enum execution_status truth =
        s->has_exit ? execution_status_of(s->exit.reason) : s->facts.status;
    enum execution_status shown = s->has_exit && !s->is_last ? EXECUTION_RUNNING : truth;
    struct mirror_write w = {.truth = truth,
                             .shown = shown,
                             .trim = s->trim,
                             .is_new = s->is_new,
                             .is_last = s->is_last,
                             .first = x->window.first,
                             .length = x->window.end - x->window.first,
                             .end = s->window.end,
                             .slice = &m->slice};
    if (x->waiting != s->facts.waiting || x->inputs != s->facts.inputs)
        x->wants_meta = true;
    if (m->slice.n == 0 && !s->is_new && !x->wants_meta && x->written == shown)
        return true; /* nothing to say */
    bool has_meta = is_meta_due(x, s, shown, now);
    if (has_meta) {
        write_meta(x, s, shown);
        w.meta = m->meta.data;
        w.meta_len = m->meta.len;
    }
    if (!mirror_send_write(x, &w))
        return false;
    if (has_meta) {
        x->written = shown;
        x->meta_ms = x->ttl_ms = now;
        x->wants_meta = false;
        x->waiting = s->facts.waiting;
        x->inputs = s->facts.inputs;
    }
    x->phase = MIRRORED_GOES;
    x->window = s->window;
    x->output_bytes = s->output_bytes;
    x->first_offset = s->first_offset;
    if (!s->is_last && m->slice.n > 0 && x->window.end < s->events)
        mirrored_mark(x, true); /* one slice was not all */
    return true;
}

static bool give_up(struct mirrored *x, const char *what, int error)
{
    LOG_ERROR("not_mirrored", LOG_STR("exec", x->id), LOG_STR("why", what), LOG_ERRNO(error));
    x->phase = MIRRORED_OUT;
    x->dirty_since_ms = 0;
    mirrored_settle(x);
    list_remove(&x->live);
    mirrored_announce(x, false);
    return true;
}

bool mirrored_step(struct mirrored *x, size_t *ret_bytes)
{
    struct mirror *m = x->mirror;
    struct step s = {0};
    *ret_bytes = 0;
    if (x->phase == MIRRORED_OUT || !m->events->describe(m->arg, x->id, &s.facts))
        return true; /* mirror_forget() is on its way */
    if (!load_constants(x))
        return give_up(x, "spec.json can't be read", -EBADMSG);
    if (x->phase == MIRRORED_UNKNOWN)
        return mirror_send_ask(x);
    int r = look(x, &s);
    if (r == 0)
        r = read_slice(x, &s);
    if (r == -ENODATA) { /* retention was faster */
        mirrored_mark(x, false);
        return true;
    }
    if (r < 0)
        return give_up(x, "the journal can't be read", r);
    plan(x, &s);
    *ret_bytes = m->slice.json.len;
    return write_step(x, &s);
}
