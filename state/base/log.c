/* Lines are made by their thread without a lock; the mutex guards only where they go. */
#include "state/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/json_text.h"
#include "state/base/log_file.h"
#include "state/base/utf8.h"

/* Bytes of one value; what is longer is cut. */
#define VALUE_MAX 1024

/* Written by log_open() and log_close() while there is one thread; level is read without lock. */
static struct {
    pthread_mutex_t mutex;
    struct log_file *file; /* owned or NULL */
    bool to_stderr;
    bool json;
    char *replica; /* owned or NULL */
    _Atomic int level;
} log_state = {.mutex = PTHREAD_MUTEX_INITIALIZER, .to_stderr = true, .level = LOGL_INFO};

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOGL_ERROR:
        return "error";
    case LOGL_WARNING:
        return "warning";
    case LOGL_INFO:
        return "info";
    case LOGL_DEBUG:
        return "debug";
    }
    abort();
}

/* ISO 8601, UTC, milliseconds. */
static void format_time(char ret[32])
{
    uint64_t us = clock_real_us();
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    size_t n = strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(ret + n, 32 - n, ".%03uZ", (unsigned)(us / 1000 % 1000));
}

/* The text of an error number, "ENOENT: No such file or directory". */
static void format_errno(int64_t r, char *ret, size_t size)
{
    int number = (int)(r < 0 ? -r : r);
    const char *name = strerrorname_np(number), *text = strerrordesc_np(number);

    if (name && text)
        (void)snprintf(ret, size, "%s: %s", name, text);
    else
        (void)snprintf(ret, size, "%d", number);
}

static bool is_plain(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return len > 0;
}

/* In quotes. Whatever a terminal or a reader of lines could take for something else is escaped:
 * control characters, also those above ASCII (U+0080 … U+009F), and bytes that are no UTF-8. */
static void append_quoted(struct buf *b, const char *s, size_t len)
{
    bool is_utf8 = utf8_is_valid(s, len);

    buf_append_char(b, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        bool is_c1 = c == 0xc2 && i + 1 < len && (unsigned char)s[i + 1] < 0xa0;
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c == '\n')
            buf_append_str(b, "\\n");
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_utf8))
            buf_printf(b, "\\x%02x", c);
        else if (is_c1)
            buf_printf(b, "\\x%02x\\x%02x", c, (unsigned char)s[++i]);
        else
            buf_append_char(b, (char)c);
    }
    buf_append_char(b, '"');
}

static void append_text(struct buf *b, const char *key, const char *s)
{
    size_t len = strnlen(s, VALUE_MAX + 4);
    if (len > VALUE_MAX)
        len = utf8_cut(s, len, VALUE_MAX);

    if (log_state.json) {
        json_text_key(b, key);
        json_text_str(b, s, len);
        return;
    }
    buf_printf(b, " %s=", key);
    if (is_plain(s, len))
        buf_append(b, s, len);
    else
        append_quoted(b, s, len);
}

static void append_field(struct buf *b, const struct log_field *f)
{
    char text[128];

    switch (f->kind) {
    case LOG_FIELD_STR:
        if (f->str)
            append_text(b, f->key, f->str);
        return;
    case LOG_FIELD_U64:
        if (log_state.json)
            json_text_member_u64(b, f->key, f->u64);
        else
            buf_printf(b, " %s=%" PRIu64, f->key, f->u64);
        return;
    case LOG_FIELD_I64:
        if (log_state.json)
            json_text_member_i64(b, f->key, f->i64);
        else
            buf_printf(b, " %s=%" PRId64, f->key, f->i64);
        return;
    case LOG_FIELD_ERRNO:
        format_errno(f->i64, text, sizeof(text));
        append_text(b, f->key, text);
        return;
    }
    abort();
}

static void format_line(struct buf *b, enum log_level level, const char *event,
                        const struct log_field *fields)
{
    char time[32];

    format_time(time);
    if (log_state.json) {
        buf_append_char(b, '{');
        json_text_member_str(b, "time", time);
        json_text_member_str(b, "level", level_name(level));
        json_text_member_str(b, "event", event);
    } else {
        buf_printf(b, "%s %s %s", time, level_name(level), event);
    }
    if (log_state.replica)
        append_text(b, "replica", log_state.replica);
    for (const struct log_field *f = fields; f->key; f++)
        append_field(b, f);
    buf_append_str(b, log_state.json ? "}\n" : "\n");
}

/* A log that can't be written is said once, on stderr, until it works again. */
static void write_file(const struct buf *line)
{
    int r = log_file_write(log_state.file, line->data, line->len);

    if (r < 0 && !log_file_was_failing(log_state.file)) {
        struct buf b = {0};
        char text[128];
        format_errno(r, text, sizeof(text));
        buf_printf(&b, "mcp-execd: the log file can't be written: %s\n", text);
        DISREGARD(fd_write_all(STDERR_FILENO, b.data, b.len));
        buf_deinit(&b);
    }
}

int log_open(const struct log_options *o)
{
    struct log_file *file = NULL;

    if (o->file && *o->file) {
        int r = log_file_open(o->file, o->max_bytes, o->keep_days, &file);
        if (r < 0)
            return r;
    }
    log_close();
    log_state.file = file;
    log_state.to_stderr = o->to_stderr;
    log_state.json = o->json;
    log_state.replica = o->replica ? xstrdup(o->replica) : NULL;
    log_state.level = o->level;
    return 0;
}

void log_close(void)
{
    log_state.file = log_file_close(log_state.file);
    free(log_state.replica);
    log_state.replica = NULL;
    log_state.to_stderr = true;
    log_state.json = false;
    log_state.level = LOGL_INFO;
}

int log_reopen(void)
{
    pthread_mutex_lock(&log_state.mutex);
    int r = log_state.file ? log_file_reopen(log_state.file) : 0;
    pthread_mutex_unlock(&log_state.mutex);
    return r;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if ((int)level > atomic_load_explicit(&log_state.level, memory_order_relaxed))
        return;

    int saved = errno;
    CLEANUP(buf_deinit) struct buf line = {0};
    format_line(&line, level, event, fields);

    pthread_mutex_lock(&log_state.mutex);
    if (log_state.to_stderr)
        DISREGARD(fd_write_all(STDERR_FILENO, line.data, line.len));
    if (log_state.file)
        write_file(&line);
    pthread_mutex_unlock(&log_state.mutex);
    errno = saved;
}
