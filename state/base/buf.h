#pragma once
/* A growing byte buffer. Owned by one thread at a time. Zeroed is empty and legal. Growth aborts on
 * out-of-memory; whoever appends what a client sizes checks a limit first. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "state/base/macro.h"

struct buf {
    char *data; /* owned; NUL after len when data is not NULL */
    size_t len, cap;
};

void buf_deinit(struct buf *b);             /* frees; zeroed afterwards */
void buf_grow(struct buf *b, size_t extra); /* of buf_reserve() */
static inline void buf_reserve(struct buf *b, size_t extra)
{
    if (extra >= b->cap - b->len) /* one more for the NUL */
        buf_grow(b, extra);
}
void buf_append(struct buf *b, const void *data, size_t len);
void buf_append_str(struct buf *b, const char *s);
void buf_append_char(struct buf *b, char c);
void buf_append_u64(struct buf *b, uint64_t v); /* decimal */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_consume(struct buf *b, size_t n); /* drops n bytes at the front */
char *buf_steal(struct buf *b); /* the NUL-terminated data, never NULL; b is empty afterwards */
