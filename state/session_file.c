#include "state/session_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <sys/stat.h>

#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/json.h"
#include "state/base/utf8.h"

/* Most of it is what the client said of itself, which the limit of its request's body bounds. */
#define SESSION_FILE_MAX (32u << 20)

int session_files_init(struct session_files *f, const char *state_dir)
{
    struct buf dir = {0};

    buf_printf(&dir, "%s/sessions", state_dir);
    *f = (struct session_files){.dir = buf_steal(&dir), .dirfd = -1};
    int r = dir_make(f->dir);
    if (r < 0)
        return r;
    f->dirfd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return f->dirfd < 0 ? -errno : 0;
}

void session_files_deinit(struct session_files *f)
{
    fd_closep(&f->dirfd);
    free(f->dir);
    f->dir = NULL;
}

DIR *session_files_list(const struct session_files *f)
{
    CLEANUP(fd_closep) int fd = openat(f->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (d)
        (void)TAKE_FD(fd);
    return d;
}

static char *file_name(const char *id)
{
    struct buf b = {0};
    buf_printf(&b, "%s.json", id);
    return buf_steal(&b);
}

static bool is_utf8(const char *s)
{
    return !s || utf8_is_valid(s, strlen(s));
}

int session_file_write(const struct session_files *f, const struct session *s)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    CLEANUP(free_p) char *name = file_name(s->id);

    if (!is_utf8(s->principal) || !is_utf8(s->revision) || !is_utf8(s->client) ||
        !is_utf8(s->capabilities))
        return -EILSEQ;
    buf_append_char(&b, '{');
    json_text_member_str(&b, "id", s->id);
    json_text_member_str(&b, "principal", s->principal);
    json_text_member_str(&b, "revision", s->revision);
    json_text_member_str(&b, "client", s->client);
    json_text_member_str(&b, "capabilities", s->capabilities);
    json_text_member_u64(&b, "created_us", s->created_us);
    buf_append_str(&b, "}\n");
    return file_replace(f->dir, name, b.data, b.len);
}

static char *get_copy(const cJSON *o, const char *key)
{
    const char *v;
    return json_get_str(o, key, &v) ? xstrdup(v) : NULL;
}

static bool decode_session(const cJSON *o, const char *name, struct session *s)
{
    const char *id;

    if (!json_get_str(o, "id", &id) || !id_is_valid(id))
        return false;
    CLEANUP(free_p) char *expected = file_name(id);
    memcpy(s->id, id, strlen(id) + 1);
    s->principal = get_copy(o, "principal");
    s->revision = get_copy(o, "revision");
    s->client = get_copy(o, "client");
    s->capabilities = get_copy(o, "capabilities");
    return strcmp(expected, name) == 0 && s->principal && s->revision &&
           json_get_u64(o, "created_us", &s->created_us);
}

/* Idle for longer than the machine is up, it was seen before CLOCK_MONOTONIC began: the difference
 * wraps, and wraps back in session.c. */
static uint64_t last_seen_ms(const struct stat *st)
{
    uint64_t real_ms = clock_real_us() / 1000;
    uint64_t seen_ms =
        (uint64_t)st->st_mtim.tv_sec * 1000 + (uint64_t)st->st_mtim.tv_nsec / 1000000;

    return clock_mono_ms() - (real_ms > seen_ms ? real_ms - seen_ms : 0);
}

int session_file_read(const struct session_files *f, const char *name, struct session *ret)
{
    CLEANUP(buf_deinit) struct buf path = {0};
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(json_deletep) cJSON *o = NULL;
    size_t len, error_at;
    struct stat st;

    if (fstatat(f->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    /* A FIFO would make the reader wait. */
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    buf_printf(&path, "%s/%s", f->dir, name);
    int r = file_read(path.data, SESSION_FILE_MAX, &text, &len);
    if (r < 0)
        return r;
    if (json_parse(text, len, &o, &error_at) != JSON_OK || !decode_session(o, name, ret))
        return -EBADMSG;
    ret->last_seen_ms = last_seen_ms(&st);
    return 0;
}

void session_file_touch(const struct session_files *f, const struct session *s)
{
    CLEANUP(free_p) char *name = file_name(s->id);
    uint64_t seen_us = clock_real_us() - (clock_mono_ms() - s->last_seen_ms) * 1000;
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = (time_t)(seen_us / 1000000), .tv_nsec = (long)(seen_us % 1000000) * 1000},
    };

    /* The worst that a failure does is an early expiry after a restart. */
    DISREGARD(utimensat(f->dirfd, name, times, AT_SYMLINK_NOFOLLOW));
}

void session_file_remove(const struct session_files *f, const struct session *s)
{
    CLEANUP(free_p) char *name = file_name(s->id);
    (void)unlinkat(f->dirfd, name, 0);
}
