#pragma once
/*
 * An execution's output, read from its journal for one answer: either the next page behind a place
 * (then nothing is lost or repeated from one answer to the next), or both ends of what is there.
 * What it costs depends on what it returns, not on what was written; only grep and dedupe look at
 * more, at most OUTPUT_SCAN_MAX bytes (or some seconds of work) for one answer. It works in
 * short steps, so that a thread that serves others can take turns. Owned by one request; no locks,
 * no waiting.
 */
#include "server/mcp/journal_lines.h"
#include "server/mcp/text_shape.h"

#define OUTPUT_SCAN_MAX (64u << 20)

struct output_query {
    const char *state_dir, *id;          /* borrowed until the reader is made */
    const struct shape_options *options; /* borrowed, outlives the reader */
    struct output_pos from;
    bool is_page;  /* the next page; else both ends */
    bool has_exit; /* the file exit was read: everything is there, and the event may be shown */
    bool is_copy;  /* of another replica's journal, and perhaps behind it: a place that comes later
                      than all that is here is a place, and there is nothing behind it yet */
};

struct output {
    const struct excerpt *excerpt; /* pieces: the answer. Borrowed from the reader */
    struct output_pos next;        /* where the next answer goes on */
    bool has_more;                 /* something is behind `next` now */
    uint64_t bytes_left;           /* output behind `next` */
    uint64_t total_bytes;          /* output written so far */
    uint64_t bytes_dropped;        /* lost to retention behind `from` */
    uint64_t left_out_bytes;       /* before `next`, but not in the answer (nor refused by grep) */
    struct output_pos left_from;   /* … and where they begin, … */
    uint64_t left_offset;          /* … in bytes */
    bool is_scan_over;             /* stopped before the end, see OUTPUT_SCAN_MAX */
};

enum output_outcome {
    OUTPUT_DONE = 0,
    OUTPUT_MORE,    /* call output_reader_step() again */
    OUTPUT_E_PLACE, /* `from` is no place in this execution */
    OUTPUT_E_COST   /* grep is too expensive for this output */
};

struct output_reader;

/* OUTPUT_DONE: made. OUTPUT_E_PLACE. -errno. An execution without a journal has no output. */
MUST_USE int output_reader_new(const struct output_query *q, struct output_reader **ret);
struct output_reader *output_reader_free(struct output_reader *r);
/* Works for some milliseconds. OUTPUT_DONE, OUTPUT_MORE, OUTPUT_E_COST or -errno. */
MUST_USE int output_reader_step(struct output_reader *r);
/* After OUTPUT_DONE. */
const struct output *output_reader_result(const struct output_reader *r);
