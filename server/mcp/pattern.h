#pragma once
/*
 * A client's regular expression (PCRE2, UTF-8, ^ and $ at every line). What it may cost is bounded:
 * steps and memory of each match. Owned by one request.
 */
#include <stdbool.h>

#include "state/base/macro.h"

#define PATTERN_MAX      1000  /* bytes of an expression */
#define PATTERN_TEXT_MAX 16384 /* bytes of a text to match: its cost may grow with their square */

struct pattern;

/* NULL, and *ret_error is malloc'd text, when the expression isn't one. */
struct pattern *pattern_new(const char *expression, char **ret_error);
struct pattern *pattern_free(struct pattern *p);
void pattern_freep(struct pattern **p);

enum pattern_verdict {
    PATTERN_NO = 0,
    PATTERN_YES,
    PATTERN_E_COST /* gave up: too many steps or too much memory for this text */
};
/* Any bytes may come: what is no UTF-8 matches nothing. at_line_begin: ^ holds at data. */
MUST_USE enum pattern_verdict pattern_match(struct pattern *p, const char *data, size_t len,
                                            bool at_line_begin);
/* Where the last PATTERN_YES was. */
void pattern_span(const struct pattern *p, size_t *ret_begin, size_t *ret_end);
