#include "state/base/json_string.h"

#include <string.h>

#include "state/base/utf8.h"

static enum json_error fail(struct json_string *s, enum json_error e, size_t at)
{
    s->error_at = at;
    return e;
}

/* The next byte, or -1 behind the end. */
static int peek(const struct json_string *s)
{
    return s->pos < s->len ? (unsigned char)s->text[s->pos] : -1;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* The value of four hexadecimal digits, or -1. */
static int hex4(const char *p, size_t len)
{
    int v = 0;

    if (len < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* Behind "\u". A surrogate must be the first of a pair. */
static enum json_error scan_unicode_escape(struct json_string *s, size_t at)
{
    int unit = hex4(s->text + s->pos, s->len - s->pos);

    if (unit < 0)
        return fail(s, JSON_E_SYNTAX, at);
    if (unit == 0)
        return fail(s, JSON_E_NUL, at);
    s->pos += 4;
    if (unit < 0xd800 || unit > 0xdfff)
        return JSON_OK;

    const char *p = s->text + s->pos;
    size_t left = s->len - s->pos;
    int low = left >= 2 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, left - 2) : -1;
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return fail(s, JSON_E_UTF8, at);
    s->pos += 6;
    return JSON_OK;
}

static enum json_error scan_escape(struct json_string *s)
{
    size_t at = s->pos++;
    int c = peek(s);

    if (c <= 0 || !strchr("\"\\/bfnrtu", c))
        return fail(s, JSON_E_SYNTAX, at);
    s->pos++;
    return c == 'u' ? scan_unicode_escape(s, at) : JSON_OK;
}

enum json_error json_string_scan(struct json_string *s)
{
    size_t start = s->pos++;
    unsigned char seen = 0;

    for (;;) {
        int c = peek(s);
        if (c < 0x20)
            return fail(s, JSON_E_SYNTAX, s->pos);
        if (c == '"')
            break;
        if (c == '\\') {
            s->has_escape = true;
            enum json_error e = scan_escape(s);
            if (e)
                return e;
        } else {
            seen |= (unsigned char)c;
            s->pos++;
        }
    }
    s->pos++;
    if (seen >= 0x80 && !utf8_is_valid(s->text + start, s->pos - start))
        return fail(s, JSON_E_UTF8, start);
    return JSON_OK;
}

static size_t encode_utf8(unsigned c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static char decode_letter(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

size_t json_string_decode(const char *raw, size_t len, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len;) {
        if (raw[i] != '\\') {
            out[n++] = raw[i++];
            continue;
        }
        if (raw[i + 1] != 'u') {
            out[n++] = decode_letter(raw[i + 1]);
            i += 2;
            continue;
        }
        unsigned c = (unsigned)hex4(raw + i + 2, 4);
        i += 6;
        if (c >= 0xd800 && c <= 0xdbff) {
            c = 0x10000 + ((c - 0xd800) << 10) + ((unsigned)hex4(raw + i + 2, 4) - 0xdc00);
            i += 6;
        }
        n += encode_utf8(c, out + n);
    }
    return n;
}
