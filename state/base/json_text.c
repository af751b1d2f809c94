#include "state/base/json_text.h"

#include <inttypes.h>
#include <string.h>

#include "state/base/utf8.h"

static void append_separator(struct buf *b)
{
    /* A value never ends in one of these, so the last byte tells whether one stands before us. */
    if (b->len > 0 && !strchr("{[:", b->data[b->len - 1]))
        buf_append_char(b, ',');
}

static void append_escape(struct buf *b, unsigned char c)
{
    static const char letters[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

    if (c == '"' || c == '\\')
        buf_printf(b, "\\%c", c);
    else if (letters[c])
        buf_printf(b, "\\%c", letters[c]);
    else
        buf_printf(b, "\\u%04x", c);
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* Without the quotes; `s` is UTF-8. */
static void append_escaped(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t run = i;
        while (run < len && !needs_escape((unsigned char)s[run]))
            run++;
        buf_append(b, s + i, run - i);
        if (run < len)
            append_escape(b, (unsigned char)s[run++]);
        i = run;
    }
}

/* Character by character: only for what is broken anyway. */
static void append_repaired(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = 1;
        while (n < 4 && i + n < len && !utf8_is_valid(s + i, n))
            n++;
        if (utf8_is_valid(s + i, n)) {
            append_escaped(b, s + i, n);
            i += n;
        } else {
            buf_append_str(b, "\xef\xbf\xbd");
            i++;
        }
    }
}

void json_text_str(struct buf *b, const char *s, size_t len)
{
    append_separator(b);
    buf_append_char(b, '"');
    if (utf8_is_valid(s, len))
        append_escaped(b, s, len);
    else
        append_repaired(b, s, len);
    buf_append_char(b, '"');
}

void json_text_key(struct buf *b, const char *key)
{
    json_text_str(b, key, strlen(key));
    buf_append_char(b, ':');
}

void json_text_member_str(struct buf *b, const char *key, const char *s)
{
    if (!s)
        return;
    json_text_key(b, key);
    json_text_str(b, s, strlen(s));
}

void json_text_member_u64(struct buf *b, const char *key, uint64_t v)
{
    json_text_key(b, key);
    buf_printf(b, "%" PRIu64, v);
}

void json_text_member_i64(struct buf *b, const char *key, int64_t v)
{
    json_text_key(b, key);
    buf_printf(b, "%" PRId64, v);
}

void json_text_member_bool(struct buf *b, const char *key, bool v)
{
    json_text_key(b, key);
    buf_append_str(b, v ? "true" : "false");
}

void json_text_members_u64(struct buf *b, const struct json_u64_field *fields, size_t n,
                           const void *object)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v;
        memcpy(&v, (const char *)object + fields[i].offset, sizeof(v));
        json_text_member_u64(b, fields[i].name, v < JSON_INTEGER_MAX ? v : JSON_INTEGER_MAX);
    }
}
