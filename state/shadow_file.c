/*
 * Readers may be at work at any time, so each change shows at once or not at all:
 *   append   bytes, then records at the end of index (as the keeper does);
 *   prepend  bytes and records below what the header says is there, then the header;
 *   begin    bytes, then a whole new index by rename; who reads has the old one open.
 */
#include "state/shadow_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include <sys/stat.h>

#include "state/base/fd.h"

#define MARK "shadow"

void shadow_events_deinit(struct shadow_events *v)
{
    buf_deinit(&v->records);
    buf_deinit(&v->bytes);
    buf_deinit(&v->notes);
    v->n = 0;
}

void shadow_events_add(struct shadow_events *v, const struct journal_record *rec, const void *data)
{
    buf_append(&v->records, rec, sizeof(*rec));
    if (rec->note_bytes > 0)
        buf_append(&v->notes, data, rec->note_bytes);
    else
        buf_append(&v->bytes, data, rec->length);
    v->n++;
}

/* The records get their places: the first one's bytes are at `offset`, its note behind those that
 * are there. */
static void place(struct shadow_events *v, uint64_t offset, uint64_t note_at)
{
    for (size_t i = 0; i < v->n; i++) {
        struct journal_record rec;
        char *at = v->records.data + i * sizeof(rec);
        memcpy(&rec, at, sizeof(rec));
        rec.offset = offset;
        offset += rec.length;
        if (rec.note_bytes > 0)
            rec.value = note_at;
        note_at += rec.note_bytes;
        memcpy(at, &rec, sizeof(rec));
    }
}

static int write_at(int fd, const void *data, size_t len, uint64_t offset)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_header(int fd, uint64_t first_event, uint64_t first_offset)
{
    const struct journal_header h = {.magic = JOURNAL_MAGIC,
                                     .version = JOURNAL_VERSION,
                                     .record_size = sizeof(struct journal_record),
                                     .first_event = first_event,
                                     .first_offset = first_offset,
                                     .flags = JOURNAL_SHADOW};
    return write_at(fd, &h, sizeof(h), 0);
}

static int write_records(int fd, uint64_t event, const struct shadow_events *v)
{
    return write_at(fd, v->records.data, v->records.len,
                    sizeof(struct journal_header) + event * sizeof(struct journal_record));
}

static int open_in(const struct shadow_file *f, const char *name, int flags)
{
    CLEANUP(free_p) char *path = NULL;
    if (asprintf(&path, "%s/%s", f->dir, name) < 0)
        abort();
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
    return fd < 0 ? -errno : fd;
}

/* Before the records that name them. In which order they lie means nothing. */
static int write_notes(struct shadow_file *f, const struct shadow_events *v)
{
    if (v->notes.len == 0)
        return 0;
    CLEANUP(fd_closep) int fd = open_in(f, "notes", 0);
    if (fd < 0)
        return fd;
    int r = write_at(fd, v->notes.data, v->notes.len, f->note_bytes);
    if (r == 0)
        f->note_bytes += v->notes.len;
    return r;
}

/* Places and writes all but the records. */
static int write_bytes(struct shadow_file *f, struct shadow_events *v, uint64_t offset)
{
    place(v, offset, f->note_bytes);
    int r = write_at(f->output_fd, v->bytes.data, v->bytes.len, offset);
    return r < 0 ? r : write_notes(f, v);
}

int shadow_file_new(const char *state_dir, const struct exec_spec *spec, struct shadow_file **ret)
{
    struct shadow_file *f = xcalloc(1, sizeof(*f));
    f->dir = journal_dir(state_dir, spec->id);
    f->index_fd = f->output_fd = -1;
    int r = mkdir(f->dir, 0700) < 0 ? -errno : 0;
    if (r == 0) {
        /* The mark first: without a spec it is no execution, and with both it is no own one. */
        r = file_replace(f->dir, MARK, "", 0);
        if (r == 0)
            r = exec_spec_write(spec, f->dir);
        if (r < 0)
            DISREGARD(dir_remove(f->dir)); /* what is left is not taken for an execution */
    }
    if (r < 0) {
        shadow_file_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

struct shadow_file *shadow_file_free(struct shadow_file *f)
{
    if (!f)
        return NULL;
    fd_closep(&f->index_fd);
    fd_closep(&f->output_fd);
    free(f->dir);
    free(f);
    return NULL;
}

bool shadow_file_is(const char *dir)
{
    CLEANUP(free_p) char *path = NULL;
    if (asprintf(&path, "%s/" MARK, dir) < 0)
        abort();
    return access(path, F_OK) == 0;
}

int shadow_file_begin(struct shadow_file *f, uint64_t event, uint64_t offset,
                      struct shadow_events *v)
{
    if (f->output_fd < 0)
        f->output_fd = open_in(f, "output", 0);
    if (f->output_fd < 0)
        return f->output_fd;
    CLEANUP(fd_closep) int fd = open_in(f, ".index", O_TRUNC);
    if (fd < 0)
        return fd;
    int r = write_bytes(f, v, offset);
    /* An event's place may be behind output that is not here: the file is as long as they say. */
    if (r == 0 && ftruncate(f->output_fd, (off_t)(offset + v->bytes.len)) < 0)
        r = -errno;
    if (r == 0)
        r = write_header(fd, event, offset);
    if (r == 0)
        r = write_records(fd, event, v);
    CLEANUP(free_p) char *from = NULL;
    CLEANUP(free_p) char *to = NULL;
    if (asprintf(&from, "%s/.index", f->dir) < 0 || asprintf(&to, "%s/index", f->dir) < 0)
        abort();
    if (r == 0 && rename(from, to) < 0)
        r = -errno;
    if (r < 0)
        return r;
    fd_closep(&f->index_fd);
    f->index_fd = TAKE_FD(fd);
    f->first_event = event;
    f->first_offset = offset;
    f->events = event + v->n;
    f->output_bytes = offset + v->bytes.len;
    return 0;
}

int shadow_file_append(struct shadow_file *f, struct shadow_events *v)
{
    if (v->n == 0)
        return 0;
    assert(f->index_fd >= 0);
    int r = write_bytes(f, v, f->output_bytes);
    if (r == 0)
        r = write_records(f->index_fd, f->events, v);
    if (r < 0)
        return r;
    f->events += v->n;
    f->output_bytes += v->bytes.len;
    return 0;
}

int shadow_file_prepend(struct shadow_file *f, struct shadow_events *v)
{
    if (v->n == 0)
        return 0;
    if (f->index_fd < 0 || v->n > f->first_event || v->bytes.len > f->first_offset)
        return -EINVAL;
    uint64_t event = f->first_event - v->n, offset = f->first_offset - v->bytes.len;
    int r = write_bytes(f, v, offset);
    if (r == 0)
        r = write_records(f->index_fd, event, v);
    if (r == 0)
        r = write_header(f->index_fd, event, offset);
    if (r < 0)
        return r;
    f->first_event = event;
    f->first_offset = offset;
    return 0;
}

int shadow_file_finish(struct shadow_file *f, const struct execution_exit *x,
                       const struct journal_sums *sums)
{
    if (sums) {
        int r = journal_keep_sums(f->dir, sums);
        if (r < 0)
            return r;
    }
    return journal_write_exit(f->dir, x);
}

uint64_t shadow_file_size(const struct shadow_file *f)
{
    return f->output_bytes - f->first_offset +
           (f->events - f->first_event) * sizeof(struct journal_record);
}
