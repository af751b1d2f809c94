#pragma once
/* What a leaf needs of its own: allocation that aborts, and owners that clean up after themselves.
 * The macros say the same as those of state/base/macro.h, which config/ may not include. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST_USE          __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define CLEANUP(fn)       __attribute__((cleanup(fn)))

static inline void mem_free_p(void *p)
{
    free(*(void **)p);
}

static inline void mem_close_p(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

static inline void *mem_calloc(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (!p)
        abort();
    return p;
}

static inline void *mem_resize(void *p, size_t n, size_t size)
{
    p = reallocarray(p, n, size);
    if (!p)
        abort();
    return p;
}

static inline char *mem_strndup(const char *s, size_t len)
{
    char *copy = mem_calloc(len + 1, 1);
    memcpy(copy, s, len);
    return copy;
}

static inline char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

PRINTF_LIKE(1, 2) static inline char *mem_format(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    return text;
}

/* A stream whose text is *ret_text after fclose; the caller's to free. */
static inline FILE *mem_stream(char **ret_text, size_t *ret_len)
{
    FILE *f = open_memstream(ret_text, ret_len);
    if (!f)
        abort();
    return f;
}
