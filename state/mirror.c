#include "state/mirror.h"

#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"
#include "state/mirror_impl.h"

/* Work of one turn of the loop: JSON that is made, and executions that are looked at. */
#define TURN_BYTES (256u << 10)
#define TURN_LOOKS 64u
/* Commands on their way: more make nothing faster. */
#define FLIGHT_MAX 256u
/* After a refusal (the memory of Redis is full) nothing is tried for so long. */
#define REFUSED_MS 1000u

static struct mirrored *of_work(struct list *l)
{
    return CONTAINER_OF(l, struct mirrored, work);
}

/* ---- one ---- */

void mirrored_announce(struct mirrored *x, bool is_written)
{
    struct mirror *m = x->mirror;
    if (!x->is_announcing)
        return;
    x->is_announcing = false;
    m->events->on_announced(m->arg, x->id, is_written);
}

void mirrored_free(struct mirrored *x)
{
    list_remove(&x->work);
    list_remove(&x->live);
    mirrored_settle(x);
    free(x);
}

/* It has something to write. A calm one becomes hurried, never the other way round. */
void mirrored_mark(struct mirrored *x, bool is_hurried)
{
    struct mirror *m = x->mirror;
    const struct timeval batch = {.tv_sec = (time_t)(m->config->redis_batch_ms / 1000),
                                  .tv_usec =
                                      (suseconds_t)(m->config->redis_batch_ms % 1000 * 1000)};
    if (!x->dirty_since_ms)
        x->dirty_since_ms = clock_mono_ms();
    if (!list_is_linked(&x->work) || (is_hurried && !x->is_hurried)) {
        list_remove(&x->work);
        x->is_hurried = is_hurried;
        list_append(is_hurried ? &m->hurried : &m->calm, &x->work);
    }
    if (!redis_is_up(m->redis))
        return; /* on_up begins */
    if (is_hurried && !evtimer_pending(m->on_work, NULL))
        event_active(m->on_work, EV_TIMEOUT, 0);
    else if (!is_hurried && !evtimer_pending(m->on_batch, NULL))
        (void)evtimer_add(m->on_batch, &batch);
}

/* ---- the work ---- */

static bool has_room(const struct mirror *m)
{
    if (m->refused_ms && (m->in_flight > 0 || clock_mono_ms() - m->refused_ms < REFUSED_MS))
        return false; /* one that is taken ends it */
    return redis_is_up(m->redis) && m->in_flight < FLIGHT_MAX &&
           m->in_flight_bytes < m->config->redis_max_queue_bytes / 2;
}

/* One turn over the list: who is in flight keeps its place for the answer. */
static void work_list(struct mirror *m, struct list *from, size_t *budget, unsigned *looks)
{
    struct list waiting;
    struct list *l;
    list_init(&waiting);
    while (*budget > 0 && *looks > 0 && has_room(m) && (l = list_first(from))) {
        struct mirrored *x = of_work(l);
        size_t bytes = 0;
        list_remove(l);
        (*looks)--;
        if (mirrored_waits(x)) {
            list_append(&waiting, l);
            continue;
        }
        if (!mirrored_step(x, &bytes)) {
            m->is_full = true;
            list_append(&waiting, l);
            break;
        }
        if (x->in_flight == 0 && !list_is_linked(&x->work))
            x->dirty_since_ms = 0; /* there was nothing to say */
        *budget -= bytes < *budget ? bytes : *budget;
    }
    list_for_each_safe (w, next, &waiting) {
        list_remove(w);
        list_append(from, w);
    }
}

static bool is_idle_list(const struct list *l)
{
    for (const struct list *i = l->next; i != l; i = i->next)
        if (!mirrored_waits(CONTAINER_OF(i, const struct mirrored, work)))
            return false;
    return true;
}

static void work(struct mirror *m, bool with_calm)
{
    static const struct timeval now = {0};
    size_t budget = TURN_BYTES;
    unsigned looks = TURN_LOOKS;
    m->is_full = false;
    work_list(m, &m->hurried, &budget, &looks);
    if (with_calm)
        work_list(m, &m->calm, &budget, &looks);
    /* What is left goes on in the next turn, after what else the loop has to do. */
    if (m->is_full || !has_room(m)) {
        m->is_full = true;
        return; /* an answer goes on, or the tick */
    }
    if (!is_idle_list(&m->hurried))
        (void)evtimer_add(m->on_work, &now);
    if (with_calm && !is_idle_list(&m->calm))
        (void)evtimer_add(m->on_batch, &now);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    work(arg, false);
}

static void on_batch(evutil_socket_t fd, short what, void *arg)
{
    work(arg, true);
}

void mirror_go_on(struct mirror *m)
{
    if (!m->is_full)
        return;
    m->is_full = false;
    event_active(m->on_batch, EV_TIMEOUT, 0);
}

/* ---- up and down ---- */

static void ask_again(const char *id, void *value, void *arg)
{
    struct mirrored *x = value;
    if (x->phase == MIRRORED_OUT)
        return;
    x->phase = MIRRORED_UNKNOWN;
    mirrored_mark(x, !x->is_settled);
}

void mirror_check(struct mirror *m)
{
    list_for_each (l, &m->live) {
        struct mirrored *x = CONTAINER_OF(l, struct mirrored, live);
        if (x->written)
            ask_again(x->id, x, m);
    }
}

/* Another server may have nothing of us, or less. The same one has all it acknowledged. */
static void on_up(void *arg, bool is_other)
{
    struct mirror *m = arg;
    static const struct timeval now = {0};
    if (is_other)
        map_each(m->by_id, ask_again, m);
    (void)evtimer_add(m->on_batch, &now);
}

static void on_down(void *arg)
{
    struct mirror *m = arg;
    (void)evtimer_del(m->on_work);
    (void)evtimer_del(m->on_batch);
    LOG_INFO("mirror_waits", LOG_U64("executions", map_size(m->by_id)));
}

static void on_hashed(void *arg, const char *id, const struct journal_sums *sums)
{
    struct mirror *m = arg;
    struct mirrored *x = map_find(m->by_id, id);
    m->hashing--;
    if (!x || x->phase == MIRRORED_OUT)
        return;
    mirrored_set_sums(x, sums);
    mirrored_mark(x, true);
}

int mirror_new(const struct mirror_options *o, struct mirror **ret)
{
    struct mirror *m = xcalloc(1, sizeof(*m));
    const struct mirror_hasher_options hasher = {
        .base = o->base, .state_dir = o->config->state_dir, .done = on_hashed, .arg = m};
    int r = mirror_hasher_new(&hasher, &m->hasher);
    if (r < 0) {
        free(m);
        return r;
    }
    m->redis = o->redis;
    m->config = o->config;
    m->events = o->events;
    m->arg = o->arg;
    m->by_id = map_new();
    list_init(&m->hurried);
    list_init(&m->calm);
    list_init(&m->live);
    m->on_work = evtimer_new(o->base, on_work, m);
    m->on_batch = evtimer_new(o->base, on_batch, m);
    if (!m->on_work || !m->on_batch)
        abort();
    m->watcher = (struct redis_watcher){.on_up = on_up, .on_down = on_down, .arg = m};
    m->ask = (struct redis_script){.name = "mirror_ask", .text = mirror_ask_script};
    m->write = (struct redis_script){.name = "mirror_write", .text = mirror_write_script};
    redis_add_script(m->redis, &m->ask);
    redis_add_script(m->redis, &m->write);
    redis_watch(m->redis, &m->watcher);
    *ret = m;
    return 0;
}

static void free_each(const char *id, void *value, void *arg)
{
    (void)map_remove(((struct mirror *)arg)->by_id, id);
    mirrored_free(value);
}

struct mirror *mirror_free(struct mirror *m)
{
    if (!m)
        return NULL;
    mirror_hasher_free(m->hasher);
    map_each(m->by_id, free_each, m);
    map_free(m->by_id);
    event_free(m->on_work);
    event_free(m->on_batch);
    mirror_slice_deinit(&m->slice);
    buf_deinit(&m->meta);
    free(m);
    return NULL;
}

/* ---- what exec/ says ---- */

static char *copy(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

bool mirror_add(struct mirror *m, const char *id, const struct exec_spec *spec)
{
    struct mirrored *x = xcalloc(1, sizeof(*x));
    x->mirror = m;
    (void)strncpy(x->id, id, sizeof(x->id) - 1);
    if (spec) { /* nobody else can have written it */
        x->phase = MIRRORED_FRESH;
        x->principal = copy(spec->principal);
        x->session_id = copy(spec->session_id);
        x->command = copy(spec->command);
        x->output = copy(spec->output);
        mirrored_set_hash(x, spec->request_hash);
        x->interactive = spec->interactive;
        x->created_us = spec->created_us;
        x->has_constants = true;
    }
    (void)map_set(m->by_id, x->id, x);
    list_append(&m->live, &x->live);
    mirrored_mark(x, spec);
    x->is_announcing = redis_is_up(m->redis);
    return x->is_announcing;
}

void mirror_changed(struct mirror *m, const char *id, bool is_urgent)
{
    struct mirrored *x = map_find(m->by_id, id);
    if (!x || x->phase == MIRRORED_OUT || x->is_settled)
        return;
    mirrored_mark(x, is_urgent);
}

void mirror_touched(struct mirror *m, const char *id)
{
    struct mirrored *x = map_find(m->by_id, id);
    uint64_t now = clock_mono_ms();
    if (!x || !x->is_settled || now - x->ttl_ms < m->config->retention_ttl_ms / 8)
        return;
    x->ttl_ms = now;
    x->phase = MIRRORED_UNKNOWN; /* asking refreshes, and finds out whether it is still there */
    mirrored_mark(x, false);
}

void mirror_forget(struct mirror *m, const char *id)
{
    struct mirrored *x = map_remove(m->by_id, id);
    if (!x)
        return;
    mirrored_announce(x, false);
    list_remove(&x->work);
    list_remove(&x->live);
    x->is_forgotten = true;
    if (x->in_flight == 0)
        mirrored_free(x);
}

bool mirror_is_idle(const struct mirror *m)
{
    return m->refused_ms || (m->in_flight == 0 && m->hashing == 0 && list_is_empty(&m->hurried) &&
                             list_is_empty(&m->calm));
}

void mirror_tick(struct mirror *m)
{
    mirror_go_on(m);
    uint64_t now = clock_mono_ms(), since = now, lag = 0;
    list_for_each_safe (l, next, &m->live) {
        struct mirrored *x = CONTAINER_OF(l, struct mirrored, live);
        struct mirror_facts facts;
        if (!m->events->describe(m->arg, x->id, &facts))
            continue;
        if (facts.events > x->acked)
            lag += facts.events - x->acked;
        if (x->dirty_since_ms && x->dirty_since_ms < since)
            since = x->dirty_since_ms;
        if (now - x->ttl_ms >= m->config->retention_ttl_ms / 4 && x->phase == MIRRORED_GOES) {
            x->ttl_ms = now;
            x->wants_meta = true;
            mirrored_mark(x, false);
        }
    }
    metric_set(METRIC_MIRROR_LAG_EVENTS, NULL, NULL, (int64_t)lag);
    metric_set(METRIC_MIRROR_LAG_SECONDS, NULL, NULL, (int64_t)((now - since) / 1000));
}
