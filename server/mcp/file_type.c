#include "server/mcp/file_type.h"

#include <string.h>
#include <strings.h>

#include "state/base/macro.h"
#include "state/base/utf8.h"

/* Which extensions mean what for text; other text is text/plain. IANA media types; the last ones
 * are usual and not registered. */
static const struct {
    const char *extension, *type;
} texts[] = {
    {"css", "text/css"},        {"csv", "text/csv"},          {"htm", "text/html"},
    {"html", "text/html"},      {"js", "text/javascript"},    {"json", "application/json"},
    {"md", "text/markdown"},    {"mjs", "text/javascript"},   {"svg", "image/svg+xml"},
    {"xml", "application/xml"}, {"yaml", "application/yaml"}, {"yml", "application/yaml"},
    {"c", "text/x-c"},          {"py", "text/x-python"},      {"sh", "text/x-shellscript"},
};

struct magic {
    const char *bytes;
    size_t len;
    const char *type;
};
#define MAGIC(b, t)                                     \
    {                                                   \
        .bytes = (b), .len = sizeof(b) - 1, .type = (t) \
    }

static const struct magic images[] = {
    MAGIC("\x89PNG\r\n\x1a\n", "image/png"),
    MAGIC("\xff\xd8\xff", "image/jpeg"),
    MAGIC("GIF87a", "image/gif"),
    MAGIC("GIF89a", "image/gif"),
};
static const struct magic binaries[] = {
    MAGIC("%PDF-", "application/pdf"),
    MAGIC("PK\x03\x04", "application/zip"),
    MAGIC("\x1f\x8b", "application/gzip"),
};

static const char *find_magic(const struct magic *table, size_t n, const void *begin, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        if (len >= table[i].len && memcmp(begin, table[i].bytes, table[i].len) == 0)
            return table[i].type;
    }
    return NULL;
}

const char *file_image_type(const void *begin, size_t len)
{
    const char *type = find_magic(images, ARRAY_LEN(images), begin, len);

    if (!type && len >= 12 && memcmp(begin, "RIFF", 4) == 0 &&
        memcmp((const char *)begin + 8, "WEBP", 4) == 0)
        type = "image/webp";
    return type;
}

const char *file_type(const char *name, const void *begin, size_t len, bool is_text)
{
    const char *type = file_image_type(begin, len), *dot = strrchr(name, '.');

    if (!type)
        type = find_magic(binaries, ARRAY_LEN(binaries), begin, len);
    if (type)
        return type;
    for (size_t i = 0; is_text && dot && i < ARRAY_LEN(texts); i++) {
        if (strcasecmp(dot + 1, texts[i].extension) == 0)
            return texts[i].type;
    }
    return is_text ? "text/plain" : "application/octet-stream";
}

bool file_is_text(const void *data, size_t len)
{
    return len == 0 || (utf8_is_valid(data, len) && !memchr(data, '\0', len));
}
