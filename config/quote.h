#pragma once
/* Strings as YAML scalars, and strings fit for one. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum quote_check {
    QUOTE_OK,
    QUOTE_E_UTF8,   /* not UTF-8 (RFC 3629) */
    QUOTE_E_CONTROL /* has a control character */
};

enum quote_check quote_check(const char *text);
/* Plain where that reads back as the same string, else in double quotes with escapes. text is valid
 * UTF-8. */
void quote_write(FILE *f, const char *text);
/* In double quotes and on one line whatever it holds; at most max bytes of it, then "…". For
 * messages. */
void quote_show(FILE *f, const char *text, size_t max);
