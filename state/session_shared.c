#include "state/session_shared.h"

#include <stdatomic.h>
#include <string.h>

#include "state/base/clock.h"
#include "state/session_impl.h"

void sessions_share(struct sessions *s)
{
    s->is_shared = true;
}

void sessions_trust(struct sessions *s, bool is_trusting)
{
    pthread_mutex_lock(&s->mutex);
    if (is_trusting)
        s->trust++;
    s->is_trusting = is_trusting;
    pthread_mutex_unlock(&s->mutex);
}

static bool is_trusted(const struct sessions *s, const struct entry *e)
{
    return !s->is_trusting || e->trust == s->trust;
}

enum session_known sessions_know(struct sessions *s, const char *id)
{
    if (!s->is_shared || !id_is_valid(id))
        return SESSION_KNOWN;
    pthread_mutex_lock(&s->mutex);
    const struct entry *e = map_find(s->by_id, id);
    bool is_known = e && is_trusted(s, e);
    pthread_mutex_unlock(&s->mutex);
    return is_known ? SESSION_KNOWN : SESSION_UNSURE;
}

/* Under the mutex. */
static bool update(struct sessions *s, const struct session_facts *f)
{
    struct entry *e = map_find(s->by_id, f->id);
    if (!e)
        return false;
    e->trust = s->trust;
    atomic_store(&e->session.log_level, f->log_level);
    return true;
}

static bool update_known(struct sessions *s, const struct session_facts *f)
{
    pthread_mutex_lock(&s->mutex);
    bool is_known = update(s, f);
    pthread_mutex_unlock(&s->mutex);
    return is_known;
}

static struct entry *import_entry(const struct session_facts *f)
{
    struct entry *e = session_entry_new();
    memcpy(e->session.id, f->id, strlen(f->id) + 1);
    e->session.principal = xstrdup(f->principal);
    e->session.revision = xstrdup(f->revision);
    e->session.client = f->client ? xstrdup(f->client) : NULL;
    e->session.capabilities = f->capabilities ? xstrdup(f->capabilities) : NULL;
    e->session.created_us = f->created_us;
    e->session.log_level = f->log_level;
    e->session.last_seen_ms = e->touched_ms = clock_mono_ms();
    e->is_foreign = true;
    return e;
}

enum session_outcome session_import(struct sessions *s, const struct session_facts *f)
{
    if (update_known(s, f))
        return SESSION_OK;
    if (!session_reserve(s))
        return SESSION_E_FULL;
    session_settle(s, import_entry(f)); /* one thread imports: nobody else put it in meanwhile */
    return SESSION_OK;
}

bool sessions_drop(struct sessions *s, const char *id)
{
    struct list removed;
    list_init(&removed);
    pthread_mutex_lock(&s->mutex);
    struct entry *e = map_remove(s->by_id, id);
    if (e)
        list_append(&removed, &e->removed);
    pthread_mutex_unlock(&s->mutex);
    session_drop_removed(s, &removed);
    return e;
}

void sessions_set_level(struct sessions *s, const char *id, int log_level)
{
    pthread_mutex_lock(&s->mutex);
    struct entry *e = map_find(s->by_id, id);
    if (e)
        atomic_store(&e->session.log_level, log_level);
    pthread_mutex_unlock(&s->mutex);
}

struct session *sessions_keep_own(struct sessions *s, const char *id)
{
    pthread_mutex_lock(&s->mutex);
    struct entry *e = map_find(s->by_id, id);
    bool is_own = e && !e->is_foreign;
    if (is_own) {
        e->trust = s->trust;
        (void)session_ref(&e->session);
    }
    pthread_mutex_unlock(&s->mutex);
    return is_own ? &e->session : NULL;
}

/* ---- lists ---- */

struct listing {
    struct session **v;
    size_t n;
    uint64_t since_ms;
    bool own_only;
};

static void list_each(const char *id, void *value, void *arg)
{
    struct listing *l = arg;
    struct entry *e = value;
    if ((l->own_only && e->is_foreign) ||
        (!l->own_only && (int64_t)(e->session.last_seen_ms - l->since_ms) < 0))
        return;
    l->v[l->n++] = session_ref(&e->session);
}

static size_t list(struct sessions *s, struct listing *l, struct session ***ret)
{
    pthread_mutex_lock(&s->mutex);
    l->v = xcalloc(map_size(s->by_id) + 1, sizeof(*l->v));
    map_each(s->by_id, list_each, l);
    pthread_mutex_unlock(&s->mutex);
    *ret = l->v;
    return l->n;
}

size_t sessions_list_own(struct sessions *s, struct session ***ret)
{
    return list(s, &(struct listing){.own_only = true}, ret);
}

size_t sessions_list_seen(struct sessions *s, uint64_t since_ms, struct session ***ret)
{
    return list(s, &(struct listing){.since_ms = since_ms}, ret);
}
