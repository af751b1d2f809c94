#include "exec/shadow.h"

#include <errno.h>

#include "exec/peers_impl.h"
#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/base/metrics.h"

/* A record that is missing may come back (Redis restarted empty): so long it is not gone. */
#define MISSING_PATIENCE_MS 10000u

static void free_shadow(struct shadow *sh)
{
    redis_unsubscribe(sh->subscription);
    shadow_file_free(sh->file);
    free(sh);
}

void shadow_free_forgotten(struct shadow *sh)
{
    if (!sh->entry && !sh->is_fetching && !sh->is_refilling)
        free_shadow(sh);
}

void shadow_count_size(struct shadow *sh)
{
    uint64_t size = shadow_file_size(sh->file);
    sh->peers->shadow_bytes += size - sh->size;
    sh->size = size;
}

void shadow_forget(struct shadow *sh)
{
    struct peers *p = sh->peers;
    struct service *s = p->service;
    struct entry *e = sh->entry;
    shadow_release(sh, CALL_E_NOT_FOUND);
    waiters_wake(s->waiters, e, true);
    int r = janitor_discard(s->janitor, "executions", e->id);
    if (r < 0 && r != -ENOENT)
        LOG_WARN("shadow_not_removed", LOG_STR("exec", e->id), LOG_ERRNO(r));
    LOG_DEBUG("shadow_forgotten", LOG_STR("exec", e->id));
    p->shadow_bytes -= sh->size;
    p->n_shadows--;
    list_remove(&sh->in_line);
    sh->subscription = redis_unsubscribe(sh->subscription);
    sh->entry = NULL;
    registry_remove(&s->registry, e);
    shadow_free_forgotten(sh);
}

void shadow_drop_all(struct peers *p)
{
    list_for_each_safe (l, next, &p->shadows)
        shadow_forget(CONTAINER_OF(l, struct shadow, in_line));
}

static bool has_calls(const struct shadow *sh)
{
    return !list_is_empty(&sh->now) || !list_is_empty(&sh->next) || !list_is_empty(&sh->behind);
}

bool shadow_is_wanted(const struct shadow *sh)
{
    return has_calls(sh) || !list_is_empty(&sh->entry->waiters) ||
           news_is_watched(sh->peers->service->news, sh->entry->id);
}

static struct shadow *oldest_unwanted(struct peers *p, const struct shadow *but)
{
    list_for_each (l, &p->shadows) {
        struct shadow *sh = CONTAINER_OF(l, struct shadow, in_line);
        if (sh != but && !shadow_is_wanted(sh))
            return sh;
    }
    return NULL;
}

bool shadow_make_room(struct peers *p, const struct shadow *sh, uint64_t bytes)
{
    struct shadow *oldest;
    while (p->shadow_bytes + bytes > p->config->redis_max_shadow_bytes) {
        oldest = oldest_unwanted(p, sh);
        if (!oldest)
            return false;
        shadow_forget(oldest);
    }
    return true;
}

/* ---- a new one ---- */

/* What a reader of spec.json shows; what was run, and with what environment, stays there. */
static struct exec_spec *make_spec(const struct record *r)
{
    struct exec_spec *spec = xcalloc(1, sizeof(*spec));
    memcpy(spec->id, r->id, sizeof(spec->id));
    spec->principal = xstrdup(r->principal);
    spec->session_id = r->session_id ? xstrdup(r->session_id) : NULL;
    spec->command = xstrdup(r->command);
    spec->cwd = xstrdup("/");
    spec->argv = xcalloc(2, sizeof(char *));
    spec->argv[0] = xstrdup("/nonexistent");
    spec->env = xcalloc(1, sizeof(char *));
    spec->output = r->output ? xstrdup(r->output) : NULL;
    spec->interactive = r->interactive;
    spec->created_us = r->created_us;
    return spec;
}

static enum call_outcome check_room(struct peers *p)
{
    if (p->service->is_disk_low)
        return CALL_E_LOW_DISK;
    if (p->n_shadows < p->config->redis_max_shadows)
        return CALL_OK;
    struct shadow *oldest = oldest_unwanted(p, NULL);
    if (!oldest)
        return CALL_E_WAITERS_FULL;
    shadow_forget(oldest);
    return CALL_OK;
}

static void on_message(void *arg, const char *data, size_t len)
{
    struct shadow *sh = arg;
    sh->is_dirty = true;
    /* After a failure the tick tries again: each message would be too often. */
    if (shadow_is_wanted(sh) && clock_mono_ms() - sh->failed_ms >= SHADOW_FRESH_MS)
        shadow_refresh(sh);
}

static void on_subscribed(void *arg)
{
    struct shadow *sh = arg;
    sh->is_subscribed = true;
    on_message(sh, NULL, 0); /* earlier ones were missed */
}

static const struct redis_listener listener = {.on_message = on_message, .on_ready = on_subscribed};

static struct shadow *new_shadow(struct peers *p, const struct record *r, struct shadow_file *file)
{
    struct shadow *sh = xcalloc(1, sizeof(*sh));
    CLEANUP(exec_spec_freep) struct exec_spec *spec = make_spec(r);
    sh->peers = p;
    sh->file = file;
    sh->batch = 64;
    memcpy(sh->replica, r->replica, sizeof(sh->replica));
    list_init(&sh->now);
    list_init(&sh->next);
    list_init(&sh->behind);
    sh->entry = registry_add_shadow(&p->service->registry, spec);
    sh->entry->shadow = sh;
    list_append(&p->shadows, &sh->in_line);
    p->n_shadows++;
    sh->is_dirty = true;
    return sh;
}

struct shadow *shadow_get(struct peers *p, const struct record *r, enum call_outcome *ret_outcome)
{
    struct entry *e = registry_find(&p->service->registry, r->id);
    if (e && e->shadow)
        return e->shadow;
    struct shadow_file *file = NULL;
    *ret_outcome = e ? CALL_E_NOT_FOUND : check_room(p); /* e: ours, of another principal */
    if (*ret_outcome != CALL_OK)
        return NULL;
    CLEANUP(exec_spec_freep) struct exec_spec *spec = make_spec(r);
    int error = shadow_file_new(p->config->state_dir, spec, &file);
    if (error < 0) {
        LOG_ERROR("shadow_not_made", LOG_STR("exec", r->id), LOG_ERRNO(error));
        *ret_outcome = CALL_E_INTERNAL;
        return NULL;
    }
    return new_shadow(p, r, file);
}

/* ---- calls ---- */

/* Without a place on the connection each look asks Redis. Once all were released nobody would take
 * it back before Redis goes. */
static void subscribe(struct shadow *sh)
{
    if (sh->subscription || sh->is_final || sh->peers->is_released)
        return;
    CLEANUP(free_p) char *channel = record_key(sh->entry->id);
    sh->subscription = redis_subscribe(sh->peers->redis, channel, &listener, sh);
}

static bool is_fresh(const struct shadow *sh)
{
    return sh->is_final ||
           (sh->is_subscribed && !sh->is_dirty && !sh->is_fetching && sh->fetched_ms &&
            redis_is_up(sh->peers->redis) && clock_mono_ms() - sh->fetched_ms < SHADOW_FRESH_MS);
}

size_t shadow_keys(const struct shadow *sh, char *ret[SHADOW_KEYS_MAX])
{
    const struct entry *e = sh->entry;
    size_t n = 0;
    ret[n++] = record_key(e->id);
    ret[n++] = record_output_key(e->id);
    ret[n++] = record_owner_key(e->principal);
    if (e->session_id)
        ret[n++] = record_session_key(e->session_id);
    return n;
}

/* A reader keeps it alive, here and in Redis. */
static void touch(struct shadow *sh)
{
    struct peers *p = sh->peers;
    sh->used_ms = clock_mono_ms();
    list_remove(&sh->in_line);
    list_append(&p->shadows, &sh->in_line);
    if (!sh->is_final || sh->used_ms - sh->touched_ms < p->config->retention_ttl_ms / 8)
        return; /* a fetch does it along */
    sh->touched_ms = sh->used_ms;
    char ttl[24], *keys[SHADOW_KEYS_MAX];
    (void)snprintf(ttl, sizeof(ttl), "%llu", (unsigned long long)p->config->retention_ttl_ms);
    size_t n = shadow_keys(sh, keys);
    for (size_t i = 0; i < n; i++) {
        DISREGARD(redis_ask(p->redis, NULL, "PEXPIRE", keys[i], ttl)); /* else the next reader */
        free(keys[i]);
    }
}

void shadow_settle(struct shadow *sh, struct call *c)
{
    struct waiters *w = sh->peers->service->waiters;
    if (waiters_is_due(c, sh->entry) || c->deadline_ms <= clock_mono_ms())
        return service_answer(c, CALL_OK, sh->entry);
    if (!waiters_park(w, c, sh->entry))
        service_answer(c, CALL_E_WAITERS_FULL, sh->entry);
}

void shadow_settle_all(struct shadow *sh, struct list *calls)
{
    bool is_behind = false;
    list_for_each_safe (l, next, calls) {
        struct call *c = CONTAINER_OF(l, struct call, link);
        list_remove(l);
        if (shadow_is_behind(sh, c)) {
            list_append(&sh->behind, l);
            is_behind = true;
            continue;
        }
        sh->peers->n_calls--;
        shadow_settle(sh, c);
    }
    if (is_behind)
        shadow_refill(sh);
}

void shadow_serve(struct shadow *sh, struct call *c)
{
    touch(sh);
    subscribe(sh);
    bool is_behind = shadow_is_behind(sh, c);
    /* Who is said to wait may have got his input by another replica a moment ago. */
    bool is_current = is_fresh(sh) && !waiting_is_for_input(sh->entry->waiting);
    if (is_current && !is_behind)
        return shadow_settle(sh, c);
    if (sh->peers->n_calls >= sh->peers->config->max_waiters)
        return service_answer(c, CALL_E_WAITERS_FULL, NULL);
    sh->peers->n_calls++;
    list_append(&sh->next, &c->link);
    if (!is_current)
        return shadow_fetch(sh);
    shadow_settle_all(sh, &sh->next);
}

void shadow_refresh(struct shadow *sh)
{
    if (sh->is_final)
        return;
    subscribe(sh);
    sh->is_dirty = true;
    shadow_fetch(sh);
}

enum call_outcome shadow_outcome(const struct shadow *sh)
{
    uint64_t now = clock_mono_ms();
    if (sh->entry->phase == ENTRY_ENDED ||
        (sh->fetched_ms && now - sh->fetched_ms < 3 * SHADOW_FRESH_MS))
        return CALL_OK;
    return sh->missing_ms ? CALL_E_NOT_FOUND : CALL_E_REDIS_AWAY;
}

static void release_list(struct shadow *sh, struct list *calls, enum call_outcome o)
{
    list_for_each_safe (l, next, calls) {
        list_remove(l);
        sh->peers->n_calls--;
        service_answer(CONTAINER_OF(l, struct call, link), o, NULL);
    }
}

void shadow_release(struct shadow *sh, enum call_outcome o)
{
    release_list(sh, &sh->now, o);
    release_list(sh, &sh->next, o);
    release_list(sh, &sh->behind, o);
}

/* A wait goes on waiting; a look can't be answered. Both can once the end is known: by what is
 * here.
 */
void shadow_unserved(struct shadow *sh, enum call_outcome o)
{
    struct waiters *w = sh->peers->service->waiters;
    struct list *const lists[] = {&sh->now, &sh->next};
    if (sh->entry->phase == ENTRY_ENDED) {
        shadow_settle_all(sh, &sh->now);
        shadow_settle_all(sh, &sh->next);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        list_for_each_safe (l, next, lists[i]) {
            struct call *c = CONTAINER_OF(l, struct call, link);
            bool waits = c->until != CALL_UNTIL_NOTHING && c->deadline_ms > clock_mono_ms();
            list_remove(l);
            sh->peers->n_calls--;
            if (!waits || !waiters_park(w, c, sh->entry))
                service_answer(c, o, NULL);
        }
    }
}

struct call *shadow_take_call(struct shadow *sh, uint64_t serial)
{
    struct list *const lists[] = {&sh->now, &sh->next, &sh->behind};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        list_for_each (l, lists[i]) {
            struct call *c = CONTAINER_OF(l, struct call, link);
            if (c->serial != serial)
                continue;
            list_remove(l);
            sh->peers->n_calls--;
            return c;
        }
    }
    return NULL;
}

void shadow_tick(struct shadow *sh)
{
    uint64_t now = clock_mono_ms();
    bool is_wanted = shadow_is_wanted(sh);
    if (sh->missing_ms && now - sh->missing_ms > MISSING_PATIENCE_MS)
        return shadow_forget(sh);
    if (!is_wanted && now - sh->used_ms > sh->peers->config->redis_shadow_ttl_ms)
        return shadow_forget(sh);
    if (is_wanted && !sh->is_final && now - sh->fetched_ms >= SHADOW_FRESH_MS)
        shadow_refresh(sh);
}
