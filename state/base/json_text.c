#include "state/base/json_text.h"

#include <inttypes.h>
#include <stdint.h>
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
    static const char digits[] = "0123456789abcdef";

    if (c == '"' || c == '\\')
        buf_append(b, (const char[]){'\\', (char)c}, 2);
    else if (letters[c])
        buf_append(b, (const char[]){'\\', letters[c]}, 2);
    else
        buf_append(b, (const char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, 6);
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* Eight bytes at once: is one of them as above? The high bit of a byte that is says so. */
static bool any_needs_escape(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');

    return (((word - EACH_BYTE(0x20)) & ~word) | ((quote - EACH_BYTE(1)) & ~quote) |
            ((backslash - EACH_BYTE(1)) & ~backslash)) &
           EACH_BYTE(0x80);
}

/* How many bytes at the front stand for themselves. */
static size_t plain_run(const char *s, size_t len)
{
    size_t n = 0;
    uint64_t word;

    while (len - n >= sizeof(word) && (memcpy(&word, s + n, sizeof(word)), !any_needs_escape(word)))
        n += sizeof(word);
    while (n < len && !needs_escape((unsigned char)s[n]))
        n++;
    return n;
}

/* Without the quotes; `s` is UTF-8. */
static void append_escaped(struct buf *b, const char *s, size_t len)
{
    buf_reserve(b, len);
    for (size_t i = 0; i < len;) {
        size_t run = plain_run(s + i, len - i);
        buf_append(b, s + i, run);
        i += run;
        if (i < len)
            append_escape(b, (unsigned char)s[i++]);
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

void json_text_utf8(struct buf *b, const char *s, size_t len)
{
    append_separator(b);
    buf_append_char(b, '"');
    append_escaped(b, s, len);
    buf_append_char(b, '"');
}

void json_text_str(struct buf *b, const char *s, size_t len)
{
    if (utf8_is_valid(s, len))
        return json_text_utf8(b, s, len);
    append_separator(b);
    buf_append_char(b, '"');
    append_repaired(b, s, len);
    buf_append_char(b, '"');
}

void json_text_key(struct buf *b, const char *key)
{
    json_text_utf8(b, key, strlen(key));
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
    buf_append_u64(b, v);
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
