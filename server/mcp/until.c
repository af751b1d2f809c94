#include "server/mcp/until.h"

#include <errno.h>

#include "state/base/clock.h"
#include "state/base/id.h"
#include "state/base/utf8.h"
#include "state/journal.h"

#define OVERLAP_BYTES \
    4096u /* of what was searched already: longer matches across reads are missed */
#define STEP_US 10000u
#define WORK_US 60000000u /* 1 GiB takes an ordinary expression some seconds */
static_assert(OVERLAP_BYTES < PATTERN_TEXT_MAX, "there is room for something new");

struct until {
    struct pattern *pattern; /* owned */
    const char *state_dir;   /* borrowed from the configuration */
    char id[ID_MAX + 1];
    struct output_pos from;
    struct journal *journal; /* owned; NULL: not there yet */
    uint64_t offset;         /* the next byte to be read */
    uint64_t busy_us;
    bool is_line_begin; /* the window begins with a line */
    size_t window_n;
    char window[PATTERN_TEXT_MAX]; /* the bytes before offset */
    struct buf match;
};

struct until *until_new(struct pattern *taken, const char *state_dir, const char *id,
                        struct output_pos from)
{
    struct until *u = xcalloc(1, sizeof(*u));
    u->pattern = taken;
    u->state_dir = state_dir;
    memcpy(u->id, id, strlen(id) + 1);
    u->from = from;
    return u;
}

struct until *until_free(struct until *u)
{
    if (!u)
        return NULL;
    pattern_free(u->pattern);
    journal_close(u->journal);
    buf_deinit(&u->match);
    free(u);
    return NULL;
}

uint64_t until_events(const struct until *u)
{
    return u->journal ? journal_events(u->journal) : 0;
}

const struct buf *until_match(const struct until *u)
{
    return &u->match;
}

static void begin_at(struct until *u, uint64_t offset, bool is_line_begin)
{
    u->offset = offset;
    u->window_n = 0;
    u->is_line_begin = is_line_begin;
}

/* Where `from` is in the output. UNTIL_NO: found. */
static int find_begin(struct until *u)
{
    struct journal_record rec;
    uint64_t events = journal_events(u->journal), end = journal_output_bytes(u->journal);
    size_t n = 0;
    if (u->from.event > events || (u->from.event == events && u->from.offset > 0))
        return UNTIL_E_PLACE;
    begin_at(u, end, true);
    if (u->from.event < events) {
        int r = journal_records(u->journal, u->from.event, &rec, 1, &n);
        if (r < 0)
            return r;
        bool is_dropped = u->from.event < journal_first_event(u->journal);
        if (n == 0 || (u->from.offset > rec.length && !is_dropped))
            return UNTIL_E_PLACE;
        begin_at(u, rec.offset + u->from.offset, true);
    }
    if (end - u->offset > UNTIL_BACK_MAX)
        begin_at(u, end - UNTIL_BACK_MAX, false);
    return UNTIL_NO;
}

/* Looks what is there now. UNTIL_NO also when there is no journal yet. */
static int refresh(struct until *u)
{
    if (u->journal)
        return journal_refresh(u->journal);
    int r = journal_open(u->state_dir, u->id, &u->journal);
    if (r == 0)
        return find_begin(u);
    if (r != -ENOENT)
        return r;
    return u->from.event > 0 ? UNTIL_E_PLACE : UNTIL_NO;
}

/* Keeps the end of the window, from the begin of a line if one begins there. */
static void slide(struct until *u)
{
    if (u->window_n <= OVERLAP_BYTES)
        return;
    const char *keep = u->window + u->window_n - OVERLAP_BYTES;
    u->is_line_begin = keep[-1] == '\n';
    memmove(u->window, keep, OVERLAP_BYTES);
    u->window_n = OVERLAP_BYTES;
}

/* Reads what fits behind the window. 1: something was read; 0: there is nothing; -errno. */
static int read_on(struct until *u)
{
    uint64_t first = journal_first_offset(u->journal), end = journal_output_bytes(u->journal);
    if (u->offset < first)
        begin_at(u, first, true);
    if (u->offset >= end)
        return 0;
    slide(u);
    size_t n = PATTERN_TEXT_MAX - u->window_n;
    if (end - u->offset < n)
        n = (size_t)(end - u->offset);
    int r = journal_read(u->journal, u->offset, u->window + u->window_n, n);
    if (r == -ENODATA) { /* retention was faster: behind its hole, the next time round */
        r = journal_refresh(u->journal);
        return r < 0 ? r : journal_first_offset(u->journal) > u->offset ? 1 : -EBADMSG;
    }
    if (r < 0)
        return r;
    u->window_n += n;
    u->offset += n;
    return 1;
}

static int search(struct until *u)
{
    size_t begin, end;
    switch (pattern_match(u->pattern, u->window, u->window_n, u->is_line_begin)) {
    case PATTERN_NO:
        return UNTIL_NO;
    case PATTERN_E_COST:
        return UNTIL_E_COST;
    case PATTERN_YES:
        break;
    }
    pattern_span(u->pattern, &begin, &end);
    buf_append(&u->match, u->window + begin,
               utf8_cut(u->window + begin, end - begin, UNTIL_MATCH_MAX));
    return UNTIL_YES;
}

int until_step(struct until *u)
{
    uint64_t begun_us = clock_mono_us();
    int r = refresh(u);
    if (r != UNTIL_NO || !u->journal)
        return r;
    for (;;) {
        r = read_on(u);
        if (r <= 0)
            return r < 0 ? r : UNTIL_NO;
        r = search(u);
        if (r != UNTIL_NO)
            return r;
        uint64_t worked_us = clock_mono_us() - begun_us;
        if (worked_us < STEP_US)
            continue;
        u->busy_us += worked_us;
        return u->busy_us < WORK_US ? UNTIL_MORE : UNTIL_E_COST;
    }
}
