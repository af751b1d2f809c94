#include "state/mirror_slice.h"

void mirror_slice_deinit(struct mirror_slice *s)
{
    buf_deinit(&s->json);
    buf_deinit(&s->bytes);
}

static bool needs_exit(const struct journal_record *r)
{
    return r->type == JOURNAL_EXIT || r->type == JOURNAL_ERROR;
}

/* How many of the records one slice takes. */
static size_t count(const struct mirror_slice *s, size_t n, bool has_exit)
{
    uint64_t begin = n ? s->records[0].offset : 0;
    size_t i = 0;
    while (i < n && (has_exit || !needs_exit(&s->records[i])) &&
           (i == 0 || s->records[i].offset + s->records[i].length - begin <= MIRROR_SLICE_BYTES))
        i++;
    return i;
}

static void add_event(struct mirror_slice *s, size_t i, const struct mirror_source *src)
{
    const struct journal_record *rec = &s->records[i];
    CLEANUP(buf_deinit) struct buf note = {0};
    struct record_event e = {.number = s->first + i,
                             .record = *rec,
                             .data = s->bytes.data + (rec->offset - s->records[0].offset)};
    if (rec->note_bytes)
        e.data = journal_read_note(src->dir, rec, &note) ? note.data : NULL;
    record_event_write(&e, src->exit, &s->json);
}

int mirror_slice_read(struct mirror_slice *s, const struct mirror_source *src, uint64_t from)
{
    size_t n = 0;
    s->json.len = s->bytes.len = s->n = 0;
    s->first = from;
    int r = journal_records(src->journal, from, s->records, MIRROR_SLICE_EVENTS, &n);
    if (r < 0)
        return r;
    n = count(s, n, src->exit);
    if (n == 0)
        return 0;
    const struct journal_record *last = &s->records[n - 1];
    uint64_t begin = s->records[0].offset;
    s->output_bytes = last->offset + last->length;
    buf_reserve(&s->bytes, s->output_bytes - begin + 1);
    s->bytes.len = s->output_bytes - begin;
    r = journal_read(src->journal, begin, s->bytes.data, s->bytes.len);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        add_event(s, i, src);
        s->ends[i] = s->json.len;
    }
    s->n = n;
    return 0;
}
