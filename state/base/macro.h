#pragma once
/*
 * Words the whole tree uses: ownership, checked results, list links.
 * Everything here is a macro or an inline without state; usable from any thread.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUST_USE __attribute__((warn_unused_result))
/* Deliberately not looking at a MUST_USE result; say why beside it. */
#define DISREGARD(e)                  \
    do {                              \
        __typeof__(e) _ignored = (e); \
        (void)_ignored;               \
    } while (0)
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* A local that owns: CLEANUP(fd_closep) int fd = -1; the function gets a pointer to the variable.
 */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Gives an owned local away: the local forgets it. */
#define TAKE_PTR(p)                \
    ({                             \
        __typeof__(p) *_tp = &(p); \
        __typeof__(p) _tv = *_tp;  \
        *_tp = NULL;               \
        _tv;                       \
    })
#define TAKE_FD(fd)       \
    ({                    \
        int *_fp = &(fd); \
        int _fv = *_fp;   \
        *_fp = -1;        \
        _fv;              \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void free_p(void *p)
{
    free(*(void **)p);
}

/* Small fixed allocations abort on failure, as h2o's do; what a client sizes is limited first. */
static inline void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (!p)
        abort();
    return p;
}

static inline char *xstrndup(const char *s, size_t len)
{
    char *copy = strndup(s, len);
    if (!copy)
        abort();
    return copy;
}
static inline char *xstrdup(const char *s)
{
    char *copy = strdup(s);
    if (!copy)
        abort();
    return copy;
}
