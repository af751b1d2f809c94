#include "config/quote.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Decodes one character (RFC 3629: shortest form, no surrogates, at most U+10FFFF). Returns its
 * bytes, 0 when it is none. */
static size_t decode(const char *text, uint32_t *ret)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (len == 0 || s[0] > 0xf4)
        return 0;
    uint32_t c = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0; /* also at the NUL */
        c = c << 6 | (s[i] & 0x3f);
    }
    if ((len == 3 && c < 0x800) || (len == 4 && (c < 0x10000 || c > 0x10ffff)) ||
        (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return len;
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* May stand for itself between double quotes (YAML 1.1, 5.1 and 5.4: printable and no break). */
static bool is_literal(uint32_t c)
{
    if (is_control(c) || c == '"' || c == '\\')
        return false;
    return c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff;
}

enum quote_check quote_check(const char *text)
{
    enum quote_check r = QUOTE_OK;
    while (*text) {
        uint32_t c = 0;
        size_t len = decode(text, &c);
        if (len == 0)
            return QUOTE_E_UTF8;
        if (is_control(c))
            r = QUOTE_E_CONTROL;
        text += len;
    }
    return r;
}

static bool is_plain(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0)
            return false;
    }
    size_t first = text[0] == '-' ? 1 : 0; /* "-c" is a word, "- c" would be a list */
    if (!isalnum((unsigned char)text[first]) && text[first] != '/' && text[first] != '_')
        return false;
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr("/_.+-@%", *text))
            return false;
    }
    return true;
}

static void write_escape(FILE *f, uint32_t c)
{
    if (c == '"' || c == '\\')
        (void)fprintf(f, "\\%c", (char)c);
    else if (c == '\n')
        (void)fputs("\\n", f);
    else if (c == '\t')
        (void)fputs("\\t", f);
    else if (c < 0x100)
        (void)fprintf(f, "\\x%02X", (unsigned)c);
    else
        (void)fprintf(f, "\\u%04X", (unsigned)c);
}

static void write_quoted(FILE *f, const char *text, const char *end)
{
    (void)fputc('"', f);
    while (text < end) {
        uint32_t c = 0;
        size_t len = decode(text, &c);
        if (len == 0) { /* only in messages */
            c = (unsigned char)*text;
            write_escape(f, c);
            text++;
            continue;
        }
        if (is_literal(c))
            (void)fwrite(text, 1, len, f);
        else
            write_escape(f, c);
        text += len;
    }
    (void)fputc('"', f);
}

void quote_write(FILE *f, const char *text)
{
    if (is_plain(text))
        (void)fputs(text, f);
    else
        write_quoted(f, text, text + strlen(text));
}

void quote_show(FILE *f, const char *text, size_t max)
{
    size_t len = strlen(text);
    if (len <= max) {
        write_quoted(f, text, text + len);
        return;
    }
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    write_quoted(f, text, text + max);
    (void)fputs("…", f);
}
