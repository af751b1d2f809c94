#include "server/doctor/nginx_conf.h"

#include <ctype.h>
#include <string.h>

struct parser {
    const char *at, *end;
    unsigned line;
    unsigned depth, n_directives;
};

static bool at_end(const struct parser *p)
{
    return p->at == p->end;
}

static char next(struct parser *p)
{
    char c = *p->at++;
    p->line += c == '\n';
    return c;
}

static void skip_blanks(struct parser *p)
{
    while (!at_end(p)) {
        if (*p->at == '#')
            while (!at_end(p) && *p->at != '\n')
                next(p);
        else if (isspace((unsigned char)*p->at))
            next(p);
        else
            return;
    }
}

static bool take_quoted(struct parser *p, char quote, struct buf *word)
{
    while (!at_end(p)) {
        char c = next(p);
        if (c == quote)
            return true;
        if (c == '\\' && !at_end(p)) {
            char escaped = next(p);
            if (escaped != quote && escaped != '\\')
                buf_append_char(word, '\\');
            c = escaped;
        }
        buf_append_char(word, c);
    }
    return false;
}

/* "${" does not begin a block. */
static bool take_plain(struct parser *p, struct buf *word)
{
    while (!at_end(p)) {
        char c = *p->at;
        bool is_variable = c == '{' && word->len > 0 && word->data[word->len - 1] == '$';
        if (isspace((unsigned char)c) || c == ';' || (c == '{' && !is_variable))
            return true;
        (void)next(p);
        if (c == '\\' && !at_end(p)) {
            buf_append_char(word, c);
            c = next(p);
        }
        buf_append_char(word, c);
        while (is_variable && !at_end(p) && c != '}') {
            c = next(p);
            buf_append_char(word, c);
        }
    }
    return false; /* neither ";" nor a block follows */
}

static bool take_word(struct parser *p, struct nginx_directive *d)
{
    struct buf word = {0};
    bool is_good;

    buf_append(&word, "", 0);
    buf_reserve(&word, 1);
    if (*p->at == '"' || *p->at == '\'')
        is_good = take_quoted(p, next(p), &word);
    else
        is_good = take_plain(p, &word);
    if (!is_good || d->n_words == NGINX_WORDS_MAX) {
        buf_deinit(&word);
        return false;
    }
    d->words = realloc(d->words, (d->n_words + 2) * sizeof(*d->words));
    if (!d->words)
        abort();
    d->words[d->n_words++] = xstrndup(word.data ? word.data : "", word.len);
    d->words[d->n_words] = NULL;
    buf_deinit(&word);
    return true;
}

static struct nginx_directive *add(struct nginx_directive *block)
{
    if (block->n == block->cap) {
        block->cap = block->cap ? 2 * block->cap : 8;
        block->v = realloc(block->v, block->cap * sizeof(*block->v));
        if (!block->v)
            abort();
    }
    struct nginx_directive *d = &block->v[block->n++];
    *d = (struct nginx_directive){0};
    return d;
}

static bool take_block(struct parser *p, struct nginx_directive *block, bool is_file);

static bool take_directive(struct parser *p, struct nginx_directive *d)
{
    for (;;) {
        skip_blanks(p);
        if (at_end(p))
            return false;
        if (*p->at == ';' || *p->at == '{')
            break;
        if (*p->at == '}' || !take_word(p, d))
            return false;
    }
    if (d->n_words == 0)
        return false;
    d->is_block = next(p) == '{';
    if (!d->is_block)
        return true;
    if (p->depth == NGINX_DEPTH_MAX)
        return false;
    p->depth++;
    bool is_good = take_block(p, d, false);
    p->depth--;
    return is_good;
}

static bool take_block(struct parser *p, struct nginx_directive *block, bool is_file)
{
    for (;;) {
        skip_blanks(p);
        if (at_end(p))
            return is_file;
        if (*p->at == '}' && !is_file) {
            (void)next(p);
            return true;
        }
        if (p->n_directives++ == NGINX_DIRECTIVES_MAX || !take_directive(p, add(block)))
            return false;
    }
}

bool nginx_conf_parse(const char *text, size_t len, struct nginx_directive *ret, unsigned *ret_line)
{
    struct parser p = {.at = text, .end = text + len, .line = 1};

    *ret = (struct nginx_directive){.is_block = true};
    bool is_good = take_block(&p, ret, true);
    *ret_line = p.line;
    return is_good;
}

void nginx_conf_deinit(struct nginx_directive *d)
{
    for (size_t i = 0; i < d->n; i++)
        nginx_conf_deinit(&d->v[i]);
    for (size_t i = 0; i < d->n_words; i++)
        free(d->words[i]);
    free(d->words);
    free(d->v);
    *d = (struct nginx_directive){0};
}

const struct nginx_directive *nginx_conf_find(const struct nginx_directive *block, const char *name)
{
    for (size_t i = block->n; i > 0; i--)
        if (strcmp(block->v[i - 1].words[0], name) == 0)
            return &block->v[i - 1];
    return NULL;
}

static uint64_t unit_of(const char *s, size_t *ret_len)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1},         {"s", 1000},        {"m", 60000},
                 {"h", 3600000},    {"d", 86400000},    {"w", 604800000},
                 {"M", 2592000000}, {"y", 31536000000}, {"", 1000}};

    for (size_t i = 0;; i++) {
        size_t n = strlen(units[i].name);
        if (n > 0 && strncmp(s, units[i].name, n) != 0)
            continue;
        *ret_len = n;
        return units[i].ms;
    }
}

static bool add_time(const char *s, uint64_t *sum)
{
    while (*s) {
        char *end;
        size_t n;
        unsigned long long v = strtoull(s, &end, 10);
        if (!isdigit((unsigned char)*s) || v > 1000000000)
            return false;
        *sum += v * unit_of(end, &n);
        if (n == 0 && *end)
            return false;
        s = end + n;
    }
    return true;
}

bool nginx_conf_time(const struct nginx_directive *d, uint64_t *ret_ms)
{
    uint64_t sum = 0;

    for (size_t i = 1; i < d->n_words; i++)
        if (!add_time(d->words[i], &sum))
            return false;
    if (d->n_words < 2)
        return false;
    *ret_ms = sum;
    return true;
}

bool nginx_conf_size(const struct nginx_directive *d, uint64_t *ret_bytes)
{
    char *end;

    if (d->n_words != 2 || !isdigit((unsigned char)d->words[1][0]))
        return false;
    unsigned long long v = strtoull(d->words[1], &end, 10);
    char unit = (char)tolower((unsigned char)*end);
    unsigned shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
    if (v > 1ull << 30 || (shift ? end[1] : *end))
        return false;
    *ret_bytes = v << shift;
    return true;
}
