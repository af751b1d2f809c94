#pragma once
/*
 * What of a stream of lines goes into an answer: the first ones while they fit (the head), then,
 * where the answer is to show both ends, the last ones (the tail).
 *
 *     lines in   a b c d e f g h i j            head_bytes  tail: max_bytes less the head's
 *     kept       a b c [5 left out] i j
 *
 * Without a tail the first line that does not fit ends it, and `resume` says where to go on. Lines
 * stay whole; only one that alone is larger than its part is cut, never inside a UTF-8 character.
 * Events that are no output (ready, exit …) are always kept. Memory is bounded by max_bytes and
 * EXCERPT_LINES_MAX. Owned by one request.
 */
#include <stdbool.h>
#include <stddef.h>

#include "server/mcp/event_id.h"
#include "state/base/buf.h"
#include "state/journal_format.h"

#define EXCERPT_LINES_MAX  32768u
#define EXCERPT_EVENTS_MAX 4096u

/* A line, a piece of one, or (no bytes) an event that is no output. */
struct excerpt_line {
    uint64_t event;               /* where it ends … */
    struct journal_record record; /* … and that one's type, time and value */
    struct output_pos begin, end; /* what of the output it stands for */
    bool is_verbatim;             /* data are the bytes of begin … end, all in one record */
    const char *data;             /* borrowed during the call */
    size_t len;
};

/* What was kept of one event. */
struct excerpt_piece {
    uint64_t event;
    struct journal_record record;
    struct output_pos end; /* everything up to here is in this piece, before it, or left out */
    struct buf data;
};

struct excerpt_limits {
    size_t max_bytes;
    size_t head_bytes; /* at most max_bytes */
    size_t head_lines; /* SIZE_MAX: any number */
    size_t tail_lines; /* 0: none, only events that are no output */
    bool has_tail;
};

struct excerpt {
    struct excerpt_limits limits;
    struct excerpt_piece *pieces; /* owned, n_pieces; after excerpt_finish() with the tail */
    size_t n_pieces, cap_pieces;
    size_t head_bytes, head_lines; /* kept so far */
    bool is_head_over, is_full;
    struct output_pos resume;       /* is_full: the first that was not taken */
    struct excerpt_tail_line *tail; /* owned; ring of cap_tail, a power of two */
    size_t tail_first, n_tail, cap_tail;
    size_t tail_bytes, tail_newlines, tail_events;
    bool is_tail_open; /* the last bytes in it are no whole line */
    uint64_t left_out_bytes;
    struct output_pos left_out_from; /* when left_out_bytes > 0 */
    size_t gap_at;                   /* pieces before what was left out */
};

void excerpt_init(struct excerpt *x, const struct excerpt_limits *l);
void excerpt_deinit(struct excerpt *x);
/* False when it is full: the line was not taken (or only its begin), see resume. */
bool excerpt_add(struct excerpt *x, const struct excerpt_line *line);
/* Lines from `from` on were not even looked at: `bytes` of output. Only when the head is over. */
void excerpt_skip(struct excerpt *x, struct output_pos from, uint64_t bytes);
/* How much the tail may hold. */
size_t excerpt_tail_room(const struct excerpt *x);
/* No more lines come: pieces are complete. */
void excerpt_finish(struct excerpt *x);
