/*
 * Shaping of any bytes by any options. The first eight bytes say how; the rest are lines. Whatever
 * comes, the answer is no larger than it may be, and without a filter nothing gets lost.
 */
#include <string.h>

#include "server/mcp/text_shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPTION_BYTES 8

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Feeds lines, each an event; 0x01 begins a line of stderr, 0x02 alone is an event. */
static enum shape_verdict feed(struct text_shape *t, const char *p, const char *end)
{
    enum shape_verdict v = SHAPE_OK;
    for (uint64_t event = 1; p < end && v == SHAPE_OK; event++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t len = newline ? (size_t)(newline - p) + 1 : (size_t)(end - p);
        if (len > PATTERN_TEXT_MAX)
            len = PATTERN_TEXT_MAX;
        bool is_event = *p == 2;
        const struct excerpt_line l = {.event = event,
                                       .record = {.type = is_event  ? JOURNAL_TIMEOUT
                                                          : *p == 1 ? JOURNAL_STDERR
                                                                    : JOURNAL_STDOUT},
                                       .begin = {event, 0},
                                       .end = {event + 1, 0},
                                       .is_verbatim = true,
                                       .data = is_event ? NULL : p,
                                       .len = is_event ? 0 : len};
        v = text_shape_add(t, &l);
        p += is_event ? 1 : len;
    }
    return v;
}

static size_t kept_bytes(const struct excerpt *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n_pieces; i++)
        n += x->pieces[i].data.len;
    return n;
}

static size_t output_bytes(const char *p, const char *end)
{
    size_t n = 0;
    for (bool is_begin = true; p < end; p++) {
        n += !(is_begin && *p == 2);
        is_begin = *p == '\n' || (is_begin && *p == 2);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const expressions[] = {"a", "^$", "(a+)+b", "\\x{20ac}", "[^a]"};
    if (size < OPTION_BYTES || size > PATTERN_TEXT_MAX)
        return 0;
    const char *text = (const char *)data + OPTION_BYTES, *end = (const char *)data + size;
    char *error = NULL;
    bool has_tail = data[0] & 1;
    size_t max = 1 + data[1];
    struct shape_options o = {
        .strip_ansi = data[0] & 2, .dedupe = data[0] & 4, .context = data[2] % 4};
    if (data[0] & 8)
        o.grep = pattern_new(expressions[data[3] % ARRAY_LEN(expressions)], &error);
    const struct excerpt_limits l = {.max_bytes = max,
                                     .head_bytes = has_tail ? max * data[4] / 255 : max,
                                     .head_lines = data[5] ? data[5] : SIZE_MAX,
                                     .tail_lines = data[6],
                                     .has_tail = has_tail};
    struct text_shape t;
    text_shape_init(&t, &o, &l);
    enum shape_verdict v = feed(&t, text, end);
    must(v == SHAPE_FULL ? !has_tail && t.excerpt.is_full : true);
    if (v == SHAPE_OK) {
        text_shape_finish(&t);
        size_t n = kept_bytes(&t.excerpt);
        /* A line that was changed is not cut in two: it may be larger than a page. */
        must(n <= max || !has_tail);
        if (!o.grep && !o.strip_ansi && !o.dedupe)
            must(n + t.excerpt.left_out_bytes == output_bytes(text, end));
    }
    text_shape_deinit(&t);
    shape_options_deinit(&o);
    return 0;
}
