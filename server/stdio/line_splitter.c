#include "server/stdio/line_splitter.h"

#include <string.h>

void line_splitter_init(struct line_splitter *s, size_t max)
{
    *s = (struct line_splitter){.max = max};
}

void line_splitter_deinit(struct line_splitter *s)
{
    buf_deinit(&s->line);
}

static bool is_blank(const struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if (!strchr(" \t\r", b->data[i]) || b->data[i] == '\0')
            return false;
    return true;
}

/* The line is complete. */
static enum line_outcome finish(struct line_splitter *s)
{
    bool was_skipping = s->is_skipping;

    s->is_skipping = false;
    if (was_skipping || is_blank(&s->line)) {
        s->line.len = 0;
        return LINE_NEEDS_MORE;
    }
    if (s->line.data[s->line.len - 1] == '\r')
        s->line.data[--s->line.len] = '\0';
    s->is_handed_out = true;
    return LINE_READY;
}

/* A line that was long gives its memory back. */
static void begin(struct line_splitter *s)
{
    if (!s->is_handed_out)
        return;
    s->is_handed_out = false;
    buf_deinit(&s->line);
}

static void skip(struct line_splitter *s)
{
    s->is_skipping = true;
    buf_deinit(&s->line);
}

enum line_outcome line_splitter_next(struct line_splitter *s, const char **data, size_t *len)
{
    begin(s);
    while (*len > 0) {
        const char *newline = memchr(*data, '\n', *len);
        size_t n = newline ? (size_t)(newline - *data) : *len;
        bool is_too_long = !s->is_skipping && n > s->max - s->line.len;
        if (is_too_long)
            skip(s);
        else if (!s->is_skipping)
            buf_append(&s->line, *data, n);
        *data += n;
        *len -= n;
        if (is_too_long)
            return LINE_TOO_LONG; /* its newline comes next */
        if (!newline)
            break;
        (*data)++;
        (*len)--;
        if (finish(s) == LINE_READY)
            return LINE_READY;
    }
    return LINE_NEEDS_MORE;
}

enum line_outcome line_splitter_end(struct line_splitter *s)
{
    begin(s);
    return finish(s);
}
