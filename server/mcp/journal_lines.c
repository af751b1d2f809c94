#include "server/mcp/journal_lines.h"

#include <errno.h>

#include "state/base/utf8.h"

#define BLOCK_BYTES  65536u
#define PAGE_RECORDS 128u
static_assert(BLOCK_BYTES >= JOURNAL_RECORD_MAX, "a block holds any record");

struct journal_lines {
    struct journal *journal; /* owned */
    uint64_t events;
    bool joins;
    size_t line_max; /* a longer line is handed out in pieces */
    struct output_pos pos;
    uint64_t bytes_read, bytes_dropped;
    struct excerpt_line open; /* while in journal_lines_next(): a line that goes on in the next … */
    struct buf open_data;     /* … record, as far as it was read; len 0: none */
    uint64_t page_from;       /* records page_from … are in page */
    size_t page_n;
    struct journal_record page[PAGE_RECORDS];
    uint64_t block_offset; /* output from here on is in block */
    size_t block_n;
    char block[BLOCK_BYTES];
};

static int record_at(struct journal_lines *l, uint64_t n, struct journal_record *ret)
{
    if (n < l->page_from || n - l->page_from >= l->page_n) {
        l->page_from = n;
        int r = journal_records(l->journal, n, l->page, PAGE_RECORDS, &l->page_n);
        if (r < 0)
            return r;
        if (l->page_n == 0)
            return -EBADMSG; /* fewer than there were */
    }
    *ret = l->page[n - l->page_from];
    return 0;
}

/* ---- open, places ---- */

/* The last record is hidden while it is EXIT and the file exit is not there yet. */
static int count_events(struct journal_lines *l, bool has_exit)
{
    l->events = journal_events(l->journal);
    if (has_exit || l->events == 0)
        return 0;
    struct journal_record last;
    int r = record_at(l, l->events - 1, &last);
    if (r == 0 && last.type == JOURNAL_EXIT)
        l->events--;
    return r;
}

int journal_lines_open(const struct journal_lines_options *o, struct journal_lines **ret)
{
    struct journal *j;
    int r = journal_open(o->state_dir, o->id, &j);
    if (r < 0)
        return r;
    struct journal_lines *l = xcalloc(1, sizeof(*l));
    l->journal = j;
    l->joins = o->joins;
    l->line_max = o->line_max;
    r = count_events(l, o->has_exit);
    if (r < 0) {
        journal_lines_close(l);
        return r;
    }
    *ret = l;
    return 0;
}

struct journal_lines *journal_lines_close(struct journal_lines *l)
{
    if (!l)
        return NULL;
    journal_close(l->journal);
    buf_deinit(&l->open_data);
    free(l);
    return NULL;
}

void journal_lines_closep(struct journal_lines **l)
{
    *l = journal_lines_close(*l);
}

struct output_pos journal_lines_pos(const struct journal_lines *l)
{
    return l->pos;
}

uint64_t journal_lines_events(const struct journal_lines *l)
{
    return l->events;
}

uint64_t journal_lines_bytes(const struct journal_lines *l)
{
    return journal_output_bytes(l->journal);
}

uint64_t journal_lines_bytes_read(const struct journal_lines *l)
{
    return l->bytes_read;
}

uint64_t journal_lines_bytes_dropped(const struct journal_lines *l)
{
    return l->bytes_dropped;
}

int journal_lines_offset(struct journal_lines *l, struct output_pos pos, uint64_t *ret_offset)
{
    struct journal_record rec;
    if (pos.event >= l->events) {
        *ret_offset = journal_lines_bytes(l);
        return 0;
    }
    int r = record_at(l, pos.event, &rec);
    if (r == 0)
        *ret_offset = rec.offset + pos.offset;
    return r;
}

int journal_lines_find(struct journal_lines *l, uint64_t offset, struct output_pos *ret)
{
    /* The first record that ends behind `offset`; ends never go back from record to record. */
    uint64_t low = 0, high = l->events;
    struct journal_record rec = {0};
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int r = record_at(l, middle, &rec);
        if (r < 0)
            return r;
        if (rec.offset + rec.length > offset)
            high = middle;
        else
            low = middle + 1;
    }
    *ret = (struct output_pos){low, 0};
    if (low == l->events)
        return 0;
    int r = record_at(l, low, &rec);
    if (r == 0 && offset > rec.offset)
        ret->offset = (uint32_t)(offset - rec.offset);
    return r;
}

/* What retention has dropped is jumped over. */
static int jump_hole(struct journal_lines *l)
{
    uint64_t first = journal_first_event(l->journal), offset = 0;
    if (l->pos.event >= first)
        return 0;
    int r = journal_lines_offset(l, l->pos, &offset);
    if (r < 0)
        return r;
    l->bytes_dropped += journal_first_offset(l->journal) - offset;
    l->pos = (struct output_pos){first, 0};
    return 0;
}

int journal_lines_seek(struct journal_lines *l, struct output_pos pos)
{
    struct journal_record rec;
    if (pos.event > l->events || (pos.offset > 0 && pos.event == l->events))
        return -EINVAL;
    /* What is dropped may not even be known any more (in a shadow). */
    if (pos.offset > 0 && pos.event >= journal_first_event(l->journal)) {
        int r = record_at(l, pos.event, &rec);
        if (r < 0)
            return r;
        if (pos.offset >= rec.length)
            return -EINVAL;
    }
    l->pos = pos;
    return jump_hole(l);
}

/* ---- the tail ---- */

/* 1: the last max_lines begin at *ret_offset. 0: there are not so many from `floor` on. -errno. */
static int find_lines_back(struct journal_lines *l, uint64_t floor, size_t max_lines,
                           uint64_t *ret_offset)
{
    uint64_t end = journal_lines_bytes(l);
    size_t lines = 0;
    for (uint64_t at = end; at > floor;) {
        size_t n = at - floor < BLOCK_BYTES ? (size_t)(at - floor) : BLOCK_BYTES;
        at -= n;
        int r = journal_read(l->journal, at, l->block, n);
        if (r < 0)
            return r;
        for (size_t i = n; i > 0; i--) {
            if (l->block[i - 1] != '\n' || at + i == end)
                continue;
            if (++lines == max_lines) {
                *ret_offset = at + i;
                return 1;
            }
        }
    }
    return 0;
}

/* The first line that begins at `offset` or in the block behind it; without one, the first
 * character. */
static int align_to_line(struct journal_lines *l, uint64_t *offset)
{
    uint64_t end = journal_lines_bytes(l), from = *offset - 1;
    size_t n = end - from < BLOCK_BYTES ? (size_t)(end - from) : BLOCK_BYTES, i = 1;
    int r = journal_read(l->journal, from, l->block, n);
    if (r < 0)
        return r;
    const char *newline = memchr(l->block, '\n', n);
    if (newline && from + (uint64_t)(newline - l->block) + 1 < end)
        i = (size_t)(newline - l->block) + 1;
    else
        while (i < 4 && i < n && ((unsigned char)l->block[i] & 0xc0) == 0x80)
            i++;
    *offset = from + i;
    return 0;
}

/* Where the tail begins in bytes. 0 or -errno. */
static int find_tail(struct journal_lines *l, uint64_t begin, size_t max_bytes, size_t max_lines,
                     uint64_t *ret_offset)
{
    uint64_t end = journal_lines_bytes(l);
    *ret_offset = end - begin > max_bytes ? end - max_bytes : begin;
    if (max_lines == 0)
        *ret_offset = end;
    l->block_n = 0; /* the block is needed for this */
    int r = max_lines == 0 || max_lines == SIZE_MAX
                ? 0
                : find_lines_back(l, *ret_offset, max_lines, ret_offset);
    return r == 0 && *ret_offset > begin && *ret_offset < end ? align_to_line(l, ret_offset) : r;
}

int journal_lines_seek_tail(struct journal_lines *l, size_t max_bytes, size_t max_lines,
                            uint64_t *ret_skipped)
{
    uint64_t begin = 0, target = 0, end = journal_lines_bytes(l);
    *ret_skipped = 0;
    int r = journal_lines_offset(l, l->pos, &begin);
    if (r < 0 || begin == end || (end - begin <= max_bytes && max_lines == SIZE_MAX))
        return r;
    r = find_tail(l, begin, max_bytes, max_lines, &target);
    if (r == -ENODATA)
        return 0; /* retention is at work there: reading on finds out what is left */
    if (r < 0 || target <= begin)
        return r < 0 ? r : 0;
    *ret_skipped = target - begin;
    r = journal_lines_find(l, target == end ? end - 1 : target, &l->pos);
    if (target == end) /* what is no output comes behind it */
        l->pos = (struct output_pos){l->pos.event + 1, 0};
    return r;
}

/* ---- lines ---- */

/* 1: *ret_data has what is left of the record at pos. 0: retention took it meanwhile; pos is behind
 * the hole now. -errno. */
static int read_rest(struct journal_lines *l, const struct journal_record *rec,
                     const char **ret_data, size_t *ret_len)
{
    uint64_t offset = rec->offset + l->pos.offset;
    size_t len = rec->length - l->pos.offset;
    if (offset < l->block_offset || offset + len > l->block_offset + l->block_n) {
        uint64_t there = journal_lines_bytes(l) - offset;
        size_t n = there < BLOCK_BYTES ? (size_t)there : BLOCK_BYTES;
        l->block_n = 0;
        int r = journal_read(l->journal, offset, l->block, n);
        if (r == -ENODATA) {
            uint64_t event = l->pos.event;
            r = journal_refresh(l->journal);
            if (r == 0)
                r = jump_hole(l);
            return r < 0 ? r : l->pos.event == event ? -EBADMSG : 0;
        }
        if (r < 0)
            return r;
        l->block_offset = offset;
        l->block_n = n;
        if (len > n)
            return -EBADMSG;
    }
    *ret_data = l->block + (offset - l->block_offset);
    *ret_len = len;
    return 1;
}

static void advance(struct journal_lines *l, const struct journal_record *rec, size_t n)
{
    l->pos.offset += (uint32_t)n;
    l->bytes_read += n;
    if (l->pos.offset >= rec->length)
        l->pos = (struct output_pos){l->pos.event + 1, 0};
}

static int give_open(struct journal_lines *l, struct excerpt_line *ret)
{
    *ret = l->open;
    ret->data = l->open_data.data;
    ret->len = l->open_data.len;
    l->open_data.len = 0; /* the bytes stay where they are until the next call */
    return 1;
}

/* How much of `data` is the next line, or the piece of one that may still be joined. */
static size_t line_len(const struct journal_lines *l, const char *data, size_t len)
{
    const char *newline = memchr(data, '\n', len);
    size_t n = newline ? (size_t)(newline - data) + 1 : len;
    size_t max = l->line_max - l->open_data.len;
    if (n <= max)
        return n;
    n = utf8_cut(data, n, max);
    return n > 0 ? n : max;
}

/* Takes the begin of the data at pos as (the next part of) a line. True: *ret is a whole one. */
static bool take_line(struct journal_lines *l, const struct journal_record *rec, const char *data,
                      size_t len, struct excerpt_line *ret)
{
    struct output_pos begin = l->pos;
    uint64_t event = l->pos.event;
    size_t n = line_len(l, data, len);
    advance(l, rec, n);
    bool goes_on = l->joins && n == len && data[n - 1] != '\n' && rec->flags & JOURNAL_PARTIAL &&
                   l->open_data.len + n < l->line_max;
    if (!goes_on && l->open_data.len == 0) {
        *ret = (struct excerpt_line){.event = event,
                                     .record = *rec,
                                     .begin = begin,
                                     .end = l->pos,
                                     .is_verbatim = true,
                                     .data = data,
                                     .len = n};
        return true;
    }
    if (l->open_data.len == 0)
        l->open = (struct excerpt_line){.begin = begin};
    l->open.event = event;
    l->open.record = *rec;
    l->open.end = l->pos;
    buf_append(&l->open_data, data, n);
    return !goes_on && give_open(l, ret);
}

int journal_lines_next(struct journal_lines *l, struct excerpt_line *ret)
{
    struct journal_record rec;
    const char *data = NULL;
    size_t len = 0;
    for (;;) {
        if (l->pos.event >= l->events)
            return l->open_data.len > 0 ? give_open(l, ret) : 0;
        int r = record_at(l, l->pos.event, &rec);
        if (r < 0)
            return r;
        if (l->open_data.len > 0 && l->open.record.type != rec.type)
            return give_open(l, ret);
        if (rec.length == 0) {
            struct output_pos begin = l->pos;
            advance(l, &rec, 0);
            *ret = (struct excerpt_line){
                .event = begin.event, .record = rec, .begin = begin, .end = l->pos};
            return 1;
        }
        r = read_rest(l, &rec, &data, &len);
        if (r < 0)
            return r;
        if (r == 0 && l->open_data.len > 0)
            return give_open(l, ret);
        if (r == 1 && take_line(l, &rec, data, len, ret))
            return 1;
    }
}
