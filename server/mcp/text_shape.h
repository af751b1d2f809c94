#pragma once
/*
 * The argument `output` and what it makes of lines, in this order: strip_ansi, grep with context,
 * dedupe; then what fits (excerpt.h). Owned by one request.
 */
#include "server/mcp/arguments.h"
#include "server/mcp/excerpt.h"
#include "server/mcp/pattern.h"

#define SHAPE_CONTEXT_MAX 50

enum shape_format { SHAPE_EVENTS = 0, SHAPE_TEXT };

/* The argument, read. */
struct shape_options {
    enum shape_format format;
    size_t max_bytes;
    size_t head_lines, tail_lines; /* 0: not asked for */
    struct pattern *grep;          /* owned or NULL */
    size_t context;
    bool strip_ansi, dedupe;
};

extern const struct arg_set shape_arguments;
/* o: the checked object or NULL. NULL, or a malloc'd error for the client. */
MUST_USE char *shape_options_read(struct shape_options *s, const struct config *c, const cJSON *o);
void shape_options_deinit(struct shape_options *s);
/* Lines that were cut into records must be put together again before they are shaped. */
static inline bool shape_needs_lines(const struct shape_options *s)
{
    return s->grep || s->dedupe;
}

enum shape_verdict {
    SHAPE_OK = 0,
    SHAPE_FULL,  /* excerpt.resume says where to go on */
    SHAPE_E_COST /* grep is too expensive for this line */
};

struct text_shape {
    const struct shape_options *options; /* borrowed */
    struct excerpt excerpt;
    struct buf stripped;
    unsigned char ansi_state[2]; /* of stdout and stderr: where in a sequence its text stands */
    struct shape_copy *before;   /* owned; ring of options.context lines that may become context */
    size_t before_first, n_before;
    size_t after;  /* lines still to come as context of the last match */
    bool is_apart; /* lines were dropped since the last one that went on */
    bool has_matched;
    struct shape_copy *repeat; /* owned; the line that dedupe holds back; count 0: none */
    size_t repeat_count;
};

void text_shape_init(struct text_shape *t, const struct shape_options *o,
                     const struct excerpt_limits *l);
void text_shape_deinit(struct text_shape *t);
MUST_USE enum shape_verdict text_shape_add(struct text_shape *t, const struct excerpt_line *line);
/* Lines from `from` on are not looked at, see excerpt_skip(). Not with grep. */
void text_shape_skip(struct text_shape *t, struct output_pos from, uint64_t bytes);
/* No more lines come: lets go what dedupe holds back, and finishes the excerpt (which may have
 * become full by that). */
void text_shape_finish(struct text_shape *t);

/* Appends `data` without terminal control sequences (ECMA-48 CSI, OSC and other strings, single
 * escapes) and without a CR before LF. *state carries a sequence that is not over; begin with 0. */
void strip_ansi(struct buf *out, const char *data, size_t len, unsigned char *state);
