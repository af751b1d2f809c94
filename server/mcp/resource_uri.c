#include "server/mcp/resource_uri.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "state/base/buf.h"
#include "state/base/id.h"
#include "state/journal_format.h"

#define FILES "files"

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

/* ---- the query ---- */

static bool parse_event(const char *s, const char *end, struct resource_uri *u)
{
    char id[EVENT_ID_MAX + 1];
    size_t n = (size_t)(end - s);
    if (n > EVENT_ID_MAX)
        return false;
    memcpy(id, s, n);
    id[n] = '\0';
    u->has_from_event = event_id_parse(id, &u->from_event);
    return u->has_from_event;
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
        return parse_number(value, end, &u->length) && u->length > 0; /* or there is no next */
    if (u->kind != RESOURCE_OUTPUT)
        return false;
    if (is_word(s, equals, "from_event"))
        return parse_event(value, end, u);
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
    return !u->has_from_event || u->offset == 0; /* one place to begin at */
}

/* ---- the path ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* RFC 3986, 2.1. False: no two digits behind a %, a NUL, or too long. */
static bool decode(const char *s, const char *end, char ret[FILE_PATH_MAX + 1])
{
    size_t n = 0;
    for (; s < end; s++) {
        int c = (unsigned char)*s;
        if (c == '%') {
            if (end - s < 3 || hex_digit(s[1]) < 0 || hex_digit(s[2]) < 0)
                return false;
            c = hex_digit(s[1]) << 4 | hex_digit(s[2]);
            s += 2;
        }
        if (c == 0 || n == FILE_PATH_MAX)
            return false;
        ret[n++] = (char)c;
    }
    ret[n] = '\0';
    return true;
}

static bool parse_file(const char *s, const char *end, struct resource_uri *u)
{
    char text[FILE_PATH_MAX + 1];
    const char *why;
    return decode(s, end, text) && text[0] != '/' && file_path_parse(text, NULL, u->path, &why);
}

static bool parse_what(const char *what, const char *end, struct resource_uri *u)
{
    size_t n = strlen(FILES);
    if (is_word(what, end, "output")) {
        u->kind = RESOURCE_OUTPUT;
        return true;
    }
    if (is_word(what, end, "status")) {
        u->kind = RESOURCE_STATUS;
        return *end == '\0';
    }
    if ((size_t)(end - what) < n || memcmp(what, FILES, n) != 0)
        return false;
    u->kind = RESOURCE_FILE;
    return what + n == end || (what[n] == '/' && parse_file(what + n + 1, end, u));
}

bool resource_uri_parse(const char *uri, struct resource_uri *ret)
{
    struct resource_uri u = {.length = UINT64_MAX};
    if (strncmp(uri, RESOURCE_SCHEME, strlen(RESOURCE_SCHEME)) != 0)
        return false;
    const char *id = uri + strlen(RESOURCE_SCHEME), *slash = strchr(id, '/');
    if (!slash || slash - id > EXECUTION_ID_MAX)
        return false;
    memcpy(u.id, id, (size_t)(slash - id));
    if (!id_is_valid(u.id))
        return false;
    const char *what = slash + 1, *end = strchrnul(what, '?');
    if (!parse_what(what, end, &u) || (*end && !parse_query(end + 1, &u)))
        return false;
    *ret = u;
    return true;
}

bool resource_uri_is_followed(const char *uri, struct resource_uri *ret)
{
    return !strchr(uri, '?') && resource_uri_parse(uri, ret) && ret->kind != RESOURCE_FILE;
}

/* ---- printing ---- */

/* Unreserved characters (RFC 3986, 2.3) and slashes stay. */
static void append_encoded(struct buf *b, const char *path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (; *path; path++) {
        if (strchr(plain, *path))
            buf_append_char(b, *path);
        else
            buf_printf(b, "%%%02X", (unsigned char)*path);
    }
}

char *resource_uri_of_file(const char *id, const char *path)
{
    struct buf b = {0};
    buf_printf(&b, RESOURCE_SCHEME "%s/" FILES "/", id);
    append_encoded(&b, path);
    return buf_steal(&b);
}

char *resource_uri_print(const struct resource_uri *u, uint64_t offset)
{
    struct buf b = {0};
    if (u->kind == RESOURCE_FILE) {
        CLEANUP(free_p) char *file = resource_uri_of_file(u->id, u->path);
        buf_append_str(&b, file);
    } else {
        buf_printf(&b, RESOURCE_SCHEME "%s/%s", u->id,
                   u->kind == RESOURCE_OUTPUT ? "output" : "status");
    }
    if (u->kind == RESOURCE_STATUS)
        return buf_steal(&b);
    buf_printf(&b, "?offset=%" PRIu64, offset);
    if (u->length != UINT64_MAX)
        buf_printf(&b, "&length=%" PRIu64, u->length);
    if (u->stream)
        buf_printf(&b, "&stream=%s", u->stream == JOURNAL_STDOUT ? "stdout" : "stderr");
    return buf_steal(&b);
}
