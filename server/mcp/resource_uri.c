#include <errno.h>
#include <inttypes.h>

#include "server/mcp/resource_exec.h"
#include "state/base/id.h"
#include "state/journal_format.h"

/* Decimal digits up to `end`, fewer than overflow. */
static bool parse_number(const char *s, const char *end, uint64_t *ret)
{
    uint64_t v = 0;
    if (s == end || end - s > 18)
        return false;
    for (; s < end; s++) {
        if (*s < '0' || *s > '9')
            return false;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    *ret = v;
    return true;
}

static bool is_word(const char *s, const char *end, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(end - s) == n && memcmp(s, word, n) == 0;
}

static bool parse_pair(const char *s, const char *end, struct resource_uri *u)
{
    const char *equals = memchr(s, '=', (size_t)(end - s));
    if (!equals)
        return false;
    const char *value = equals + 1;
    if (is_word(s, equals, "offset"))
        return parse_number(value, end, &u->offset);
    if (is_word(s, equals, "length"))
        return parse_number(value, end, &u->length);
    if (!is_word(s, equals, "stream"))
        return false;
    u->stream = is_word(value, end, "stdout")   ? JOURNAL_STDOUT
                : is_word(value, end, "stderr") ? JOURNAL_STDERR
                                                : 0;
    return u->stream != 0;
}

static bool parse_query(const char *query, struct resource_uri *u)
{
    while (*query) {
        const char *end = strchrnul(query, '&');
        if (!parse_pair(query, end, u))
            return false;
        query = *end ? end + 1 : end;
    }
    return true;
}

bool resource_uri_parse(const char *uri, struct resource_uri *ret)
{
    static const char scheme[] = "exec://";
    struct resource_uri u = {.length = UINT64_MAX};
    if (strncmp(uri, scheme, sizeof(scheme) - 1) != 0)
        return false;
    const char *id = uri + sizeof(scheme) - 1, *slash = strchr(id, '/');
    if (!slash || slash - id > EXECUTION_ID_MAX)
        return false;
    memcpy(u.id, id, (size_t)(slash - id));
    if (!id_is_valid(u.id))
        return false;
    const char *what = slash + 1, *end = strchrnul(what, '?');
    if (is_word(what, end, "output"))
        u.kind = RESOURCE_OUTPUT;
    else if (is_word(what, end, "status") && !*end)
        u.kind = RESOURCE_STATUS;
    else
        return false;
    if (*end && !parse_query(end + 1, &u))
        return false;
    *ret = u;
    return true;
}

bool resource_uri_is_followed(const char *uri, struct resource_uri *ret)
{
    return !strchr(uri, '?') && resource_uri_parse(uri, ret);
}
