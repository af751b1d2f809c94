#define PCRE2_CODE_UNIT_WIDTH 8
#include "server/mcp/pattern.h"

#include <stdio.h>

#include <pcre2.h>

/*
 * A step is one item of the expression tried at one place: PCRE2 calls us before each
 * (PCRE2_AUTO_CALLOUT), so that all steps of a match are counted. Its own match limit begins anew
 * at every character of the text and bounds nothing. Ordinary expressions take some hundred steps a
 * line; a million take some 20 ms. What one step does is at worst a walk over the text, hence
 * PATTERN_TEXT_MAX. Memory is counted in KiB (pcre2api(3)).
 */
#define STEPS_MAX  1000000u
#define MEMORY_KIB 4096u

struct pattern {
    pcre2_code *code;             /* owned */
    pcre2_match_data *data;       /* owned */
    pcre2_match_context *context; /* owned */
    unsigned steps;               /* of the match under way */
};

static int on_step(pcre2_callout_block *block, void *arg)
{
    struct pattern *p = arg;
    return ++p->steps > STEPS_MAX ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static char *error_text(int code, size_t at)
{
    PCRE2_UCHAR words[128];
    char *text = NULL;
    if (pcre2_get_error_message(code, words, sizeof(words)) < 0)
        words[0] = '\0';
    if (asprintf(&text, "is not a regular expression (PCRE2): %s at character %zu", (char *)words,
                 at + 1) < 0)
        abort();
    return text;
}

struct pattern *pattern_new(const char *expression, char **ret_error)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF |
                                       PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT,
                                   &code, &at, NULL);
    if (!re) {
        *ret_error = error_text(code, at);
        return NULL;
    }
    struct pattern *p = xcalloc(1, sizeof(*p));
    p->code = re;
    p->data = pcre2_match_data_create(1, NULL); /* only where, not its groups */
    p->context = pcre2_match_context_create(NULL);
    if (!p->data || !p->context)
        abort();
    pcre2_set_callout(p->context, on_step, p);
    pcre2_set_heap_limit(p->context, MEMORY_KIB);
    return p;
}

struct pattern *pattern_free(struct pattern *p)
{
    if (!p)
        return NULL;
    pcre2_match_context_free(p->context);
    pcre2_match_data_free(p->data);
    pcre2_code_free(p->code);
    free(p);
    return NULL;
}

void pattern_freep(struct pattern **p)
{
    *p = pattern_free(*p);
}

enum pattern_verdict pattern_match(struct pattern *p, const char *data, size_t len,
                                   bool at_line_begin)
{
    assert(len <= PATTERN_TEXT_MAX);
    p->steps = 0;
    int r = pcre2_match(p->code, (PCRE2_SPTR)data, len, 0, at_line_begin ? 0 : PCRE2_NOTBOL,
                        p->data, p->context);
    if (r >= 0)
        return PATTERN_YES;
    return r == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_E_COST;
}

void pattern_span(const struct pattern *p, size_t *ret_begin, size_t *ret_end)
{
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(p->data);
    /* \K in a lookahead can put the begin behind the end (pcre2api(3)). */
    *ret_begin = v[0] < v[1] ? v[0] : v[1];
    *ret_end = v[1];
}
