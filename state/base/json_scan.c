/*
 * A pushdown automaton: one pass, a byte for each open bracket on a fixed stack. The keys of every
 * open object lie on one stack of their own; when the object closes, its keys are sorted, equal
 * neighbours are the duplicates, and the keys are popped.
 *
 * Keys are compared decoded. One without escapes is compared where it stands in the text; the
 * others are decoded into `decoded`, which is as large as the text and so never moves.
 */
#include "state/base/json_scan.h"

#include <string.h>

#include "state/base/buf.h"
#include "state/base/json_string.h"

struct key {
    const char *s; /* borrowed from the text or from scan.decoded */
    size_t len;
    size_t at; /* where its token begins in the text */
};

struct scan {
    const char *text; /* borrowed */
    size_t len, pos;
    size_t error_at;
    unsigned depth;
    char open[JSON_DEPTH_MAX];        /* '{' or '[' */
    size_t first_key[JSON_DEPTH_MAX]; /* of an open object, in keys */
    struct buf keys;                  /* of struct key */
    char *decoded;                    /* owned or NULL */
    size_t decoded_len;
};

static enum json_error fail(struct scan *s, enum json_error e, size_t at)
{
    s->error_at = at;
    return e;
}

/* The next byte, or -1 behind the end. */
static int peek(const struct scan *s)
{
    return s->pos < s->len ? (unsigned char)s->text[s->pos] : -1;
}

static void skip_blanks(struct scan *s)
{
    for (int c; (c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r';)
        s->pos++;
}

static enum json_error scan_string(struct scan *s, bool *ret_has_escape)
{
    struct json_string str = {.text = s->text, .len = s->len, .pos = s->pos};
    enum json_error e = json_string_scan(&str);

    s->pos = str.pos;
    *ret_has_escape = str.has_escape;
    return e ? fail(s, e, str.error_at) : JSON_OK;
}

static size_t skip_digits(struct scan *s)
{
    size_t start = s->pos;
    for (int c; (c = peek(s)) >= '0' && c <= '9';)
        s->pos++;
    return s->pos - start;
}

static enum json_error scan_number(struct scan *s)
{
    size_t start = s->pos;

    if (peek(s) == '-')
        s->pos++;
    if (peek(s) == '0')
        s->pos++;
    else if (skip_digits(s) == 0)
        return fail(s, JSON_E_SYNTAX, s->pos);
    if (peek(s) == '.') {
        s->pos++;
        if (skip_digits(s) == 0)
            return fail(s, JSON_E_SYNTAX, s->pos);
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->pos++;
        if (peek(s) == '+' || peek(s) == '-')
            s->pos++;
        if (skip_digits(s) == 0)
            return fail(s, JSON_E_SYNTAX, s->pos);
    }
    return s->pos - start <= JSON_NUMBER_MAX ? JSON_OK : fail(s, JSON_E_SYNTAX, start);
}

static enum json_error scan_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);

    if (s->len - s->pos < n || memcmp(s->text + s->pos, word, n) != 0)
        return fail(s, JSON_E_SYNTAX, s->pos);
    s->pos += n;
    return JSON_OK;
}

static enum json_error scan_scalar(struct scan *s)
{
    bool has_escape;

    switch (peek(s)) {
    case '"':
        return scan_string(s, &has_escape);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return scan_number(s);
    }
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;

    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    int r = memcmp(x->s, y->s, x->len);
    return r != 0 ? r : (x->at > y->at) - (x->at < y->at);
}

static enum json_error scan_key(struct scan *s)
{
    struct key k = {.at = s->pos};
    bool has_escape;

    if (peek(s) != '"')
        return fail(s, JSON_E_SYNTAX, s->pos);
    enum json_error e = scan_string(s, &has_escape);
    if (e)
        return e;
    k.s = s->text + k.at + 1;
    k.len = s->pos - k.at - 2;
    if (has_escape) {
        if (!s->decoded)
            s->decoded = xcalloc(1, s->len);
        char *out = s->decoded + s->decoded_len;
        k.len = json_string_decode(k.s, k.len, out);
        k.s = out;
        s->decoded_len += k.len;
    }
    buf_append(&s->keys, &k, sizeof(k));
    skip_blanks(s);
    if (peek(s) != ':')
        return fail(s, JSON_E_SYNTAX, s->pos);
    s->pos++;
    return JSON_OK;
}

static enum json_error open_bracket(struct scan *s)
{
    if (s->depth == JSON_DEPTH_MAX)
        return fail(s, JSON_E_DEPTH, s->pos);
    s->open[s->depth] = s->text[s->pos++];
    s->first_key[s->depth] = s->keys.len / sizeof(struct key);
    s->depth++;
    return JSON_OK;
}

static enum json_error close_bracket(struct scan *s)
{
    s->depth--;
    s->pos++;

    size_t first = s->first_key[s->depth], n = s->keys.len / sizeof(struct key) - first;
    if (n == 0)
        return JSON_OK;
    struct key *k = (struct key *)(void *)s->keys.data + first;
    qsort(k, n, sizeof(*k), compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (k[i].len == k[i - 1].len && memcmp(k[i].s, k[i - 1].s, k[i].len) == 0)
            return fail(s, JSON_E_DUPLICATE, k[i].at);
    }
    s->keys.len = first * sizeof(struct key);
    return JSON_OK;
}

/* Behind a value: closes what ends here. Then the text is over, or the next member or element
 * stands at the comma. */
static enum json_error after_value(struct scan *s)
{
    for (;;) {
        skip_blanks(s);
        if (s->depth == 0)
            return s->pos == s->len ? JSON_OK : fail(s, JSON_E_SYNTAX, s->pos);
        int c = peek(s);
        if (c == ',') {
            s->pos++;
            skip_blanks(s);
            return s->open[s->depth - 1] == '{' ? scan_key(s) : JSON_OK;
        }
        /* '{' and '}', '[' and ']' are two apart in ASCII. */
        if (c != s->open[s->depth - 1] + 2)
            return fail(s, JSON_E_SYNTAX, s->pos);
        enum json_error e = close_bracket(s);
        if (e)
            return e;
    }
}

/* At a value: a scalar, an empty bracket, or the begin of a bracket (*ret_inside). */
static enum json_error scan_value(struct scan *s, bool *ret_inside)
{
    skip_blanks(s);
    int c = peek(s);
    *ret_inside = false;
    if (c != '{' && c != '[')
        return scan_scalar(s);

    enum json_error e = open_bracket(s);
    if (e)
        return e;
    skip_blanks(s);
    if (peek(s) == c + 2)
        return close_bracket(s);
    *ret_inside = true;
    return c == '{' ? scan_key(s) : JSON_OK;
}

static enum json_error scan_text(struct scan *s)
{
    do {
        bool inside;
        enum json_error e = scan_value(s, &inside);
        if (!e && !inside)
            e = after_value(s);
        if (e)
            return e;
    } while (s->depth > 0);
    return JSON_OK;
}

enum json_error json_scan(const char *text, size_t len, size_t *ret_error_at)
{
    struct scan s = {.text = text, .len = len};
    enum json_error e = scan_text(&s);

    if (e)
        *ret_error_at = s.error_at;
    buf_deinit(&s.keys);
    free(s.decoded);
    return e;
}
