#pragma once
/*
 * The log: one line an event, `time level event key=value …` or one JSON object a line, to stderr
 * and to the configured file (rotated by size, kept for some days). Any thread; one mutex.
 * Values are escaped; never pass a token, a body, an environment value or command output.
 *
 *   LOG_INFO("execution_started", LOG_STR("exec", id), LOG_U64("pid", pid));
 */
#include <stdbool.h>
#include <stdint.h>

#include "state/base/macro.h"

enum log_level { LOGL_ERROR = 3, LOGL_WARNING = 4, LOGL_INFO = 6, LOGL_DEBUG = 7 };

struct log_field {
    const char *key; /* NULL ends the list */
    enum { LOG_FIELD_STR, LOG_FIELD_U64, LOG_FIELD_I64, LOG_FIELD_ERRNO } kind;
    union {
        const char *str; /* borrowed; NULL: the field is left out */
        uint64_t u64;
        int64_t i64;
    };
};

#define LOG_STR(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_STR, .str = (v)})
#define LOG_U64(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_U64, .u64 = (v)})
#define LOG_I64(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_I64, .i64 = (v)})
#define LOG_ERRNO(r) \
    ((struct log_field){.key = "error", .kind = LOG_FIELD_ERRNO, .i64 = (r)}) /* negative errno */

#define LOG_AT(level, event, ...) \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define LOG_ERROR(event, ...) LOG_AT(LOGL_ERROR, event __VA_OPT__(, ) __VA_ARGS__)
#define LOG_WARN(event, ...)  LOG_AT(LOGL_WARNING, event __VA_OPT__(, ) __VA_ARGS__)
#define LOG_INFO(event, ...)  LOG_AT(LOGL_INFO, event __VA_OPT__(, ) __VA_ARGS__)
#define LOG_DEBUG(event, ...) LOG_AT(LOGL_DEBUG, event __VA_OPT__(, ) __VA_ARGS__)

struct log_options {
    const char *file; /* NULL or "": stderr only */
    bool to_stderr;
    bool json;
    enum log_level level;
    size_t max_bytes;    /* rotate beyond; 0: never */
    unsigned keep_days;  /* rotated files older than this are removed; 0: kept */
    const char *replica; /* added to every line when not NULL */
};

/* Once, before threads. 0 or -errno (the file can't be opened). Before it, lines go to stderr. */
MUST_USE int log_open(const struct log_options *o);
void log_close(void);
/* Goes on in the file of that name, which may have been moved away and is made anew then. Any time.
 * 0 or -errno: it goes on in the old one. */
MUST_USE int log_reopen(void);
void log_write(enum log_level level, const char *event, const struct log_field *fields);
