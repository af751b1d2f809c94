#pragma once
/*
 * A range of a regular file, by lines or bytes, read in short steps, so that the thread can serve
 * others in between. Up to FILE_SUM_MAX bytes the whole file is read, for its checksum and number
 * of lines; of a larger one what the range needs, and lines at most FILE_SCAN_MAX bytes in. The
 * file may change meanwhile: then the answer is what was there when each block was read. Owned by
 * one request.
 */
#include <stdint.h>

#include "server/mcp/file_root.h"
#include "state/base/buf.h"

#define FILE_SUM_MAX  (16u << 20)
#define FILE_SCAN_MAX (256u << 20)

enum file_unit { FILE_BYTES, FILE_LINES };

struct file_range {
    enum file_unit unit;
    uint64_t first;   /* bytes: from 0; lines: from 1 */
    uint64_t count;   /* at most so many */
    size_t max_bytes; /* … and in all not more than this */
};

struct file_part {
    struct buf data; /* owned */
    uint64_t offset; /* of data, in bytes */
    uint64_t units;  /* lines or bytes in data; a line counts where it begins */
    bool has_more;   /* something is behind data … */
    enum file_unit next_unit;
    uint64_t next;  /* … and goes on here */
    bool knows_all; /* the whole file was read: */
    uint64_t n_lines;
    char sha256[65]; /* hexadecimal */
};

struct file_reader;

/* fd: taken. Never fails. */
struct file_reader *file_reader_new(int fd, const struct file_range *range);
struct file_reader *file_reader_free(struct file_reader *r);
/* FILE_MORE, FILE_OK, FILE_E_FAR or -errno. */
MUST_USE int file_reader_step(struct file_reader *r);
/* After FILE_OK; borrowed. */
const struct file_part *file_reader_result(const struct file_reader *r);
