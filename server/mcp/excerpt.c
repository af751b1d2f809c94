#include "server/mcp/excerpt.h"

#include "state/base/utf8.h"

struct excerpt_tail_line {
    struct excerpt_line line;
    char *data; /* owned; what line.data points into; NULL for an event without bytes */
};

void excerpt_init(struct excerpt *x, const struct excerpt_limits *l)
{
    memset(x, 0, sizeof(*x));
    x->limits = *l;
    x->is_head_over = l->has_tail && l->head_bytes == 0;
}

static struct excerpt_tail_line *tail_at(const struct excerpt *x, size_t i)
{
    return &x->tail[(x->tail_first + i) & (x->cap_tail - 1)];
}

void excerpt_deinit(struct excerpt *x)
{
    for (size_t i = 0; i < x->n_tail; i++)
        free(tail_at(x, i)->data);
    for (size_t i = 0; i < x->n_pieces; i++)
        buf_deinit(&x->pieces[i].data);
    free(x->tail);
    free(x->pieces);
    memset(x, 0, sizeof(*x));
}

static bool ends_line(const struct excerpt_line *l)
{
    return l->len > 0 && l->data[l->len - 1] == '\n';
}

/* ---- pieces ---- */

/* The last piece, when it is of this event and nothing was left out behind it. */
static struct excerpt_piece *piece_of(const struct excerpt *x, uint64_t event)
{
    if (x->n_pieces == 0 || (x->left_out_bytes > 0 && x->gap_at == x->n_pieces))
        return NULL;
    struct excerpt_piece *p = &x->pieces[x->n_pieces - 1];
    return p->event == event ? p : NULL;
}

static void put(struct excerpt *x, const struct excerpt_line *l)
{
    struct excerpt_piece *p = piece_of(x, l->event);
    if (!p) {
        if (x->n_pieces == x->cap_pieces) {
            x->cap_pieces = x->cap_pieces ? 2 * x->cap_pieces : 16;
            x->pieces = realloc(x->pieces, x->cap_pieces * sizeof(*x->pieces));
            if (!x->pieces)
                abort();
        }
        p = &x->pieces[x->n_pieces++];
        *p = (struct excerpt_piece){.event = l->event, .record = l->record};
    }
    p->end = l->end;
    buf_append(&p->data, l->data, l->len);
}

/* ---- the tail ---- */

size_t excerpt_tail_room(const struct excerpt *x)
{
    return x->limits.max_bytes - x->head_bytes;
}

static void leave_out(struct excerpt *x, struct output_pos from, uint64_t bytes)
{
    if (bytes == 0)
        return;
    if (x->left_out_bytes == 0) {
        x->left_out_from = from;
        x->gap_at = x->n_pieces;
    }
    x->left_out_bytes += bytes;
}

static void grow_tail(struct excerpt *x)
{
    size_t cap = x->cap_tail ? 2 * x->cap_tail : 64;
    struct excerpt_tail_line *ring = xcalloc(cap, sizeof(*ring));
    for (size_t i = 0; i < x->n_tail; i++)
        ring[i] = *tail_at(x, i);
    free(x->tail);
    x->tail = ring;
    x->tail_first = 0;
    x->cap_tail = cap;
}

static void push_tail(struct excerpt *x, const struct excerpt_line *l)
{
    if (x->n_tail == x->cap_tail)
        grow_tail(x);
    bool is_new = x->n_tail == 0 || tail_at(x, x->n_tail - 1)->line.event != l->event;
    struct excerpt_tail_line *t = tail_at(x, x->n_tail++);
    *t = (struct excerpt_tail_line){.line = *l};
    if (l->len > 0) {
        t->data = malloc(l->len);
        if (!t->data)
            abort();
        memcpy(t->data, l->data, l->len);
        t->line.data = t->data;
    }
    x->tail_bytes += l->len;
    x->tail_newlines += ends_line(l);
    x->tail_events += is_new;
    if (l->len > 0)
        x->is_tail_open = !ends_line(l);
}

/* Takes the oldest out: events without bytes are kept among the pieces, bytes are left out. */
static void shift_tail(struct excerpt *x)
{
    struct excerpt_tail_line t = *tail_at(x, 0);
    x->tail_first = (x->tail_first + 1) & (x->cap_tail - 1);
    x->n_tail--;
    x->tail_bytes -= t.line.len;
    x->tail_newlines -= ends_line(&t.line);
    x->tail_events -= x->n_tail == 0 || tail_at(x, 0)->line.event != t.line.event;
    if (t.data)
        leave_out(x, t.line.begin, t.line.len);
    else
        put(x, &t.line);
    free(t.data);
}

/* Lines in the tail; the last may still be without its newline. */
static size_t count_tail_lines(const struct excerpt *x)
{
    return x->tail_newlines + (x->tail_bytes > 0 && x->is_tail_open);
}

static bool is_tail_over(const struct excerpt *x)
{
    return x->tail_bytes > excerpt_tail_room(x) || count_tail_lines(x) > x->limits.tail_lines ||
           x->n_tail > EXCERPT_LINES_MAX || x->tail_events > EXCERPT_EVENTS_MAX / 2;
}

/* A single line larger than all there is room for: its end stays. */
static void trim_oldest(struct excerpt *x)
{
    struct excerpt_line *l = &tail_at(x, 0)->line;
    size_t room = excerpt_tail_room(x);
    size_t drop = l->len - room;
    for (int i = 0; i < 3 && drop < l->len && ((unsigned char)l->data[drop] & 0xc0) == 0x80; i++)
        drop++; /* the rest of a character */
    leave_out(x, l->begin, drop);
    l->data += drop;
    l->len -= drop;
    x->tail_bytes -= drop;
}

static void fit_tail(struct excerpt *x)
{
    size_t spared = x->limits.tail_lines > 0 ? 1 : 0;
    while (x->n_tail > spared && is_tail_over(x))
        shift_tail(x);
    if (x->n_tail == 1 && x->tail_bytes > excerpt_tail_room(x))
        trim_oldest(x);
}

/* ---- the head ---- */

static bool has_event_room(const struct excerpt *x, uint64_t event)
{
    size_t max = x->limits.has_tail ? EXCERPT_EVENTS_MAX / 2 : EXCERPT_EVENTS_MAX;
    return x->n_pieces < max || piece_of(x, event);
}

static bool fits_head(const struct excerpt *x, const struct excerpt_line *l)
{
    if (!has_event_room(x, l->event))
        return false;
    return l->len == 0 ||
           (l->len <= x->limits.head_bytes - x->head_bytes && x->head_lines < x->limits.head_lines);
}

static void put_head(struct excerpt *x, const struct excerpt_line *l)
{
    put(x, l);
    x->head_bytes += l->len;
    x->head_lines += ends_line(l);
}

/* The first line is larger than the whole head: its begin is taken, *rest is what remains of it. A
 * line whose bytes are not the output's can't be cut: no place in the output would be its middle.
 */
static void split_first(struct excerpt *x, const struct excerpt_line *l, struct excerpt_line *rest)
{
    *rest = *l;
    if (x->head_bytes > 0 || x->limits.head_lines == 0 || !has_event_room(x, l->event))
        return;
    size_t n = utf8_cut(l->data, l->len, x->limits.head_bytes);
    if (n == 0 && !x->limits.has_tail)
        n = utf8_cut(l->data, l->len, 4); /* one character, or the answers would never get on */
    if (!l->is_verbatim)
        n = x->limits.has_tail ? 0 : l->len;
    if (n == 0)
        return;
    struct excerpt_line first = *l;
    first.len = n;
    if (n < l->len)
        first.end = (struct output_pos){l->begin.event, l->begin.offset + (uint32_t)n};
    put_head(x, &first);
    rest->begin = first.end;
    rest->data += n;
    rest->len -= n;
}

bool excerpt_add(struct excerpt *x, const struct excerpt_line *line)
{
    struct excerpt_line l = *line;
    if (!x->is_head_over) {
        if (fits_head(x, &l)) {
            put_head(x, &l);
            return true;
        }
        if (l.len > 0)
            split_first(x, line, &l);
        x->is_head_over = true;
        if (!x->limits.has_tail) {
            x->is_full = true;
            x->resume = l.begin;
            return false;
        }
        if (line->len > 0 && l.len == 0)
            return true;
    }
    push_tail(x, &l);
    fit_tail(x);
    return true;
}

void excerpt_skip(struct excerpt *x, struct output_pos from, uint64_t bytes)
{
    while (x->n_tail > 0)
        shift_tail(x);
    leave_out(x, from, bytes);
}

void excerpt_finish(struct excerpt *x)
{
    for (size_t i = 0; i < x->n_tail; i++) {
        struct excerpt_tail_line *t = tail_at(x, i);
        if (!t->data || t->line.len > 0)
            put(x, &t->line);
        free(t->data);
    }
    x->n_tail = 0;
}
