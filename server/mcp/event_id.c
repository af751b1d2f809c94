#include "server/mcp/event_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "state/base/macro.h"
#include "state/journal_format.h"

#define OFFSET_DIGITS 5
#define EVENT_DIGITS  18 /* so that no sum of a number and a few overflows */
static_assert(JOURNAL_RECORD_MAX <= 99999, "an offset in an event has five digits");

bool event_id_format(struct output_pos pos, char ret[EVENT_ID_MAX + 1])
{
    if (pos.event == 0) {
        ret[0] = '\0';
        return false;
    }
    if (pos.offset == 0)
        (void)snprintf(ret, EVENT_ID_MAX + 1, "%" PRIu64, pos.event - 1);
    else
        (void)snprintf(ret, EVENT_ID_MAX + 1, "%" PRIu64 ".%05" PRIu32, pos.event - 1, pos.offset);
    return true;
}

static uint64_t digits_value(const char *s, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (uint64_t)(s[i] - '0');
    return v;
}

bool event_id_parse(const char *id, struct output_pos *ret)
{
    static const char digits[] = "0123456789";
    size_t n = strspn(id, digits);
    struct output_pos pos = {0};
    if (n == 0 || n > EVENT_DIGITS || (n > 1 && id[0] == '0'))
        return false;
    pos.event = digits_value(id, n) + 1;
    if (id[n] == '.') {
        const char *offset = id + n + 1;
        if (strspn(offset, digits) != OFFSET_DIGITS)
            return false;
        pos.offset = (uint32_t)digits_value(offset, OFFSET_DIGITS);
        n += 1 + OFFSET_DIGITS;
        if (pos.offset == 0 || pos.offset >= JOURNAL_RECORD_MAX)
            return false;
    }
    if (id[n] != '\0')
        return false;
    *ret = pos;
    return true;
}
