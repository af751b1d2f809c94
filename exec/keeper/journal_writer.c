#include "exec/keeper/journal_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "exec/keeper/codec.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/utf8.h"

/* Retention moves on in steps: a hole frees whole blocks only, and each step costs three calls. */
#define RETENTION_STEP_MIN (64u * 1024)
#define PAGE               4096u

static struct buf *held_of(struct journal_writer *w, enum journal_type stream)
{
    assert(stream == JOURNAL_STDOUT || stream == JOURNAL_STDERR);
    return &w->held[stream - JOURNAL_STDOUT];
}

static int write_header(const struct journal_writer *w)
{
    struct journal_header h = {
        .magic = JOURNAL_MAGIC,
        .version = JOURNAL_VERSION,
        .record_size = sizeof(struct journal_record),
        .first_event = w->first_event,
        .first_offset = w->first_offset,
    };
    ssize_t n = pwrite(w->index_fd, &h, sizeof(h), 0);
    return n == (ssize_t)sizeof(h) ? 0 : n < 0 ? -errno : -ENOSPC;
}

static int create(int dir_fd, const char *name, int *ret_fd)
{
    *ret_fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? -errno : 0;
}

int journal_writer_init(struct journal_writer *w, const char *dir, uint64_t max_output_bytes,
                        uint64_t keep_output_bytes)
{
    *w = (struct journal_writer){
        .output_fd = -1,
        .index_fd = -1,
        .max_output_bytes = max_output_bytes,
        .keep_output_bytes = keep_output_bytes,
    };
    CLEANUP(fd_closep) int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return -errno;
    int r = create(dir_fd, "index", &w->index_fd);
    if (r == 0)
        r = create(dir_fd, "output", &w->output_fd);
    return r < 0 ? r : write_header(w);
}

void journal_writer_deinit(struct journal_writer *w)
{
    fd_closep(&w->output_fd);
    fd_closep(&w->index_fd);
    for (int i = 0; i < JOURNAL_STREAMS; i++)
        buf_deinit(&w->held[i]);
}

static int append_record(struct journal_writer *w, const struct journal_record *r)
{
    uint64_t at = sizeof(struct journal_header) + w->events * sizeof(*r);
    ssize_t n = pwrite(w->index_fd, r, sizeof(*r), (off_t)at);

    if (n != (ssize_t)sizeof(*r)) {
        int error = n < 0 ? -errno : -ENOSPC;
        /* No reader may take a torn record for one. */
        if (n > 0 && ftruncate(w->index_fd, (off_t)at) < 0)
            return -errno;
        return error;
    }
    w->events++;
    return 0;
}

int journal_writer_event(struct journal_writer *w, enum journal_type type, uint64_t value)
{
    return append_record(w, &(struct journal_record){
                                .offset = w->output_bytes,
                                .type = (uint8_t)type,
                                .time_us = clock_real_us(),
                                .value = value,
                            });
}

static int write_note(const struct journal_writer *w, const char *dir, const char *note, size_t len)
{
    CLEANUP(fd_closep) int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd_closep)
    int fd = dir_fd < 0
                 ? -1
                 : openat(dir_fd, "notes", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    ssize_t n = pwrite(fd, note, len, (off_t)w->note_bytes);
    return n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
}

int journal_writer_note(struct journal_writer *w, enum journal_type type, const char *dir,
                        const char *note, size_t len)
{
    assert(len > 0 && len <= JOURNAL_NOTE_MAX);
    if (w->n_notes >= JOURNAL_NOTES_MAX)
        return 0;
    int r = write_note(w, dir, note, len);
    if (r == 0)
        r = append_record(w, &(struct journal_record){
                                 .offset = w->output_bytes,
                                 .type = (uint8_t)type,
                                 .note_bytes = (uint16_t)len,
                                 .time_us = clock_real_us(),
                                 .value = w->note_bytes,
                             });
    if (r < 0)
        return r;
    w->n_notes++;
    w->note_bytes += len;
    return 0;
}

/* Behind what is there. Not counted before its record stands in the index. */
static int write_output(const struct journal_writer *w, const char *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(w->output_fd, data + done, len - done, (off_t)(w->output_bytes + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -ENOSPC;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

/* Finds the first event that begins at `target` or later, in steps of some records. */
static int find_first(struct journal_writer *w, uint64_t target)
{
    struct journal_record records[64];

    for (;;) {
        uint64_t n = w->events - w->first_event;
        if (n > ARRAY_LEN(records))
            n = ARRAY_LEN(records);
        size_t size = (size_t)n * sizeof(records[0]);
        ssize_t r =
            pread(w->index_fd, records, size,
                  (off_t)(sizeof(struct journal_header) + w->first_event * sizeof(records[0])));
        if (r != (ssize_t)size)
            return r < 0 ? -errno : -EIO;
        for (size_t i = 0; i < n; i++) {
            uint64_t end = records[i].offset + records[i].length;
            if (end > target)
                return 0;
            w->first_event++;
            w->first_offset = end;
        }
        if (n == 0)
            return 0;
    }
}

static int keep_newest(struct journal_writer *w)
{
    uint64_t step = w->keep_output_bytes / 8, before = w->first_offset / PAGE * PAGE;
    if (step < RETENTION_STEP_MIN)
        step = RETENTION_STEP_MIN;
    if (!w->keep_output_bytes || w->output_bytes - w->first_offset <= w->keep_output_bytes + step)
        return 0;
    int r = find_first(w, w->output_bytes - w->keep_output_bytes);
    if (r == 0)
        r = write_header(w); /* before the bytes go, so that a reader can know */
    uint64_t after = w->first_offset / PAGE * PAGE;
    /* A file system without holes keeps the bytes; nobody reads them any more. */
    if (r == 0 && after > before)
        (void)fallocate(w->output_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)before,
                        (off_t)(after - before));
    return r;
}

static int write_record(struct journal_writer *w, enum journal_type stream, const char *data,
                        size_t len, uint8_t flags)
{
    struct journal_record record = {
        .offset = w->output_bytes,
        .length = (uint32_t)len,
        .type = (uint8_t)stream,
        .flags = flags,
        .time_us = clock_real_us(),
    };
    int r = write_output(w, data, len);
    if (r == 0)
        r = append_record(w, &record);
    if (r < 0)
        return r;
    w->output_bytes += len;
    w->stream_bytes[stream - JOURNAL_STDOUT] += len;
    w->last_output_us = record.time_us;
    return keep_newest(w);
}

/* One record, or as much of it as max_output_bytes leaves room for. */
static int emit(struct journal_writer *w, enum journal_type stream, const char *data, size_t len,
                uint8_t flags)
{
    uint64_t room = w->max_output_bytes ? w->max_output_bytes - w->output_bytes : len;
    bool is_cut = len > room;

    if (is_cut) {
        len = utf8_cut(data, len, (size_t)room);
        flags |= JOURNAL_PARTIAL;
        w->is_full = true;
    }
    int r = len > 0 ? write_record(w, stream, data, len, flags) : 0;
    if (r < 0)
        w->is_full = true;
    return r < 0 ? r : is_cut ? JOURNAL_WRITER_FULL : JOURNAL_WRITER_OK;
}

/* All lines of data, and pieces of a line that is longer than a record. */
static int emit_lines(struct journal_writer *w, enum journal_type stream, const char *data,
                      size_t len, size_t *ret_used)
{
    size_t used = 0;
    int r = JOURNAL_WRITER_OK;

    while (r == JOURNAL_WRITER_OK && used < len) {
        const char *p = data + used;
        size_t n = len - used < JOURNAL_RECORD_MAX ? len - used : JOURNAL_RECORD_MAX;
        const char *newline = memrchr(p, '\n', n);
        if (newline) {
            n = (size_t)(newline + 1 - p);
            r = emit(w, stream, p, n, 0);
        } else if (n == JOURNAL_RECORD_MAX) {
            n -= utf8_incomplete_tail(p, n);
            r = emit(w, stream, p, n, JOURNAL_PARTIAL);
        } else {
            break;
        }
        used += n;
    }
    *ret_used = used;
    return r;
}

int journal_writer_add(struct journal_writer *w, enum journal_type stream, const char *data,
                       size_t len)
{
    struct buf *held = held_of(w, stream);
    size_t used;
    int r;

    assert(len <= JOURNAL_RECORD_MAX);
    if (w->is_full)
        return JOURNAL_WRITER_OK;
    if (held->len == 0) {
        r = emit_lines(w, stream, data, len, &used);
        buf_append(held, data + used, len - used);
    } else {
        buf_append(held, data, len);
        r = emit_lines(w, stream, held->data, held->len, &used);
        buf_consume(held, used);
    }
    return r;
}

static size_t flushable(const struct buf *held, bool is_end)
{
    return held->len - (is_end ? 0 : utf8_incomplete_tail(held->data, held->len));
}

int journal_writer_flush(struct journal_writer *w, enum journal_type stream, bool is_end)
{
    struct buf *held = held_of(w, stream);
    size_t n = flushable(held, is_end);

    if (w->is_full || n == 0)
        return JOURNAL_WRITER_OK;
    /* At the end no record follows that the line could go on in. */
    int r = emit(w, stream, held->data, n, is_end ? 0 : JOURNAL_PARTIAL);
    buf_consume(held, n);
    return r;
}

bool journal_writer_can_flush(const struct journal_writer *w, enum journal_type stream)
{
    return !w->is_full && flushable(&w->held[stream - JOURNAL_STDOUT], false) > 0;
}

bool journal_writer_has_exit(const char *dir)
{
    CLEANUP(fd_closep) int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return dir_fd >= 0 && faccessat(dir_fd, "exit", F_OK, 0) == 0;
}

void journal_writer_walk(struct journal_writer *w, struct codec *c)
{
    codec_i32(c, &w->output_fd);
    codec_i32(c, &w->index_fd);
    codec_u64(c, &w->events);
    codec_u64(c, &w->output_bytes);
    codec_u64(c, &w->last_output_us);
    codec_u64(c, &w->first_event);
    codec_u64(c, &w->first_offset);
    codec_u64(c, &w->max_output_bytes);
    codec_u64(c, &w->keep_output_bytes);
    codec_bool(c, &w->is_full);
    codec_u32(c, &w->n_notes);
    codec_u64(c, &w->note_bytes);
    for (int i = 0; i < JOURNAL_STREAMS; i++) {
        codec_u64(c, &w->stream_bytes[i]);
        const void *data = w->held[i].data;
        size_t len = w->held[i].len;
        codec_bytes(c, &data, &len);
        if (codec_is_reading(c) && data)
            buf_append(&w->held[i], data, len);
    }
}
