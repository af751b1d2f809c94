#include "server/http/head.h"

#include <string.h>
#include <strings.h>

static bool is_field(const char *line, size_t len, const char *name)
{
    size_t n = strlen(name);

    return len > n && line[n] == ':' && strncasecmp(line, name, n) == 0;
}

static void note_field(const char *line, size_t len, struct head *h)
{
    h->is_folded |= line[0] == ' ' || line[0] == '\t';
    h->n_host += is_field(line, len, "host");
    h->n_length += is_field(line, len, "content-length");
    h->n_encoding += is_field(line, len, "transfer-encoding");
}

struct head head_scan(const char *begin, const char *end)
{
    struct head h = {0};
    const char *p = begin;

    /* One empty line before the request is to be ignored (RFC 9112 2.2), and h2o does. */
    if (end - p >= 2 && p[0] == '\r' && p[1] == '\n')
        p += 2;
    for (bool is_request_line = true; p < end; is_request_line = false) {
        const char *line = p, *lf = memchr(p, '\n', (size_t)(end - p));

        if (!lf)
            break;
        size_t len = (size_t)(lf - line);
        p = lf + 1;
        if (len > 0 && line[len - 1] == '\r')
            len--;
        else
            h.has_bare_lf = true;
        if (len == 0)
            break;
        if (!is_request_line)
            note_field(line, len, &h);
    }
    h.bytes = (size_t)(p - begin);
    return h;
}
