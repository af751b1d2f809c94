#pragma once
/*
 * Bytes of a pipe to lines: one line is one message. A line longer than the maximum is told once
 * and skipped to its end. Blank lines are none; a CR before the newline is dropped. One thread.
 */
#include <stdbool.h>

#include "state/base/buf.h"

struct line_splitter {
    size_t max;      /* bytes of a line */
    struct buf line; /* owned: the one that is being put together, or was handed out */
    bool is_handed_out, is_skipping;
};

enum line_outcome {
    LINE_NEEDS_MORE = 0, /* all bytes are taken */
    LINE_READY,          /* splitter.line, until the next call */
    LINE_TOO_LONG
};

void line_splitter_init(struct line_splitter *s, size_t max);
void line_splitter_deinit(struct line_splitter *s);
/* Takes what it needs of the bytes, and moves *data and *len behind that. */
MUST_USE enum line_outcome line_splitter_next(struct line_splitter *s, const char **data,
                                              size_t *len);
/* No more bytes come: a last line may do without a newline. LINE_READY or LINE_NEEDS_MORE: none. */
MUST_USE enum line_outcome line_splitter_end(struct line_splitter *s);
