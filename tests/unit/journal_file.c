#include "tests/unit/journal_file.h"

#include <fcntl.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/journal.h"
#include "tests/unit/temp_dir.h"

static void write_at(int fd, const void *data, size_t len, uint64_t offset)
{
    ssize_t n = pwrite(fd, data, len, (off_t)offset);
    if (n != (ssize_t)len)
        abort();
}

static void write_header(struct journal_file *f, uint64_t first_event, uint64_t first_offset)
{
    struct journal_header h = {
        .magic = JOURNAL_MAGIC,
        .version = JOURNAL_VERSION,
        .record_size = sizeof(struct journal_record),
        .first_event = first_event,
        .first_offset = first_offset,
    };
    write_at(f->index_fd, &h, sizeof(h), 0);
}

static int create(const char *dir, const char *name)
{
    CLEANUP(free_p) char *path = temp_path(dir, name);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        abort();
    return fd;
}

void journal_file_create(struct journal_file *f, const char *state_dir, const char *id)
{
    *f = (struct journal_file){.dir = journal_dir(state_dir, id)};
    if (dir_make(f->dir) < 0)
        abort();
    f->index_fd = create(f->dir, "index");
    f->output_fd = create(f->dir, "output");
    write_header(f, 0, 0);
}

void journal_file_close(struct journal_file *f)
{
    fd_closep(&f->index_fd);
    fd_closep(&f->output_fd);
    free(f->dir);
}

static void append(struct journal_file *f, const struct journal_record *rec)
{
    write_at(f->index_fd, rec, sizeof(*rec),
             sizeof(struct journal_header) + f->events * sizeof(*rec));
    f->events++;
    f->last = *rec;
}

void journal_file_event(struct journal_file *f, enum journal_type type, uint64_t value)
{
    append(f, &(struct journal_record){.offset = f->output_bytes,
                                       .type = (uint8_t)type,
                                       .time_us = clock_real_us(),
                                       .value = value});
}

void journal_file_bytes(struct journal_file *f, enum journal_type stream, uint8_t flags,
                        const void *data, size_t len)
{
    struct journal_record rec = {
        .offset = f->output_bytes,
        .length = (uint32_t)len,
        .type = (uint8_t)stream,
        .flags = flags,
        .time_us = clock_real_us(),
    };
    write_at(f->output_fd, data, len, rec.offset);
    f->output_bytes += len;
    append(f, &rec);
}

void journal_file_drop(struct journal_file *f, uint64_t first_event, uint64_t first_offset)
{
    write_header(f, first_event, first_offset);
    if (fallocate(f->output_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  (off_t)first_offset) < 0)
        abort();
}
