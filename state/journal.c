/*
 * The index may have been damaged by whatever else writes to the disk, so nothing in it is
 * believed: each number is checked against the size of the file it points into before it is used.
 *
 * Order against the keeper: it writes bytes, then the record; a reader takes the size of the
 * index first and needs only what lies below it. Retention writes the header, then punches the
 * hole; a reader takes the bytes, then looks at the header again. So zeros of a fresh hole are
 * never taken for output.
 */
#include "state/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <sys/stat.h>

#include "state/base/buf.h"
#include "state/base/fd.h"
#include "state/base/id.h"

struct journal {
    int index_fd, output_fd;
    uint64_t events;
    uint64_t output_bytes;
    uint64_t first_event, first_offset;
};

char *journal_dir(const char *state_dir, const char *id)
{
    struct buf b = {0};

    assert(id_is_valid(id));
    buf_printf(&b, "%s/executions/%s", state_dir, id);
    return buf_steal(&b);
}

/* 0, or -errno; -EBADMSG when the file ends before len bytes. */
static int read_at(int fd, uint64_t offset, void *buf, size_t len)
{
    char *p = buf;

    while (len > 0) {
        ssize_t n = pread(fd, p, len, (off_t)offset);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (n == 0)
            return -EBADMSG;
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static uint64_t record_at(uint64_t n)
{
    return sizeof(struct journal_header) + n * sizeof(struct journal_record);
}

static bool is_record_sound(const struct journal_record *rec, uint64_t output_bytes)
{
    bool has_bytes = rec->type == JOURNAL_STDOUT || rec->type == JOURNAL_STDERR;

    return rec->type >= JOURNAL_READY && rec->type <= JOURNAL_TYPE_MAX &&
           rec->length <= JOURNAL_RECORD_MAX && rec->note_bytes <= JOURNAL_NOTE_MAX &&
           (has_bytes || rec->length == 0) && rec->offset <= output_bytes &&
           rec->length <= output_bytes - rec->offset;
}

/* The keeper may be writing the header: two equal reads in a row are one state of it. */
static int read_header(const struct journal *j, struct journal_header *ret)
{
    struct journal_header again;
    int r = read_at(j->index_fd, 0, ret, sizeof(*ret));

    for (int i = 0; r == 0 && i < 100; i++) {
        r = read_at(j->index_fd, 0, &again, sizeof(again));
        if (r < 0)
            return r;
        if (memcmp(ret, &again, sizeof(again)) == 0)
            return 0;
        *ret = again;
    }
    return r < 0 ? r : -EBADMSG;
}

/* Retention only moves on; a shadow may learn what came before. */
static int read_sound_header(const struct journal *j, struct journal_header *ret)
{
    int r = read_header(j, ret);

    if (r < 0)
        return r;
    return ret->magic == JOURNAL_MAGIC && ret->version == JOURNAL_VERSION &&
                   ret->record_size == sizeof(struct journal_record) &&
                   (ret->flags & JOURNAL_SHADOW ||
                    (ret->first_event >= j->first_event && ret->first_offset >= j->first_offset))
               ? 0
               : -EBADMSG;
}

int journal_refresh(struct journal *j)
{
    struct stat index, output;
    struct journal_record last = {0};
    struct journal_header h;

    /* The header first: what it says has been dropped was in the index before. */
    int r = read_sound_header(j, &h);
    if (r < 0)
        return r;
    if (fstat(j->index_fd, &index) < 0)
        return -errno;
    if ((uint64_t)index.st_size < record_at(j->events))
        return -EBADMSG;
    uint64_t events = ((uint64_t)index.st_size - record_at(0)) / sizeof(last);
    if (events > 0) {
        r = read_at(j->index_fd, record_at(events - 1), &last, sizeof(last));
        if (r < 0)
            return r;
    }
    if (fstat(j->output_fd, &output) < 0)
        return -errno;
    if ((events > 0 && !is_record_sound(&last, (uint64_t)output.st_size)) ||
        last.offset + last.length < j->output_bytes || h.first_event > events ||
        h.first_offset > last.offset + last.length)
        return -EBADMSG;
    j->events = events;
    j->output_bytes = last.offset + last.length;
    j->first_event = h.first_event;
    j->first_offset = h.first_offset;
    return 0;
}

int journal_open(const char *state_dir, const char *id, struct journal **ret)
{
    CLEANUP(free_p) char *dir = journal_dir(state_dir, id);
    CLEANUP(journal_closep) struct journal *j = xcalloc(1, sizeof(*j));
    struct stat index;

    j->index_fd = j->output_fd = -1;
    CLEANUP(fd_closep) int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return -errno;
    j->index_fd = openat(dirfd, "index", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (j->index_fd < 0)
        return -errno;
    j->output_fd = openat(dirfd, "output", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (j->output_fd < 0 || fstat(j->index_fd, &index) < 0)
        return -errno;
    /* The keeper has made the file, but not yet written the header. */
    if (index.st_size == 0)
        return -ENOENT;

    int r = journal_refresh(j);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(j);
    return 0;
}

struct journal *journal_close(struct journal *j)
{
    if (!j)
        return NULL;
    fd_closep(&j->index_fd);
    fd_closep(&j->output_fd);
    free(j);
    return NULL;
}

void journal_closep(struct journal **j)
{
    *j = journal_close(*j);
}

uint64_t journal_events(const struct journal *j)
{
    return j->events;
}

uint64_t journal_first_event(const struct journal *j)
{
    return j->first_event;
}

uint64_t journal_first_offset(const struct journal *j)
{
    return j->first_offset;
}

uint64_t journal_output_bytes(const struct journal *j)
{
    return j->output_bytes;
}

int journal_records(struct journal *j, uint64_t from, struct journal_record *recs, size_t max,
                    size_t *ret_n)
{
    uint64_t left = from < j->events ? j->events - from : 0, end = 0;
    size_t n = left < max ? (size_t)left : max;

    int r = read_at(j->index_fd, record_at(from), recs, n * sizeof(*recs));
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        if (from + i < j->first_event && recs[i].type == 0) {
            /* A shadow never had it: where the one before ended is all that is known. */
            recs[i] = (struct journal_record){.offset = end, .type = JOURNAL_STDOUT};
            continue;
        }
        if (!is_record_sound(&recs[i], j->output_bytes) || recs[i].offset < end)
            return -EBADMSG;
        end = recs[i].offset + recs[i].length;
    }
    *ret_n = n;
    return 0;
}

int journal_read(struct journal *j, uint64_t offset, void *buf, size_t len)
{
    struct journal_header h;

    if (offset > j->output_bytes || len > j->output_bytes - offset)
        return -ENODATA;
    int r = read_at(j->output_fd, offset, buf, len);
    if (r == 0)
        r = read_sound_header(j, &h);
    if (r < 0)
        return r;
    if (offset >= h.first_offset)
        return 0;
    r = journal_refresh(j);
    return r < 0 ? r : -ENODATA;
}

bool journal_read_note(const char *dir, const struct journal_record *rec, struct buf *ret)
{
    char text[JOURNAL_NOTE_MAX];
    CLEANUP(buf_deinit) struct buf path = {0};

    if (rec->note_bytes == 0 || rec->note_bytes > sizeof(text))
        return false;
    buf_printf(&path, "%s/notes", dir);
    CLEANUP(fd_closep) int fd = open(path.data, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || read_at(fd, rec->value, text, rec->note_bytes) < 0)
        return false;
    buf_append(ret, text, rec->note_bytes);
    return true;
}

uint64_t journal_last_output_us(struct journal *j)
{
    struct journal_record recs[16]; /* more than can follow the last output */
    size_t n = 0;
    uint64_t from = j->events > ARRAY_LEN(recs) ? j->events - ARRAY_LEN(recs) : 0;

    if (journal_records(j, from, recs, ARRAY_LEN(recs), &n) < 0)
        return 0;
    while (n > 0 && recs[n - 1].length == 0)
        n--;
    return n > 0 ? recs[n - 1].time_us : 0;
}
