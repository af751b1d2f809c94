#include "state/base/utf8.h"

#include <stdint.h>
#include <string.h>

/* What may follow a lead byte (RFC 3629 section 4). The second byte's range excludes overlong
 * forms, surrogates and what lies beyond U+10FFFF. */
struct sequence {
    unsigned len; /* 0: not a lead byte */
    unsigned char second_min, second_max;
};

static struct sequence sequence_of(unsigned char lead)
{
    if (lead < 0x80)
        return (struct sequence){1, 0, 0};
    if (lead < 0xc2)
        return (struct sequence){0, 0, 0};
    if (lead < 0xe0)
        return (struct sequence){2, 0x80, 0xbf};
    if (lead < 0xf0)
        return (struct sequence){3, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf};
    if (lead < 0xf5)
        return (struct sequence){4, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf};
    return (struct sequence){0, 0, 0};
}

enum match { MATCH_NONE, MATCH_PART, MATCH_WHOLE };

/* Whether p begins with a whole character (*ret_len long), or all of it is the begin of one. */
static enum match match_char(const unsigned char *p, size_t len, size_t *ret_len)
{
    struct sequence s = sequence_of(p[0]);

    if (s.len == 0)
        return MATCH_NONE;
    for (size_t i = 1; i < s.len; i++) {
        if (i == len)
            return MATCH_PART;
        unsigned char min = i == 1 ? s.second_min : 0x80, max = i == 1 ? s.second_max : 0xbf;
        if (p[i] < min || p[i] > max)
            return MATCH_NONE;
    }
    *ret_len = s.len;
    return MATCH_WHOLE;
}

bool utf8_is_valid(const void *data, size_t len)
{
    const unsigned char *p = data, *end = p + len;

    while (p < end) {
        uint64_t word;
        size_t n;

        /* Most text is ASCII: eight bytes a step. */
        if (end - p >= 8 && (memcpy(&word, p, 8), (word & UINT64_C(0x8080808080808080)) == 0)) {
            p += 8;
            continue;
        }
        if (match_char(p, (size_t)(end - p), &n) != MATCH_WHOLE)
            return false;
        p += n;
    }
    return true;
}

size_t utf8_incomplete_tail(const void *data, size_t len)
{
    const unsigned char *p = data;

    for (size_t n = 1; n <= 3 && n <= len; n++) {
        size_t whole;
        if (match_char(p + len - n, n, &whole) == MATCH_PART)
            return n;
    }
    return 0;
}

size_t utf8_cut(const void *data, size_t len, size_t max)
{
    const unsigned char *p = data;
    size_t n = max < len ? max : len;
    size_t tail = utf8_incomplete_tail(data, n), whole;

    /* What follows may show that the tail is no character's begin: then it stays. */
    if (tail > 0 && match_char(p + n - tail, len - n + tail, &whole) == MATCH_NONE)
        return n;
    return n - tail;
}
