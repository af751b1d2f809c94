#include "config/units.h"

#include <inttypes.h>
#include <strings.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first: formatting takes the first that divides. */
static const struct unit size_units[] = {
    {"TiB", 1ull << 40},
    {"TB", 1000000000000},
    {"GiB", 1ull << 30},
    {"GB", 1000000000},
    {"MiB", 1ull << 20},
    {"MB", 1000000},
    {"KiB", 1ull << 10},
    {"kB", 1000},
    {"KB", 1000},
    {"", 1},
    {"B", 1},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {"", 1000}, {NULL, 0},
};

/* Digits at the head of text; *ret_rest is what follows them. */
static enum units_result parse_digits(const char *text, uint64_t *ret, const char **ret_rest)
{
    if (*text < '0' || *text > '9')
        return UNITS_E_SYNTAX;
    if (text[0] == '0' && text[1] >= '0' && text[1] <= '9')
        return UNITS_E_SYNTAX; /* octal to some, decimal to others */
    uint64_t value = 0;
    bool is_too_large = false;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            is_too_large = true;
    }
    *ret_rest = text;
    if (is_too_large)
        return UNITS_E_RANGE;
    *ret = value;
    return UNITS_OK;
}

static enum units_result parse_with_units(const char *text, const struct unit *units, uint64_t *ret)
{
    uint64_t value = 0;
    const char *rest = "";
    enum units_result r = parse_digits(text, &value, &rest);
    if (r == UNITS_E_SYNTAX)
        return r;
    for (const struct unit *u = units; u->name; u++) {
        if (strcmp(u->name, rest) != 0)
            continue;
        if (r == UNITS_E_RANGE || __builtin_mul_overflow(value, u->factor, &value))
            return UNITS_E_RANGE;
        *ret = value;
        return UNITS_OK;
    }
    return UNITS_E_SYNTAX;
}

static void format_with_units(uint64_t value, const struct unit *units, char *ret_text)
{
    const struct unit *u = units;
    while (value % u->factor != 0)
        u++;
    (void)snprintf(ret_text, UNITS_TEXT_MAX, "%" PRIu64 "%s", value / u->factor,
                   value == 0 ? "" : u->name);
}

enum units_result units_parse_unsigned(const char *text, uint64_t *ret)
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    return parse_with_units(text, none, ret);
}

enum units_result units_parse_size(const char *text, uint64_t *ret_bytes)
{
    return parse_with_units(text, size_units, ret_bytes);
}

enum units_result units_parse_duration(const char *text, uint64_t *ret_ms)
{
    return parse_with_units(text, duration_units, ret_ms);
}

enum units_result units_parse_bool(const char *text, bool *ret)
{
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int is_true = 0; is_true <= 1; is_true++) {
            if (strcasecmp(text, words[i][is_true]) != 0)
                continue;
            *ret = is_true;
            return UNITS_OK;
        }
    }
    return UNITS_E_SYNTAX;
}

void units_format_size(uint64_t bytes, char ret_text[UNITS_TEXT_MAX])
{
    format_with_units(bytes, size_units, ret_text);
}

void units_format_duration(uint64_t ms, char ret_text[UNITS_TEXT_MAX])
{
    format_with_units(ms, duration_units, ret_text);
}
