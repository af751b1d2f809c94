#include "server/mcp/output.h"

#include <errno.h>

#include "state/base/clock.h"

/* A step ends after so much: other requests of the thread wait meanwhile. */
#define STEP_BYTES (1u << 20)
#define STEP_US    10000u
/* What leaves much out looks at much: after so much work the answer says where to go on. */
#define SCAN_US 2000000u

struct output_reader {
    const struct shape_options *options; /* borrowed */
    struct journal_lines *lines;         /* owned; NULL: no journal */
    struct text_shape shape;
    struct output output;
    uint64_t busy_us;
    bool has_skipped; /* what is between head and tail was jumped over, or need not be */
};

/* What goes where: a page is all head; a look at both ends has a tail, if only to count what it
 * leaves out. The last lines may be asked of either. */
static struct excerpt_limits limits_of(const struct output_query *q)
{
    const struct shape_options *o = q->options;
    struct excerpt_limits l = {.max_bytes = o->max_bytes,
                               .head_bytes = o->max_bytes,
                               .head_lines = o->head_lines ? o->head_lines : SIZE_MAX,
                               .tail_lines = o->tail_lines,
                               .has_tail = o->tail_lines > 0 || !q->is_page};
    if (o->tail_lines > 0)
        l.head_bytes = o->head_lines > 0 ? o->max_bytes / 2 : 0;
    else if (l.has_tail && o->head_lines == 0) {
        l.head_bytes = o->max_bytes / 2;
        l.tail_lines = SIZE_MAX;
    }
    return l;
}

int output_reader_new(const struct output_query *q, struct output_reader **ret)
{
    const struct journal_lines_options jo = {
        .state_dir = q->state_dir,
        .id = q->id,
        .has_exit = q->has_exit,
        .joins = shape_needs_lines(q->options),
        .line_max = shape_needs_lines(q->options) ? PATTERN_TEXT_MAX : JOURNAL_RECORD_MAX};
    struct journal_lines *lines = NULL;
    int r = journal_lines_open(&jo, &lines);
    if (r < 0 && r != -ENOENT)
        return r;
    r = lines ? journal_lines_seek(lines, q->from) : q->from.event == 0 ? 0 : -EINVAL;
    bool is_ahead =
        r == -EINVAL && q->is_copy && (!lines || q->from.event > journal_lines_events(lines));
    if (r < 0) {
        journal_lines_close(lines);
        lines = NULL;
        if (!is_ahead)
            return r == -EINVAL ? OUTPUT_E_PLACE : r;
    }
    const struct excerpt_limits limits = limits_of(q);
    struct output_reader *o = xcalloc(1, sizeof(*o));
    o->options = q->options;
    o->lines = lines;
    if (is_ahead)
        o->output.next = q->from;
    o->has_skipped = !limits.has_tail || q->options->grep;
    text_shape_init(&o->shape, q->options, &limits);
    *ret = o;
    return OUTPUT_DONE;
}

struct output_reader *output_reader_free(struct output_reader *r)
{
    if (!r)
        return NULL;
    text_shape_deinit(&r->shape);
    journal_lines_close(r->lines);
    free(r);
    return NULL;
}

/* From the head's end to where the tail begins. */
static int skip_to_tail(struct output_reader *r)
{
    const struct excerpt *x = &r->shape.excerpt;
    struct output_pos from = journal_lines_pos(r->lines);
    uint64_t skipped;
    r->has_skipped = true;
    int e = journal_lines_seek_tail(r->lines, excerpt_tail_room(x), x->limits.tail_lines, &skipped);
    if (e == 0 && skipped > 0)
        text_shape_skip(&r->shape, from, skipped);
    return e;
}

/* OUTPUT_MORE while there are lines to come and nothing forbids to take them. */
static int take_next(struct output_reader *r)
{
    struct excerpt_line line;
    if (r->shape.excerpt.is_head_over && !r->has_skipped) {
        int e = skip_to_tail(r);
        if (e < 0)
            return e;
    }
    int e = journal_lines_next(r->lines, &line);
    if (e <= 0)
        return e;
    switch (text_shape_add(&r->shape, &line)) {
    case SHAPE_OK:
        break;
    case SHAPE_FULL:
        return OUTPUT_DONE;
    case SHAPE_E_COST:
        return OUTPUT_E_COST;
    }
    return OUTPUT_MORE;
}

static int finish(struct output_reader *r)
{
    const struct excerpt *x = &r->shape.excerpt;
    struct output *o = &r->output;
    uint64_t offset;
    o->next = x->is_full ? x->resume : journal_lines_pos(r->lines);
    o->total_bytes = journal_lines_bytes(r->lines);
    o->bytes_dropped = journal_lines_bytes_dropped(r->lines);
    o->left_out_bytes = x->left_out_bytes;
    o->left_from = x->left_out_from;
    int e = journal_lines_offset(r->lines, o->next, &offset);
    if (e == 0)
        e = journal_lines_offset(r->lines, o->left_from, &o->left_offset);
    if (e < 0)
        return e;
    o->bytes_left = o->total_bytes - offset;
    o->has_more = o->next.event < journal_lines_events(r->lines);
    return OUTPUT_DONE;
}

/* Takes lines until the step is over. */
static int run(struct output_reader *r)
{
    uint64_t begun_us = clock_mono_us(), until_us = begun_us + STEP_US;
    uint64_t until_bytes = journal_lines_bytes_read(r->lines) + STEP_BYTES;
    int e;
    do
        e = take_next(r);
    while (e == OUTPUT_MORE && journal_lines_bytes_read(r->lines) < until_bytes &&
           clock_mono_us() < until_us);
    r->busy_us += clock_mono_us() - begun_us;
    return e;
}

int output_reader_step(struct output_reader *r)
{
    r->output.excerpt = &r->shape.excerpt;
    if (!r->lines)
        return OUTPUT_DONE;
    int e = run(r);
    if (e == OUTPUT_MORE)
        r->output.is_scan_over =
            journal_lines_bytes_read(r->lines) >= OUTPUT_SCAN_MAX || r->busy_us >= SCAN_US;
    if (e != OUTPUT_DONE && !r->output.is_scan_over)
        return e;
    if (!r->shape.excerpt.is_full)
        text_shape_finish(&r->shape);
    return finish(r);
}

const struct output *output_reader_result(const struct output_reader *r)
{
    return &r->output;
}
