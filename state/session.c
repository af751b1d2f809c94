/*
 * The table is guarded by the mutex; files are written, touched and removed outside of it. Since a
 * file is written once, before its session is in the table, nothing that comes late can bring back
 * the file of a session that has ended.
 *
 * Who takes a session out of the table removes its file and drops the table's reference.
 */
#include "state/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "state/base/clock.h"
#include "state/base/log.h"
#include "state/session_impl.h"

/* A file's time lags at most so far behind; less when sessions live short. */
#define TOUCH_MAX_MS 60000

static struct entry *entry_of(struct session *s)
{
    return CONTAINER_OF(s, struct entry, session);
}

struct entry *session_entry_new(void)
{
    struct entry *e = xcalloc(1, sizeof(*e));

    e->session.log_level = SESSION_LEVEL_UNSET;
    e->session.refs = 1;
    return e;
}

struct session *session_ref(struct session *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void session_unref(struct session *s)
{
    if (atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    free(s->principal);
    free(s->revision);
    free(s->client);
    free(s->capabilities);
    free(entry_of(s));
}

void session_unrefp(struct session **s)
{
    if (*s)
        session_unref(*s);
    *s = NULL;
}

static void load_file(struct sessions *s, const char *name)
{
    struct entry *e = session_entry_new();
    int r = session_file_read(&s->files, name, &e->session);

    if (r < 0) {
        LOG_WARN("session_skipped", LOG_STR("file", name), LOG_ERRNO(r));
        session_unref(&e->session);
        return;
    }
    e->touched_ms = e->session.last_seen_ms;
    (void)map_set(s->by_id, e->session.id, e);
}

/* Also beyond the maximum, which may have been lowered: then there is no room for new ones. */
static int load(struct sessions *s)
{
    DIR *d = session_files_list(&s->files);

    if (!d)
        return -errno;
    for (struct dirent *f; (f = readdir(d));) {
        if (f->d_name[0] != '.')
            load_file(s, f->d_name);
        else
            /* What a kill left of a file that was being written; it refuses "." and "..". */
            (void)unlinkat(s->files.dirfd, f->d_name, 0);
    }
    (void)closedir(d);
    return 0;
}

int sessions_new(const char *state_dir, const char *replica, unsigned max, uint64_t ttl_ms,
                 struct sessions **ret)
{
    struct sessions *s = xcalloc(1, sizeof(*s));

    pthread_mutex_init(&s->mutex, NULL);
    s->by_id = map_new();
    s->replica = xstrdup(replica);
    s->max = max;
    s->ttl_ms = ttl_ms;
    s->touch_ms = ttl_ms / 8 < TOUCH_MAX_MS ? ttl_ms / 8 : TOUCH_MAX_MS;
    int r = session_files_init(&s->files, state_dir);
    if (r == 0)
        r = load(s);
    if (r < 0) {
        sessions_free(s);
        return r;
    }
    sessions_expire(s);
    *ret = s;
    return 0;
}

static void on_free_entry(const char *key, void *value, void *arg)
{
    struct entry *e = value;
    struct sessions *s = arg;

    if (e->session.last_seen_ms != e->touched_ms)
        session_file_touch(&s->files, &e->session);
    session_unref(&e->session);
}

struct sessions *sessions_free(struct sessions *s)
{
    if (!s)
        return NULL;
    map_each(s->by_id, on_free_entry, s);
    map_free(s->by_id);
    pthread_mutex_destroy(&s->mutex);
    session_files_deinit(&s->files);
    free(s->replica);
    free(s);
    return NULL;
}

void session_drop_removed(struct sessions *s, struct list *removed)
{
    list_for_each_safe (it, next, removed) {
        struct entry *e = CONTAINER_OF(it, struct entry, removed);
        list_remove(it);
        session_file_remove(&s->files, &e->session);
        session_unref(&e->session);
    }
}

struct expiry {
    struct sessions *sessions;
    struct list *removed;
    uint64_t now_ms;
};

/* Signed: what was seen before the machine was up has wrapped (session_file.c). */
static int64_t left_ms(const struct sessions *s, const struct entry *e, uint64_t now_ms)
{
    return (int64_t)(e->session.last_seen_ms + s->ttl_ms - now_ms);
}

static void on_expire_entry(const char *key, void *value, void *arg)
{
    struct expiry *x = arg;
    struct entry *e = value;
    int64_t left = left_ms(x->sessions, e, x->now_ms);

    if (left <= 0) {
        (void)map_remove(x->sessions->by_id, key);
        list_append(x->removed, &e->removed);
    } else if (x->now_ms + (uint64_t)left < x->sessions->next_expiry_ms) {
        x->sessions->next_expiry_ms = x->now_ms + (uint64_t)left;
    }
}

/* Under the mutex. A walk over the table only when one may have expired since the last: a client
 * that hammers a full table costs no more than one that does not. */
static void collect_expired(struct sessions *s, struct list *removed)
{
    struct expiry x = {.sessions = s, .removed = removed, .now_ms = clock_mono_ms()};

    if (x.now_ms < s->next_expiry_ms)
        return;
    s->next_expiry_ms = UINT64_MAX;
    map_each(s->by_id, on_expire_entry, &x);
}

bool session_reserve(struct sessions *s)
{
    struct list removed;

    list_init(&removed);
    pthread_mutex_lock(&s->mutex);
    if (map_size(s->by_id) + s->reserved >= s->max)
        collect_expired(s, &removed);
    bool has_room = map_size(s->by_id) + s->reserved < s->max;
    s->reserved += has_room;
    pthread_mutex_unlock(&s->mutex);
    session_drop_removed(s, &removed);
    return has_room;
}

void session_settle(struct sessions *s, struct entry *e)
{
    pthread_mutex_lock(&s->mutex);
    s->reserved--;
    if (e) {
        uint64_t expiry_ms = e->session.last_seen_ms + s->ttl_ms;
        if (expiry_ms < s->next_expiry_ms)
            s->next_expiry_ms = expiry_ms;
        e->trust = s->trust; /* who made it knows */
        (void)map_set(s->by_id, e->session.id, e);
    }
    pthread_mutex_unlock(&s->mutex);
}

int session_create(struct sessions *s, const char *principal, const char *revision,
                   const char *client, const char *capabilities, struct session **ret)
{
    if (!session_reserve(s))
        return SESSION_E_FULL;

    struct entry *e = session_entry_new();
    id_make(s->replica, e->session.id);
    e->session.principal = xstrdup(principal);
    e->session.revision = xstrdup(revision);
    e->session.client = client ? xstrdup(client) : NULL;
    e->session.capabilities = capabilities ? xstrdup(capabilities) : NULL;
    e->session.created_us = clock_real_us();
    e->session.last_seen_ms = e->touched_ms = clock_mono_ms();
    int r = session_file_write(&s->files, &e->session);
    if (r < 0) {
        session_settle(s, NULL);
        session_unref(&e->session);
        return r;
    }
    e->session.refs = 2; /* the table's and the caller's */
    session_settle(s, e);
    *ret = &e->session;
    return SESSION_OK;
}

/* Under the mutex. What has expired but is still in the table is unknown already. */
static struct entry *find_entry(struct sessions *s, const char *id, const char *principal)
{
    struct entry *e = map_find(s->by_id, id);

    if (!e || strcmp(e->session.principal, principal) != 0 || left_ms(s, e, clock_mono_ms()) <= 0)
        return NULL;
    return e;
}

struct session *session_find(struct sessions *s, const char *id, const char *principal)
{
    bool touch = false;

    pthread_mutex_lock(&s->mutex);
    struct entry *e = find_entry(s, id, principal);
    if (e) {
        uint64_t now_ms = clock_mono_ms();
        e->session.last_seen_ms = now_ms;
        atomic_fetch_add(&e->session.refs, 1);
        touch = now_ms - e->touched_ms >= s->touch_ms;
        if (touch)
            e->touched_ms = now_ms;
    }
    pthread_mutex_unlock(&s->mutex);
    if (touch)
        session_file_touch(&s->files, &e->session);
    return e ? &e->session : NULL;
}

bool session_end(struct sessions *s, const char *id, const char *principal)
{
    struct list removed;

    list_init(&removed);
    pthread_mutex_lock(&s->mutex);
    struct entry *e = find_entry(s, id, principal);
    if (e) {
        (void)map_remove(s->by_id, id);
        list_append(&removed, &e->removed);
    }
    pthread_mutex_unlock(&s->mutex);
    session_drop_removed(s, &removed);
    return e;
}

bool sessions_has(struct sessions *s, const char *id)
{
    pthread_mutex_lock(&s->mutex);
    bool ret = map_find(s->by_id, id);
    pthread_mutex_unlock(&s->mutex);
    return ret;
}

void sessions_expire(struct sessions *s)
{
    struct list removed;

    list_init(&removed);
    pthread_mutex_lock(&s->mutex);
    collect_expired(s, &removed);
    pthread_mutex_unlock(&s->mutex);
    session_drop_removed(s, &removed);
}

unsigned sessions_count(struct sessions *s)
{
    pthread_mutex_lock(&s->mutex);
    unsigned n = (unsigned)map_size(s->by_id);
    pthread_mutex_unlock(&s->mutex);
    return n;
}
