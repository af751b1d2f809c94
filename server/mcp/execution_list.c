#include "server/mcp/execution_list.h"

#include <inttypes.h>
#include <stdio.h>

#include "state/base/id.h"

#define TIME_DIGITS 16 /* hexadecimal, always as many */

void execution_cursor_format(const struct execution_view *last, char ret[EXECUTION_CURSOR_MAX + 1])
{
    (void)snprintf(ret, EXECUTION_CURSOR_MAX + 1, "%0*" PRIx64 ".%s", TIME_DIGITS, last->created_us,
                   last->id);
}

static bool parse_time(const char *s, uint64_t *ret)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t v = 0;
    for (int i = 0; i < TIME_DIGITS; i++) {
        const char *digit = s[i] ? strchr(digits, s[i]) : NULL;
        if (!digit)
            return false;
        v = v << 4 | (uint64_t)(digit - digits);
    }
    *ret = v;
    return true;
}

bool execution_cursor_apply(const char *cursor, struct call *c)
{
    uint64_t created_us;
    if (!parse_time(cursor, &created_us) || cursor[TIME_DIGITS] != '.')
        return false;
    const char *id = cursor + TIME_DIGITS + 1;
    if (!id_is_valid(id))
        return false;
    c->list.before_us = created_us;
    memcpy(c->list.before_id, id, strlen(id) + 1);
    return true;
}

bool execution_cursor_next(const struct call *c, char ret[EXECUTION_CURSOR_MAX + 1])
{
    if (!c->has_more || c->n_views == 0)
        return false;
    execution_cursor_format(&c->views[c->n_views - 1], ret);
    return true;
}
