#include "exec/registry.h"

#include <stdio.h>
#include <string.h>

#include "state/journal_format.h"

void registry_init(struct registry *r)
{
    memset(r, 0, sizeof(*r));
    r->by_id = map_new();
    r->by_key = map_new();
    list_init(&r->by_age);
    list_init(&r->by_expiry);
}

static void entry_free(struct entry *e)
{
    exec_spec_free(e->spec);
    free(e->principal);
    free(e->session_id);
    free(e->idempotency_key);
    free(e->request_hash);
    free(e->workspace);
    free(e);
}

void registry_deinit(struct registry *r)
{
    list_for_each_safe (l, next, &r->by_age)
        entry_free(CONTAINER_OF(l, struct entry, by_age));
    map_free(r->by_id);
    map_free(r->by_key);
    memset(r, 0, sizeof(*r));
}

static char *dup_or_null(const char *s)
{
    if (!s)
        return NULL;
    char *copy = strdup(s);
    if (!copy)
        abort();
    return copy;
}

static char *key_name(const char *principal, const char *key)
{
    char *name = NULL;
    if (asprintf(&name, "%s\n%s", principal, key) < 0)
        abort();
    return name;
}

static struct entry *new_entry(struct registry *r, const struct exec_spec *s)
{
    struct entry *e = xcalloc(1, sizeof(*e));
    memcpy(e->id, s->id, sizeof(e->id));
    e->principal = dup_or_null(s->principal);
    e->session_id = dup_or_null(s->session_id);
    e->request_hash = dup_or_null(s->request_hash);
    e->workspace = dup_or_null(s->sandbox ? s->sandbox->workspace : NULL);
    e->interactive = s->interactive;
    e->sync = s->sync;
    e->created_us = s->created_us;
    e->keep_output_bytes = s->limits.keep_output_bytes;
    e->phase = ENTRY_PENDING;
    e->status = EXECUTION_PENDING;
    list_init(&e->waiters);
    map_set(r->by_id, e->id, e);
    return e;
}

struct entry *registry_add_shadow(struct registry *r, const struct exec_spec *s)
{
    return new_entry(r, s);
}

struct entry *registry_load(struct registry *r, const struct exec_spec *s)
{
    struct entry *e = new_entry(r, s);
    if (s->idempotency_key) {
        e->idempotency_key = key_name(s->principal, s->idempotency_key);
        map_set(r->by_key, e->idempotency_key, e);
    }
    list_append(&r->by_age, &e->by_age);
    return e;
}

static int compare_age(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    return (x->created_us > y->created_us) - (x->created_us < y->created_us);
}

void registry_sort(struct registry *r)
{
    size_t n = 0;
    CLEANUP(free_p) struct entry **v = xcalloc(map_size(r->by_id) + 1, sizeof(struct entry *));
    list_for_each (l, &r->by_age)
        v[n++] = CONTAINER_OF(l, struct entry, by_age);
    qsort(v, n, sizeof(*v), compare_age);
    list_init(&r->by_age);
    for (size_t i = 0; i < n; i++)
        list_append(&r->by_age, &v[i]->by_age);
}

/* It is the newest one, unless the clock was set back. */
struct entry *registry_add(struct registry *r, const struct exec_spec *s)
{
    struct list *at = r->by_age.prev;
    struct entry *e = registry_load(r, s);
    while (at != &r->by_age && CONTAINER_OF(at, struct entry, by_age)->created_us > e->created_us)
        at = at->prev;
    list_remove(&e->by_age);
    list_append(at->next, &e->by_age); /* behind at */
    return e;
}

void registry_remove(struct registry *r, struct entry *e)
{
    assert(!e->group && list_is_empty(&e->waiters));
    if (!e->shadow)
        registry_set_size(r, e, 0, 0);
    if (list_is_linked(&e->by_expiry))
        r->ended--;
    list_remove(&e->by_expiry);
    list_remove(&e->by_age);
    map_remove(r->by_id, e->id);
    if (e->idempotency_key && map_find(r->by_key, e->idempotency_key) == e)
        map_remove(r->by_key, e->idempotency_key);
    entry_free(e);
}

struct entry *registry_find(const struct registry *r, const char *id)
{
    return map_find(r->by_id, id);
}

struct entry *registry_find_owned(const struct registry *r, const char *id, const char *principal)
{
    struct entry *e = map_find(r->by_id, id);
    return e && strcmp(e->principal, principal) == 0 ? e : NULL;
}

struct entry *registry_find_key(const struct registry *r, const char *principal, const char *key)
{
    CLEANUP(free_p) char *name = key_name(principal, key);
    return map_find(r->by_key, name);
}

/* The keeper keeps an eighth more at times (exec/keeper/journal_writer.c). */
static uint64_t size_of(const struct entry *e)
{
    uint64_t kept = e->output_bytes;
    if (e->keep_output_bytes && e->keep_output_bytes < kept)
        kept = e->keep_output_bytes;
    return kept + e->events * sizeof(struct journal_record);
}

void registry_set_size(struct registry *r, struct entry *e, uint64_t events, uint64_t output_bytes)
{
    r->journal_bytes -= size_of(e);
    e->events = events;
    e->output_bytes = output_bytes;
    r->journal_bytes += size_of(e);
}

void registry_set_ended(struct registry *r, struct entry *e, enum execution_status status,
                        uint64_t expires_ms)
{
    assert(e->phase != ENTRY_ENDED);
    e->phase = ENTRY_ENDED;
    e->status = status;
    e->waiting = WAITING_NO;
    e->expires_ms = expires_ms;
    e->spec = exec_spec_free(e->spec);
    list_append(&r->by_expiry, &e->by_expiry);
    r->ended++;
}

void registry_touch(struct registry *r, struct entry *e, uint64_t expires_ms)
{
    e->expires_ms = expires_ms;
    list_remove(&e->by_expiry);
    list_append(&r->by_expiry, &e->by_expiry);
}

struct entry *registry_oldest_ended(struct registry *r)
{
    struct list *l = list_first(&r->by_expiry);
    return l ? CONTAINER_OF(l, struct entry, by_expiry) : NULL;
}
