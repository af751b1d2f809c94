/*
 * The table is guarded by the mutex; files are written and removed outside of it. A session's file
 * is written once, when it is made; when the session was last seen is the file's modification time,
 * brought up to date now and then. Setting the time of a file that another thread has just removed
 * does nothing, so an ended session can't come back.
 *
 * Who takes a session out of the table removes its file and drops the table's reference.
 */
#include "state/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/json.h"
#include "state/base/list.h"
#include "state/base/log.h"
#include "state/base/map.h"
#include "state/base/utf8.h"

/* Most of it is what the client said of itself, which its one request bounds. */
#define SESSION_FILE_MAX (32u << 20)
/* RFC 5424 has 0 … 7. */
#define LOG_LEVEL_UNSET 8

/* What the table knows besides. */
struct entry {
    struct session session;
    struct list removed; /* on its way out; once it is out of the table */
    uint64_t touched_ms; /* last_seen_ms as the file has it */
};

struct sessions {
    pthread_mutex_t mutex;
    struct map *by_id;       /* owned, and a reference for each entry */
    unsigned reserved;       /* sessions whose file is being written */
    uint64_t next_expiry_ms; /* none expires before it */
    char *dir;               /* owned */
    int dirfd;
    char *replica; /* owned */
    unsigned max;
    uint64_t ttl_ms;
    uint64_t touch_ms; /* how far a file's time may lag behind */
};

static struct entry *entry_of(struct session *s)
{
    return CONTAINER_OF(s, struct entry, session);
}

static struct entry *entry_new(const char *id, const char *principal, const char *revision)
{
    struct entry *e = xcalloc(1, sizeof(*e));

    memcpy(e->session.id, id, strlen(id) + 1);
    e->session.principal = xstrdup(principal);
    e->session.revision = xstrdup(revision);
    e->session.log_level = LOG_LEVEL_UNSET;
    e->session.refs = 1;
    return e;
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

static char *file_name(const char *id)
{
    struct buf b = {0};
    buf_printf(&b, "%s.json", id);
    return buf_steal(&b);
}

/* Brings the file's time up to date. The worst that a failure does is an early expiry after a
 * restart. */
static void touch_file(struct sessions *s, const char *id, uint64_t last_seen_ms)
{
    CLEANUP(free_p) char *name = file_name(id);
    uint64_t idle_us = (clock_mono_ms() - last_seen_ms) * 1000, seen_us = clock_real_us() - idle_us;
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = (time_t)(seen_us / 1000000), .tv_nsec = (long)(seen_us % 1000000) * 1000},
    };

    (void)!utimensat(s->dirfd, name, times, AT_SYMLINK_NOFOLLOW);
}

static int write_file(struct sessions *s, const struct session *o)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    CLEANUP(free_p) char *name = file_name(o->id);

    buf_append_char(&b, '{');
    json_text_member_str(&b, "id", o->id);
    json_text_member_str(&b, "principal", o->principal);
    json_text_member_str(&b, "revision", o->revision);
    json_text_member_str(&b, "client", o->client);
    json_text_member_str(&b, "capabilities", o->capabilities);
    json_text_member_u64(&b, "created_us", o->created_us);
    buf_append_str(&b, "}\n");
    return file_replace(s->dir, name, b.data, b.len);
}

static bool decode_session(const cJSON *o, const char *name, struct entry **ret)
{
    const char *id, *principal, *revision, *client = NULL, *capabilities = NULL;
    uint64_t created_us;

    if (!json_get_str(o, "id", &id) || !id_is_valid(id) ||
        !json_get_str(o, "principal", &principal) || !json_get_str(o, "revision", &revision) ||
        !json_get_u64(o, "created_us", &created_us))
        return false;
    CLEANUP(free_p) char *expected = file_name(id);
    if (strcmp(expected, name) != 0)
        return false;
    (void)json_get_str(o, "client", &client);
    (void)json_get_str(o, "capabilities", &capabilities);

    struct entry *e = entry_new(id, principal, revision);
    e->session.client = client ? xstrdup(client) : NULL;
    e->session.capabilities = capabilities ? xstrdup(capabilities) : NULL;
    e->session.created_us = created_us;
    *ret = e;
    return true;
}

/* Its modification time says how long it has been idle. CLOCK_MONOTONIC may be younger than that
 * after a reboot; the session then counts as seen at the clock's begin. */
static void restore_last_seen(struct entry *e, const struct stat *st)
{
    uint64_t mono_ms = clock_mono_ms(), real_ms = clock_real_us() / 1000;
    uint64_t seen_ms =
        (uint64_t)st->st_mtim.tv_sec * 1000 + (uint64_t)st->st_mtim.tv_nsec / 1000000;
    uint64_t idle_ms = real_ms > seen_ms ? real_ms - seen_ms : 0;

    e->touched_ms = mono_ms > idle_ms ? mono_ms - idle_ms : 0;
    e->session.last_seen_ms = e->touched_ms;
}

/* 0 or -errno; -EBADMSG: not a session. */
static int read_session(struct sessions *s, const char *name, struct entry **ret)
{
    CLEANUP(buf_deinit) struct buf path = {0};
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(json_deletep) cJSON *o = NULL;
    size_t len, error_at;
    struct stat st;

    buf_printf(&path, "%s/%s", s->dir, name);
    if (fstatat(s->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    int r = file_read(path.data, SESSION_FILE_MAX, &text, &len);
    if (r < 0)
        return r;
    if (json_parse(text, len, &o, &error_at) != JSON_OK || !decode_session(o, name, ret))
        return -EBADMSG;
    restore_last_seen(*ret, &st);
    return 0;
}

static int load(struct sessions *s)
{
    CLEANUP(fd_closep) int fd = openat(s->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

    if (!d)
        return -errno;
    (void)TAKE_FD(fd);
    for (struct dirent *f; (f = readdir(d));) {
        struct entry *e = NULL;
        /* "." and "..", and what a kill left of a file that was being written. */
        if (f->d_name[0] == '.') {
            (void)unlinkat(s->dirfd, f->d_name, 0);
            continue;
        }
        int r = read_session(s, f->d_name, &e);
        if (r < 0)
            LOG_WARN("session_skipped", LOG_STR("file", f->d_name), LOG_ERRNO(r));
        else
            (void)map_set(s->by_id, e->session.id, e);
    }
    (void)closedir(d);
    return 0;
}

int sessions_new(const char *state_dir, const char *replica, unsigned max, uint64_t ttl_ms,
                 struct sessions **ret)
{
    struct sessions *s = xcalloc(1, sizeof(*s));
    struct buf dir = {0};

    pthread_mutex_init(&s->mutex, NULL);
    s->by_id = map_new();
    s->replica = xstrdup(replica);
    s->max = max;
    s->ttl_ms = ttl_ms;
    s->touch_ms = ttl_ms / 8 < 60000 ? ttl_ms / 8 : 60000;
    buf_printf(&dir, "%s/sessions", state_dir);
    s->dir = buf_steal(&dir);
    s->dirfd = -1;

    int r = dir_make(s->dir);
    if (r == 0) {
        s->dirfd = open(s->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = s->dirfd < 0 ? -errno : load(s);
    }
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
    uint64_t last_seen_ms = e->session.last_seen_ms;

    if (last_seen_ms > e->touched_ms)
        touch_file(s, e->session.id, last_seen_ms);
    session_unref(&e->session);
}

struct sessions *sessions_free(struct sessions *s)
{
    if (!s)
        return NULL;
    map_each(s->by_id, on_free_entry, s);
    map_free(s->by_id);
    pthread_mutex_destroy(&s->mutex);
    fd_closep(&s->dirfd);
    free(s->dir);
    free(s->replica);
    free(s);
    return NULL;
}

static void drop_removed(struct sessions *s, struct list *removed)
{
    list_for_each_safe (it, next, removed) {
        struct entry *e = CONTAINER_OF(it, struct entry, removed);
        CLEANUP(free_p) char *name = file_name(e->session.id);
        list_remove(it);
        (void)unlinkat(s->dirfd, name, 0);
        session_unref(&e->session);
    }
}

struct expiry {
    struct sessions *sessions;
    struct list *removed;
    uint64_t now_ms;
};

static bool is_expired(const struct sessions *s, const struct entry *e, uint64_t now_ms)
{
    return e->session.last_seen_ms + s->ttl_ms <= now_ms;
}

static void on_expire_entry(const char *key, void *value, void *arg)
{
    struct expiry *x = arg;
    struct entry *e = value;
    uint64_t expiry_ms = e->session.last_seen_ms + x->sessions->ttl_ms;

    if (is_expired(x->sessions, e, x->now_ms)) {
        (void)map_remove(x->sessions->by_id, key);
        list_append(x->removed, &e->removed);
    } else if (expiry_ms < x->sessions->next_expiry_ms) {
        x->sessions->next_expiry_ms = expiry_ms;
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

/* Makes room for one. */
static bool reserve(struct sessions *s)
{
    struct list removed;

    list_init(&removed);
    pthread_mutex_lock(&s->mutex);
    if (map_size(s->by_id) + s->reserved >= s->max)
        collect_expired(s, &removed);
    bool has_room = map_size(s->by_id) + s->reserved < s->max;
    s->reserved += has_room;
    pthread_mutex_unlock(&s->mutex);
    drop_removed(s, &removed);
    return has_room;
}

/* The reservation becomes an entry, or with NULL nothing. */
static void settle(struct sessions *s, struct entry *e)
{
    pthread_mutex_lock(&s->mutex);
    s->reserved--;
    if (e) {
        uint64_t expiry_ms = e->session.last_seen_ms + s->ttl_ms;
        if (expiry_ms < s->next_expiry_ms)
            s->next_expiry_ms = expiry_ms;
        (void)map_set(s->by_id, e->session.id, e);
    }
    pthread_mutex_unlock(&s->mutex);
}

static bool is_utf8(const char *s)
{
    return !s || utf8_is_valid(s, strlen(s));
}

int session_create(struct sessions *s, const char *principal, const char *revision,
                   const char *client, const char *capabilities, struct session **ret)
{
    char id[ID_MAX + 1];

    /* The file could not give them back as they were. */
    if (!is_utf8(principal) || !is_utf8(revision) || !is_utf8(client) || !is_utf8(capabilities))
        return -EILSEQ;
    if (!reserve(s))
        return SESSION_E_FULL;

    id_make(s->replica, id);
    struct entry *e = entry_new(id, principal, revision);
    e->session.client = client ? xstrdup(client) : NULL;
    e->session.capabilities = capabilities ? xstrdup(capabilities) : NULL;
    e->session.created_us = clock_real_us();
    e->session.last_seen_ms = e->touched_ms = clock_mono_ms();
    int r = write_file(s, &e->session);
    if (r < 0) {
        settle(s, NULL);
        session_unref(&e->session);
        return r;
    }
    touch_file(s, id, e->touched_ms);
    e->session.refs = 2;
    settle(s, e);
    *ret = &e->session;
    return SESSION_OK;
}

/* Under the mutex. What has expired but is still in the table is unknown already. */
static struct entry *find_entry(struct sessions *s, const char *id, const char *principal)
{
    struct entry *e = map_find(s->by_id, id);

    if (!e || strcmp(e->session.principal, principal) != 0 || is_expired(s, e, clock_mono_ms()))
        return NULL;
    return e;
}

struct session *session_find(struct sessions *s, const char *id, const char *principal)
{
    uint64_t now_ms = 0;

    pthread_mutex_lock(&s->mutex);
    struct entry *e = find_entry(s, id, principal);
    bool touch = false;
    if (e) {
        now_ms = clock_mono_ms();
        e->session.last_seen_ms = now_ms;
        atomic_fetch_add(&e->session.refs, 1);
        touch = now_ms - e->touched_ms >= s->touch_ms;
        if (touch)
            e->touched_ms = now_ms;
    }
    pthread_mutex_unlock(&s->mutex);
    if (touch)
        touch_file(s, e->session.id, now_ms);
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
    drop_removed(s, &removed);
    return e;
}

void sessions_expire(struct sessions *s)
{
    struct list removed;

    list_init(&removed);
    pthread_mutex_lock(&s->mutex);
    collect_expired(s, &removed);
    pthread_mutex_unlock(&s->mutex);
    drop_removed(s, &removed);
}

unsigned sessions_count(struct sessions *s)
{
    pthread_mutex_lock(&s->mutex);
    unsigned n = (unsigned)map_size(s->by_id);
    pthread_mutex_unlock(&s->mutex);
    return n;
}
