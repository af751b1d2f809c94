#include "server/mcp/text_shape.h"

/* A line that is kept beyond the call that brought it. */
struct shape_copy {
    struct excerpt_line line;
    struct buf data;
};

static void copy_set(struct shape_copy *c, const struct excerpt_line *l)
{
    c->data.len = 0;
    buf_append(&c->data, l->data, l->len);
    c->line = *l;
    c->line.data = c->data.data;
}

void text_shape_init(struct text_shape *t, const struct shape_options *o,
                     const struct excerpt_limits *l)
{
    memset(t, 0, sizeof(*t));
    t->options = o;
    excerpt_init(&t->excerpt, l);
    if (o->context > 0)
        t->before = xcalloc(o->context, sizeof(*t->before));
    if (o->dedupe)
        t->repeat = xcalloc(1, sizeof(*t->repeat));
}

void text_shape_deinit(struct text_shape *t)
{
    excerpt_deinit(&t->excerpt);
    buf_deinit(&t->stripped);
    for (size_t i = 0; t->before && i < t->options->context; i++)
        buf_deinit(&t->before[i].data);
    free(t->before);
    if (t->repeat)
        buf_deinit(&t->repeat->data);
    free(t->repeat);
    memset(t, 0, sizeof(*t));
}

static enum shape_verdict keep(struct text_shape *t, const struct excerpt_line *l)
{
    return excerpt_add(&t->excerpt, l) ? SHAPE_OK : SHAPE_FULL;
}

/* ---- dedupe ---- */

static size_t newline_len(const struct excerpt_line *l)
{
    if (l->len == 0 || l->data[l->len - 1] != '\n')
        return 0;
    return l->len > 1 && l->data[l->len - 2] == '\r' ? 2 : 1;
}

/* Lets the held line go, with how often it came. */
static enum shape_verdict flush_repeat(struct text_shape *t)
{
    if (t->repeat_count == 0)
        return SHAPE_OK;
    struct shape_copy *c = t->repeat;
    if (t->repeat_count > 1) {
        size_t newline = newline_len(&c->line);
        char end[3] = {0};
        memcpy(end, c->data.data + c->data.len - newline, newline);
        c->data.len -= newline;
        buf_printf(&c->data, " (repeated %zu times)%s", t->repeat_count, end);
        c->line.data = c->data.data;
        c->line.len = c->data.len;
        c->line.is_verbatim = false;
    }
    t->repeat_count = 0;
    return keep(t, &c->line);
}

static bool is_repeat(const struct text_shape *t, const struct excerpt_line *l)
{
    const struct shape_copy *c = t->repeat;
    return t->repeat_count > 0 && c->line.record.type == l->record.type && c->data.len == l->len &&
           memcmp(c->data.data, l->data, l->len) == 0;
}

static enum shape_verdict pass_dedupe(struct text_shape *t, const struct excerpt_line *l)
{
    if (!t->options->dedupe)
        return keep(t, l);
    if (is_repeat(t, l)) {
        t->repeat->line.event = l->event;
        t->repeat->line.record = l->record;
        t->repeat->line.end = l->end;
        t->repeat_count++;
        return SHAPE_OK;
    }
    enum shape_verdict v = flush_repeat(t);
    if (v != SHAPE_OK)
        return v;
    copy_set(t->repeat, l);
    t->repeat_count = 1;
    return SHAPE_OK;
}

/* ---- grep ---- */

/* Between lines that don't follow each other, as grep(1) shows them. */
static enum shape_verdict put_separator(struct text_shape *t, const struct excerpt_line *next)
{
    if (!t->is_apart || !t->has_matched || t->options->context == 0)
        return SHAPE_OK;
    struct excerpt_line s = *next;
    s.data = "--\n";
    s.len = 3;
    s.end = s.begin;
    s.is_verbatim = false;
    return pass_dedupe(t, &s);
}

static enum shape_verdict put_before(struct text_shape *t)
{
    while (t->n_before > 0) {
        struct shape_copy *c = &t->before[t->before_first];
        enum shape_verdict v = put_separator(t, &c->line);
        if (v == SHAPE_OK)
            v = pass_dedupe(t, &c->line);
        if (v != SHAPE_OK)
            return v;
        t->is_apart = false;
        t->before_first = (t->before_first + 1) % t->options->context;
        t->n_before--;
    }
    return SHAPE_OK;
}

static void hold_before(struct text_shape *t, const struct excerpt_line *l)
{
    size_t context = t->options->context;
    if (t->n_before == context) {
        t->is_apart = true;
        if (context == 0)
            return;
        t->before_first = (t->before_first + 1) % context;
        t->n_before--;
    }
    copy_set(&t->before[(t->before_first + t->n_before++) % context], l);
}

static enum shape_verdict put_match(struct text_shape *t, const struct excerpt_line *l)
{
    enum shape_verdict v = put_before(t);
    if (v == SHAPE_OK)
        v = put_separator(t, l);
    if (v == SHAPE_OK)
        v = pass_dedupe(t, l);
    t->after = t->options->context;
    t->has_matched = true;
    t->is_apart = false;
    return v;
}

static enum shape_verdict pass_grep(struct text_shape *t, const struct excerpt_line *l)
{
    if (!t->options->grep)
        return pass_dedupe(t, l);
    switch (pattern_match(t->options->grep, l->data, l->len - newline_len(l), true)) {
    case PATTERN_YES:
        return put_match(t, l);
    case PATTERN_E_COST:
        return SHAPE_E_COST;
    case PATTERN_NO:
        break;
    }
    if (t->after > 0) {
        t->after--;
        return pass_dedupe(t, l);
    }
    hold_before(t, l);
    return SHAPE_OK;
}

/* ---- the whole line ---- */

enum shape_verdict text_shape_add(struct text_shape *t, const struct excerpt_line *line)
{
    if (line->len == 0) { /* no output: it stays where it was among the lines, and parts them */
        enum shape_verdict v = flush_repeat(t);
        t->is_apart = t->is_apart || t->n_before > 0;
        t->n_before = 0;
        return v == SHAPE_OK ? keep(t, line) : v;
    }
    if (!t->options->strip_ansi)
        return pass_grep(t, line);
    struct excerpt_line l = *line;
    t->stripped.len = 0;
    strip_ansi(&t->stripped, line->data, line->len,
               &t->ansi_state[line->record.type == JOURNAL_STDERR]);
    if (t->stripped.len == 0)
        return SHAPE_OK;
    l.is_verbatim = l.is_verbatim && t->stripped.len == line->len;
    l.data = t->stripped.data;
    l.len = t->stripped.len;
    return pass_grep(t, &l);
}

void text_shape_skip(struct text_shape *t, struct output_pos from, uint64_t bytes)
{
    (void)flush_repeat(t); /* the head is over: the tail takes every line */
    excerpt_skip(&t->excerpt, from, bytes);
}

void text_shape_finish(struct text_shape *t)
{
    (void)flush_repeat(t);
    excerpt_finish(&t->excerpt);
}
