#include "exec/egress/http_body.h"

#include <ctype.h>
#include <errno.h>

/* What comes next in a chunked body. */
enum { SIZE = 0, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF, END_LF };

#define SIZE_DIGITS_MAX 15

void http_body_init(struct http_body *b, enum http_framing framing, uint64_t content_length)
{
    *b = (struct http_body){
        .framing = framing,
        .left = framing == HTTP_LENGTH ? content_length : 0,
        .is_done = framing == HTTP_NO_BODY || (framing == HTTP_LENGTH && content_length == 0),
    };
}

static unsigned digit(char c)
{
    return isdigit((unsigned char)c) ? (unsigned)(c - '0')
                                     : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

static bool take_size(struct http_body *b, char c)
{
    if (isxdigit((unsigned char)c) && b->line < SIZE_DIGITS_MAX) {
        b->left = b->left * 16 + digit(c);
        b->line++;
        return true;
    }
    b->state = c == '\r' ? SIZE_LF : EXTENSION;
    return b->line > 0 && (c == '\r' || c == ';');
}

/* The begin of a line that is empty ends it all. */
static bool take_trailer(struct http_body *b, char c)
{
    bool is_begin = b->left == 0;

    b->left = c != '\r';
    if (c == '\r')
        b->state = is_begin ? END_LF : TRAILER_LF;
    return c != '\n' && ++b->line < HTTP_CHUNK_LINE_MAX;
}

static bool expect(struct http_body *b, char c, char wanted, int next)
{
    b->state = next;
    b->line = 0;
    return c == wanted;
}

/* One byte that is not in a chunk. */
static bool take_char(struct http_body *b, char c)
{
    switch (b->state) {
    case SIZE:
        return take_size(b, c);
    case EXTENSION:
        if (c == '\r')
            b->state = SIZE_LF;
        return c != '\n' && ++b->line < HTTP_CHUNK_LINE_MAX;
    case SIZE_LF:
        return expect(b, c, '\n', b->left > 0 ? DATA : TRAILER);
    case DATA_CR:
        return expect(b, c, '\r', DATA_LF);
    case DATA_LF:
        return expect(b, c, '\n', SIZE);
    case TRAILER:
        return take_trailer(b, c);
    case TRAILER_LF:
        b->left = 0;
        b->state = TRAILER;
        return c == '\n';
    default: /* END_LF */
        b->is_done = true;
        return c == '\n';
    }
}

static size_t take_data(struct http_body *b, size_t len)
{
    size_t n = b->left < len ? (size_t)b->left : len;
    b->left -= n;
    return n;
}

int http_body_take(struct http_body *b, const char *data, size_t len, size_t *ret_n)
{
    size_t n = 0;

    if (b->framing == HTTP_LENGTH) {
        n = take_data(b, len);
        b->is_done = b->left == 0;
    }
    while (b->framing == HTTP_CHUNKED && n < len && !b->is_done) {
        if (b->state == DATA) {
            n += take_data(b, len - n);
            if (b->left == 0)
                b->state = DATA_CR;
        } else if (!take_char(b, data[n++])) {
            return -EBADMSG;
        }
    }
    *ret_n = n;
    return 0;
}
