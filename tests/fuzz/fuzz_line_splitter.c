/* Lines are the same however the bytes are cut: all at once, and one by one. */
#include <string.h>

#include "server/stdio/line_splitter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 64

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void note(struct line_splitter *s, enum line_outcome o, struct buf *out)
{
    if (o == LINE_TOO_LONG) {
        buf_append_char(out, '!');
        return;
    }
    must(s->line.len > 0 && s->line.len <= MAX && s->line.data[s->line.len] == '\0');
    must(!memchr(s->line.data, '\n', s->line.len));
    buf_append(out, s->line.data, s->line.len);
    buf_append_char(out, '\n');
}

static void split(const char *data, size_t size, size_t piece, struct buf *out)
{
    CLEANUP(line_splitter_deinit) struct line_splitter s;
    enum line_outcome o;

    line_splitter_init(&s, MAX);
    for (size_t at = 0; at < size;) {
        size_t len = size - at < piece ? size - at : piece;
        const char *p = data + at;
        at += len;
        while ((o = line_splitter_next(&s, &p, &len)) != LINE_NEEDS_MORE)
            note(&s, o, out);
        must(len == 0);
    }
    if (line_splitter_end(&s) == LINE_READY)
        note(&s, LINE_READY, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_deinit) struct buf whole = {0};
    CLEANUP(buf_deinit) struct buf pieces = {0};

    split((const char *)data, size, size + 1, &whole);
    split((const char *)data, size, 1, &pieces);
    must(whole.len == pieces.len);
    must(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
    return 0;
}
