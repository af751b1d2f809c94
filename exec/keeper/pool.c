#include "exec/keeper/pool.h"

#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "exec/keeper/codec.h"
#include "exec/keeper/keeper.h"
#include "exec/keeper/sandbox.h"
#include "state/base/clock.h"
#include "state/base/log.h"

/* The command that was just started goes first: starting bwrap holds up all else. It has ended by
 * then, or takes its time. When it has ended, its answer goes first. */
#define REFILL_AFTER_MS 20
#define HURRY_AFTER_MS  3

struct making {
    struct list link;
    struct buf key; /* decodes to what sandbox_new() takes */
    unsigned target;
    uint64_t max, idle_ms, used_ms;
};

void pool_init(struct pool *p)
{
    list_init(&p->makings);
}

/* ---- keys ---- */

struct recipe {
    struct keeper_sandbox sandbox;
    struct execution_limits limits;
    uint64_t dev, ino; /* the workspace: one that was removed and made again is another */
};

static void walk_key(struct codec *c, struct recipe *r)
{
    struct keeper_sandbox *s = &r->sandbox;
    struct execution_limits *l = &r->limits;

    codec_strv(c, &s->wrap);
    codec_str(c, &s->init);
    codec_str(c, &s->workspace);
    codec_str(c, &s->stage);
    codec_bytes(c, &s->filter, &s->filter_len);
    codec_str(c, &s->passwd);
    codec_str(c, &s->group);
    codec_u64(c, &s->uid);
    codec_bool(c, &s->wants_listener);
    codec_u64(c, &l->max_memory_bytes); /* those that its groups hold */
    codec_u64(c, &l->max_processes);
    codec_u64(c, &l->max_cpu_ms);
    codec_u64(c, &r->dev);
    codec_u64(c, &r->ino);
}

static void make_key(const struct keeper_spawn *s, struct buf *out)
{
    struct codec c = codec_writer(out);
    struct recipe r = {.sandbox = s->sandbox, .limits = s->limits};
    struct stat st;

    if (stat(s->sandbox.workspace, &st) == 0) {
        r.dev = st.st_dev;
        r.ino = st.st_ino;
    }
    walk_key(&c, &r);
}

static bool is_equal(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* ---- what there is ---- */

static unsigned count(const struct keeper *k, const struct buf *key)
{
    unsigned n = 0;
    list_for_each (l, &k->sandboxes) {
        const struct sandbox *s = CONTAINER_OF(l, struct sandbox, link);
        n += s->phase == SANDBOX_PREPARED && (!key || is_equal(&s->key, key));
    }
    return n;
}

static struct making *find_making(struct pool *p, const struct buf *key)
{
    list_for_each (l, &p->makings) {
        struct making *m = CONTAINER_OF(l, struct making, link);
        if (is_equal(&m->key, key))
            return m;
    }
    return NULL;
}

static void forget(struct pool *p, struct making *m)
{
    list_remove(&m->link);
    p->n_makings--;
    buf_deinit(&m->key);
    free(m);
}

struct sandbox *pool_take(struct keeper *k, const struct keeper_spawn *s)
{
    CLEANUP(buf_deinit) struct buf key = {0};

    if (!s->sandbox.can_pool || s->sandbox.pool_max == 0)
        return NULL;
    make_key(s, &key);
    list_for_each (l, &k->sandboxes) {
        struct sandbox *sb = CONTAINER_OF(l, struct sandbox, link);
        if (sb->phase == SANDBOX_PREPARED && sb->is_ready && is_equal(&sb->key, &key))
            return sb;
    }
    struct making *m = find_making(&k->pool, &key);
    if (m && m->target < m->max) /* they come faster than we make them */
        m->target = 2 * m->target < m->max ? 2 * m->target : (unsigned)m->max;
    return NULL;
}

/* ---- making more ---- */

static void on_too_old(struct timer *t)
{
    struct sandbox *s = CONTAINER_OF(t, struct sandbox, timer);
    struct pool *p = &s->keeper->pool;
    struct making *m = find_making(p, &s->key);

    if (m && clock_mono_ms() >= m->used_ms + m->idle_ms)
        forget(p, m);
    sandbox_let_die(s);
}

/* The one that nobody is likely to come for: of what was asked for longest ago. Only for something
 * that was asked for later: else two that have no room beside each other would take turns for ever.
 */
static bool evict(struct keeper *k, const struct making *but)
{
    struct sandbox *last = NULL;
    uint64_t last_ms = but->used_ms;

    list_for_each (l, &k->sandboxes) {
        struct sandbox *s = CONTAINER_OF(l, struct sandbox, link);
        if (s->phase != SANDBOX_PREPARED || is_equal(&s->key, &but->key))
            continue;
        const struct making *m = find_making(&k->pool, &s->key);
        uint64_t used_ms = m ? m->used_ms : 0;
        if (used_ms < last_ms) {
            last = s;
            last_ms = used_ms;
        }
    }
    if (last)
        sandbox_let_die(last);
    return last;
}

static bool prepare(struct keeper *k, const struct making *m)
{
    struct codec c = codec_reader(m->key.data, m->key.len);
    struct recipe r = {0};
    struct spawn_error e;
    char name[32];

    walk_key(&c, &r);
    snprintf(name, sizeof(name), "prepared-%u", ++k->pool.serial);
    struct sandbox *sb = sandbox_new(k, name, &r.sandbox, &r.limits, &e);
    free(r.sandbox.wrap);
    if (!sb) {
        LOG_WARN("sandbox_not_prepared", LOG_STR("why", e.text));
        return false;
    }
    buf_append(&sb->key, m->key.data, m->key.len);
    timer_set(&k->loop, &sb->timer, clock_mono_ms() + m->idle_ms, on_too_old);
    return true;
}

static void on_refill(struct timer *t)
{
    struct keeper *k = CONTAINER_OF(t, struct keeper, pool.refill);

    if (k->is_quitting || k->is_stopping)
        return;
    list_for_each (l, &k->pool.makings) {
        struct making *m = CONTAINER_OF(l, struct making, link);
        if (count(k, &m->key) >= m->target)
            continue;
        if (count(k, NULL) >= m->max && !evict(k, m))
            continue;
        if (!prepare(k, m)) /* one at a time: what else there is to do comes first */
            forget(&k->pool, m);
        timer_set(&k->loop, &k->pool.refill, clock_mono_ms() + 1, on_refill);
        return;
    }
}

static struct making *add_making(struct pool *p, const struct keeper_spawn *s, struct buf *key)
{
    struct making *m = xcalloc(1, sizeof(*m));
    m->key = *key;
    *key = (struct buf){0};
    m->target = 1;
    m->max = s->sandbox.pool_max;
    m->idle_ms = s->sandbox.pool_idle_ms;
    list_append(&p->makings, &m->link);
    p->n_makings++;
    return m;
}

static struct making *oldest(struct pool *p)
{
    struct making *last = NULL;
    list_for_each (l, &p->makings) {
        struct making *m = CONTAINER_OF(l, struct making, link);
        if (!last || m->used_ms < last->used_ms)
            last = m;
    }
    return last;
}

void pool_lost(struct keeper *k, const struct sandbox *s)
{
    struct making *m = find_making(&k->pool, &s->key);
    if (m)
        forget(&k->pool, m);
}

void pool_hurry(struct keeper *k)
{
    uint64_t soon = clock_mono_ms() + HURRY_AFTER_MS;

    if (timer_is_set(&k->pool.refill) && soon < k->pool.refill.at_ms)
        timer_set(&k->loop, &k->pool.refill, soon, on_refill);
}

void pool_want(struct keeper *k, const struct keeper_spawn *s)
{
    CLEANUP(buf_deinit) struct buf key = {0};

    if (!s->sandbox.can_pool || s->sandbox.pool_max == 0)
        return;
    make_key(s, &key);
    struct making *m = find_making(&k->pool, &key);
    if (!m)
        m = add_making(&k->pool, s, &key);
    m->used_ms = clock_mono_ms();
    while (k->pool.n_makings > s->sandbox.pool_max)
        forget(&k->pool, oldest(&k->pool));
    if (!timer_is_set(&k->pool.refill))
        timer_set(&k->loop, &k->pool.refill, m->used_ms + REFILL_AFTER_MS, on_refill);
}
