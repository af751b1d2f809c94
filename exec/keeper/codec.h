#pragma once
/*
 * One walk over the fields of a message that either writes or reads them, so that what is sent and
 * what is understood can't drift apart. Host byte order: both ends are on one machine. A bad field
 * makes the codec bad for good and every later field zero; check codec_finish() at the end.
 * Strings carry their NUL and, as byte ranges, are borrowed from what is read. One thread.
 */
#include <stdbool.h>

#include "state/base/buf.h"

struct codec {
    struct buf *out;      /* borrowed; NULL: reading */
    const char *at, *end; /* reading: borrowed */
    bool is_bad;
};

struct codec codec_writer(struct buf *out);
struct codec codec_reader(const void *data, size_t len);
static inline bool codec_is_reading(const struct codec *c)
{
    return !c->out;
}

void codec_bool(struct codec *c, bool *v);
void codec_u32(struct codec *c, uint32_t *v);
void codec_i32(struct codec *c, int *v);
void codec_u64(struct codec *c, uint64_t *v);
void codec_str(struct codec *c, const char **v); /* NULL is legal */
void codec_bytes(struct codec *c, const void **data, size_t *len);
/* A NULL-terminated array of strings; reading allocates the array (not the strings): free() it. */
void codec_strv(struct codec *c, char ***v);
/* Characters into a fixed array of `size` bytes, NUL included. */
void codec_chars(struct codec *c, char *v, size_t size);

/* 0, or -EBADMSG: a bad field, or bytes behind the last one. */
MUST_USE int codec_finish(const struct codec *c);
