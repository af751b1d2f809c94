#pragma once
/*
 * A journal as lines: walks its records from a place on and hands out each line, each event that is
 * no output, and pieces of lines where the journal has them in pieces. Memory is a block of the
 * output and a page of the index, whatever their size. Owned by one request.
 */
#include "server/mcp/excerpt.h"
#include "state/journal.h"

struct journal_lines;

struct journal_lines_options {
    const char *state_dir, *id; /* borrowed during the call */
    bool has_exit;              /* the record EXIT is shown only when the file exit is there */
    bool joins;                 /* puts together the pieces of a line that follow each other */
    size_t line_max;            /* a longer line is handed out in pieces */
};

/* 0; -ENOENT: there is no journal (yet); -errno. */
MUST_USE int journal_lines_open(const struct journal_lines_options *o, struct journal_lines **ret);
struct journal_lines *journal_lines_close(struct journal_lines *l);
void journal_lines_closep(struct journal_lines **l);

/* Goes to a place. 0; -EINVAL: there is no such place; -errno. What retention has dropped behind it
 * is jumped over and counted. */
MUST_USE int journal_lines_seek(struct journal_lines *l, struct output_pos pos);
/* Goes on to where the last lines begin: at most max_lines (SIZE_MAX: any number; 0: behind all
 * output) in at most max_bytes, but not back. *ret_skipped: bytes jumped over. 0 or -errno. */
MUST_USE int journal_lines_seek_tail(struct journal_lines *l, size_t max_bytes, size_t max_lines,
                                     uint64_t *ret_skipped);
/* 1 and the next line, whose data are valid until the next call; 0 at the end; -errno. */
MUST_USE int journal_lines_next(struct journal_lines *l, struct excerpt_line *ret);

struct output_pos journal_lines_pos(const struct journal_lines *l); /* behind the last line */
uint64_t journal_lines_events(const struct journal_lines *l);       /* those that are shown */
uint64_t journal_lines_bytes(const struct journal_lines *l);        /* output written so far */
uint64_t journal_lines_bytes_read(const struct journal_lines *l);   /* handed out so far */
uint64_t journal_lines_bytes_dropped(const struct journal_lines *l);
/* Where a place is in the output, in bytes. 0 or -errno. */
MUST_USE int journal_lines_offset(struct journal_lines *l, struct output_pos pos,
                                  uint64_t *ret_offset);
/* The event that byte `offset` of the output belongs to: its place. Behind the end: the end. */
MUST_USE int journal_lines_find(struct journal_lines *l, uint64_t offset, struct output_pos *ret);
