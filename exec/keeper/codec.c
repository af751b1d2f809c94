#include "exec/keeper/codec.h"

#include <errno.h>
#include <string.h>

struct codec codec_writer(struct buf *out)
{
    return (struct codec){.out = out};
}

struct codec codec_reader(const void *data, size_t len)
{
    return (struct codec){.at = data, .end = (const char *)data + len};
}

/* The next len bytes of what is read, or NULL. */
static const char *take(struct codec *c, size_t len)
{
    if (c->is_bad || (size_t)(c->end - c->at) < len) {
        c->is_bad = true;
        return NULL;
    }
    const char *p = c->at;
    c->at += len;
    return p;
}

static void raw(struct codec *c, void *v, size_t size)
{
    if (!codec_is_reading(c)) {
        buf_append(c->out, v, size);
        return;
    }
    const char *p = take(c, size);
    if (p)
        memcpy(v, p, size);
    else
        memset(v, 0, size);
}

void codec_u32(struct codec *c, uint32_t *v)
{
    raw(c, v, sizeof(*v));
}

void codec_u64(struct codec *c, uint64_t *v)
{
    raw(c, v, sizeof(*v));
}

void codec_i32(struct codec *c, int *v)
{
    static_assert(sizeof(int) == 4, "as drawn");
    raw(c, v, sizeof(*v));
}

void codec_bool(struct codec *c, bool *v)
{
    uint32_t n = *v ? 1 : 0;
    codec_u32(c, &n);
    if (n > 1)
        c->is_bad = true;
    *v = n == 1;
}

void codec_bytes(struct codec *c, const void **data, size_t *len)
{
    uint32_t n = 0;

    if (!codec_is_reading(c)) {
        if (*len > UINT32_MAX)
            abort();
        n = (uint32_t)*len;
        codec_u32(c, &n);
        buf_append(c->out, *data, n);
        return;
    }
    codec_u32(c, &n);
    *data = take(c, n);
    *len = *data ? n : 0;
}

void codec_str(struct codec *c, const char **v)
{
    const void *data = *v;
    size_t len = *v ? strlen(*v) + 1 : 0;

    codec_bytes(c, &data, &len);
    if (!codec_is_reading(c))
        return;
    if (len > 0 && memchr(data, '\0', len) != (const char *)data + len - 1)
        c->is_bad = true;
    *v = len > 0 && !c->is_bad ? data : NULL;
}

void codec_chars(struct codec *c, char *v, size_t size)
{
    const char *s = v;

    codec_str(c, &s);
    if (!codec_is_reading(c))
        return;
    memset(v, 0, size);
    if (s && strlen(s) < size)
        memcpy(v, s, strlen(s));
    else
        c->is_bad = true;
}

static void write_strv(struct codec *c, char **v)
{
    uint32_t n = 0;
    while (v && v[n])
        n++;
    codec_u32(c, &n);
    for (uint32_t i = 0; i < n; i++) {
        const char *s = v[i];
        codec_str(c, &s);
    }
}

void codec_strv(struct codec *c, char ***v)
{
    uint32_t n = 0;

    if (!codec_is_reading(c))
        return write_strv(c, *v);
    codec_u32(c, &n);
    /* Each string takes its length and a NUL at least, which bounds what a count can make us
     * allocate. */
    if (n > (size_t)(c->end - c->at) / (sizeof(uint32_t) + 1)) {
        c->is_bad = true;
        n = 0;
    }
    *v = xcalloc((size_t)n + 1, sizeof(**v));
    for (uint32_t i = 0; i < n; i++) {
        const char *s = NULL;
        codec_str(c, &s);
        if (!s) {
            c->is_bad = true;
            return;
        }
        (*v)[i] = (char *)s;
    }
}

int codec_finish(const struct codec *c)
{
    if (c->is_bad || (codec_is_reading(c) && c->at != c->end))
        return -EBADMSG;
    return 0;
}
