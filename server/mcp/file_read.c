#include "server/mcp/file_read.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "state/base/fd.h"
#include "state/base/utf8.h"

#define BLOCK_BYTES     65536
#define BLOCKS_PER_STEP 16 /* a millisecond or two, with the checksum */

struct file_reader {
    int fd; /* owned */
    struct file_range range;
    uint64_t pos;    /* everything before was looked at */
    uint64_t line;   /* of the byte at pos, from 1 */
    bool in_line;    /* pos is within a line */
    bool is_full;    /* the range is complete, or there is no room for more */
    EVP_MD_CTX *sum; /* owned; NULL: of a file that is too large */
    struct file_part part;
    char block[BLOCK_BYTES];
};

struct file_reader *file_reader_new(int fd, const struct file_range *range)
{
    struct file_reader *r = xcalloc(1, sizeof(*r));
    struct stat st;

    r->fd = fd;
    r->range = *range;
    r->line = 1;
    if (fstat(fd, &st) == 0 && st.st_size <= FILE_SUM_MAX) {
        r->sum = EVP_MD_CTX_new();
        if (!r->sum || EVP_DigestInit_ex(r->sum, EVP_sha256(), NULL) != 1)
            abort();
    } else if (range->unit == FILE_BYTES) {
        r->pos = range->first;
    }
    return r;
}

struct file_reader *file_reader_free(struct file_reader *r)
{
    if (!r)
        return NULL;
    fd_closep(&r->fd);
    EVP_MD_CTX_free(r->sum);
    buf_deinit(&r->part.data);
    free(r);
    return NULL;
}

const struct file_part *file_reader_result(const struct file_reader *r)
{
    return &r->part;
}

/* ---- the range ---- */

/* Room in the answer is what may still be taken of it. */
static size_t room(const struct file_reader *r)
{
    return r->range.max_bytes - r->part.data.len;
}

static void take(struct file_reader *r, const char *data, size_t n, uint64_t at)
{
    if (r->part.data.len == 0)
        r->part.offset = at;
    buf_append(&r->part.data, data, n);
}

static void stop_at(struct file_reader *r, enum file_unit unit, uint64_t next)
{
    r->is_full = true;
    r->part.has_more = true;
    r->part.next_unit = unit;
    r->part.next = next;
}

/* Nothing ends within a character, unless that is all there is. */
static void cut_character(struct file_reader *r)
{
    struct buf *data = &r->part.data;
    size_t cut = utf8_incomplete_tail(data->data, data->len);

    if (cut < data->len)
        data->len -= cut;
}

/* What of the block at pos is in the range of bytes. */
static void take_bytes(struct file_reader *r, const char *data, size_t n)
{
    uint64_t first = r->range.first, left = r->range.count - r->part.data.len;
    size_t skip = r->pos >= first ? 0 : first - r->pos > n ? n : (size_t)(first - r->pos);
    size_t most = left < room(r) ? (size_t)left : room(r);

    n -= skip;
    if (n == 0)
        return;
    take(r, data + skip, n < most ? n : most, r->pos + skip);
    if (n > most) {
        cut_character(r);
        stop_at(r, FILE_BYTES, first + r->part.data.len);
    }
    r->part.units = r->part.data.len;
}

/* The line at hand does not fit: whole lines only, but for a first one that is too long itself. */
static void stop_within(struct file_reader *r, const char *data, uint64_t at)
{
    struct buf *b = &r->part.data;

    if (r->part.units > r->in_line) {
        while (b->data[b->len - 1] != '\n')
            b->len--;
        r->part.units -= r->in_line;
        return stop_at(r, FILE_LINES, r->line);
    }
    r->part.units = 1;
    take(r, data, room(r), at);
    cut_character(r);
    stop_at(r, FILE_BYTES, r->part.offset + b->len);
}

/* A piece of a line, up to its end or that of the block. at: where it stands. */
static void take_piece(struct file_reader *r, const char *data, size_t n, uint64_t at)
{
    if (r->is_full || r->line < r->range.first)
        return;
    if (r->line - r->range.first >= r->range.count)
        return stop_at(r, FILE_LINES, r->line);
    if (n > room(r))
        return stop_within(r, data, at);
    r->part.units += !r->in_line;
    take(r, data, n, at);
}

static void look_at_lines(struct file_reader *r, const char *data, size_t n)
{
    for (size_t i = 0; i < n;) {
        const char *newline = memchr(data + i, '\n', n - i);
        size_t len = newline ? (size_t)(newline - data) + 1 - i : n - i;
        if (r->range.unit == FILE_LINES)
            take_piece(r, data + i, len, r->pos + i);
        r->in_line = !newline;
        r->line += newline != NULL;
        i += len;
    }
}

/* ---- reading ---- */

static void end_sum(struct file_reader *r)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;

    if (!r->sum)
        return;
    if (EVP_DigestFinal_ex(r->sum, digest, &n) != 1)
        abort();
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(r->part.sha256 + 2 * (size_t)i, 3, "%02x", digest[i]);
    r->part.knows_all = true;
    r->part.n_lines = r->line - 1 + r->in_line;
}

static int end(struct file_reader *r)
{
    end_sum(r);
    if (r->part.data.data)
        r->part.data.data[r->part.data.len] = '\0';
    return FILE_OK;
}

/* Is there no need to look at the rest? */
static bool is_over(struct file_reader *r)
{
    if (r->sum && r->pos > FILE_SUM_MAX) { /* it grows */
        EVP_MD_CTX_free(r->sum);
        r->sum = NULL;
    }
    return r->is_full && !r->sum;
}

/* 1: a block was looked at; 0: that was the end; -errno. */
static int read_block(struct file_reader *r)
{
    ssize_t n = pread(r->fd, r->block, BLOCK_BYTES, (off_t)r->pos);

    if (n < 0)
        return errno == EINTR ? 1 : -errno;
    if (n == 0)
        return 0;
    if (r->sum && EVP_DigestUpdate(r->sum, r->block, (size_t)n) != 1)
        abort();
    if (r->range.unit == FILE_BYTES && !r->is_full)
        take_bytes(r, r->block, (size_t)n);
    if (r->range.unit == FILE_LINES || r->sum)
        look_at_lines(r, r->block, (size_t)n);
    r->pos += (uint64_t)n;
    return 1;
}

int file_reader_step(struct file_reader *r)
{
    for (int i = 0; i < BLOCKS_PER_STEP; i++) {
        int n = read_block(r);
        if (n < 0)
            return n;
        if (n == 0 || is_over(r))
            return end(r);
        if (r->range.unit == FILE_LINES && r->pos > FILE_SCAN_MAX && r->line < r->range.first)
            return FILE_E_FAR;
    }
    return FILE_MORE;
}
