#include "config/value.h"

#include <assert.h>
#include <inttypes.h>

#include "config/profile.h"
#include "config/quote.h"
#include "config/runtime.h"
#include "config/string_list.h"
#include "config/units.h"

#define SHOWN_MAX 60 /* bytes of a bad value that a message repeats */

static void *field(struct config *c, const struct config_key *k)
{
    return (char *)c + k->offset;
}

/* Fields of numbers differ in width; the table knows it. */
static void store_number(struct config *c, const struct config_key *k, uint64_t value)
{
    void *at = field(c, k);
    assert(value <= k->max || k->type == CONFIG_T_ENUM);
    if (k->width == sizeof(uint16_t))
        *(uint16_t *)at = (uint16_t)value;
    else if (k->width == sizeof(uint32_t))
        *(uint32_t *)at = (uint32_t)value;
    else
        *(uint64_t *)at = value;
}

static uint64_t load_number(const struct config *c, const struct config_key *k)
{
    const void *at = (const char *)c + k->offset;
    if (k->width == sizeof(uint16_t))
        return *(const uint16_t *)at;
    if (k->width == sizeof(uint32_t))
        return *(const uint32_t *)at;
    return *(const uint64_t *)at;
}

bool config_type_is_scalar(enum config_type type)
{
    return type != CONFIG_T_LIST && type != CONFIG_T_RUNTIMES && type != CONFIG_T_PROFILES;
}

static bool is_string(enum config_type type)
{
    return type == CONFIG_T_STRING || type == CONFIG_T_SECRET || type == CONFIG_T_URL;
}

char **config_value_string(struct config *c, const struct config_key *k)
{
    assert(is_string(k->type));
    return field(c, k);
}

static void free_string(char **s, bool is_secret)
{
    if (*s && is_secret)
        explicit_bzero(*s, strlen(*s));
    free(*s);
    *s = NULL;
}

/* Text to values. */

static bool set_string(struct config *c, const struct config_key *k, const char *text,
                       struct config_problem *p)
{
    if (!*text && k->preset && !k->can_be_empty)
        return config_refuse(p, "is empty (leave it out for the default, %s)", k->preset);
    if (!string_list_check_text(text, false, p))
        return false;
    char **s = config_value_string(c, k);
    free_string(s, k->type != CONFIG_T_STRING);
    *s = *text || k->can_be_empty ? mem_strdup(text) : NULL;
    return true;
}

static bool set_bool(struct config *c, const struct config_key *k, const char *text,
                     struct config_problem *p)
{
    bool value = false;
    if (units_parse_bool(text, &value) != UNITS_OK)
        return config_refuse(p, "is neither true nor false");
    *(bool *)field(c, k) = value;
    return true;
}

static bool set_enum(struct config *c, const struct config_key *k, const char *text,
                     struct config_problem *p)
{
    for (const struct config_choice *i = k->choices; i->name; i++) {
        if (strcmp(i->name, text) == 0) {
            store_number(c, k, (uint64_t)i->value);
            return true;
        }
    }
    (void)config_refuse(p, "is not one of ");
    for (const struct config_choice *i = k->choices; i->name; i++) {
        size_t len = strlen(p->text);
        (void)snprintf(p->text + len, sizeof(p->text) - len, "%s%s", i->name,
                       i[1].name ? ", " : "");
    }
    return false;
}

static enum units_result parse_number(enum config_type type, const char *text, uint64_t *ret)
{
    if (type == CONFIG_T_SIZE)
        return units_parse_size(text, ret);
    if (type == CONFIG_T_DURATION)
        return units_parse_duration(text, ret);
    return units_parse_unsigned(text, ret);
}

void config_value_format_number(enum config_type type, uint64_t value, char text[UNITS_TEXT_MAX])
{
    if (type == CONFIG_T_SIZE)
        units_format_size(value, text);
    else if (type == CONFIG_T_DURATION)
        units_format_duration(value, text);
    else
        (void)snprintf(text, UNITS_TEXT_MAX, "%" PRIu64, value);
}

/* "64X is not a size (try 64MiB)": the way out keeps the operator's digits where there are some. */
static bool refuse_number(const struct config_key *k, const char *text, struct config_problem *p)
{
    int n = (int)strspn(text, "0123456789");
    const char *digits = n > 0 && n <= 4 && text[0] != '0' ? text : NULL;
    if (k->type == CONFIG_T_SIZE)
        return config_refuse(p, "is not a size (try %.*sMiB)", digits ? n : 2,
                             digits ? digits : "64");
    if (k->type == CONFIG_T_DURATION)
        return config_refuse(p, "is not a duration (try %.*ss or 500ms, 5m, 1h, 7d)",
                             digits ? n : 2, digits ? digits : "10");
    return config_refuse(p, "is not %s (%" PRIu64 " to %" PRIu64 ")", config_type_name(k->type),
                         k->min, k->max);
}

static bool set_number(struct config *c, const struct config_key *k, const char *text,
                       struct config_problem *p)
{
    uint64_t value = UINT64_MAX;
    if (parse_number(k->type, text, &value) == UNITS_E_SYNTAX)
        return refuse_number(k, text, p);
    if (value < k->min || value > k->max) { /* UNITS_E_RANGE left the maximum there */
        char min[UNITS_TEXT_MAX], max[UNITS_TEXT_MAX];
        config_value_format_number(k->type, k->min, min);
        config_value_format_number(k->type, k->max, max);
        return config_refuse(p, "is out of range (%s to %s)", min, max);
    }
    store_number(c, k, value);
    return true;
}

bool config_value_set_text(struct config *c, const struct config_key *k, const char *text,
                           struct config_problem *ret_problem)
{
    if (!text && (!is_string(k->type) || k->preset))
        return config_refuse(ret_problem, "has no value (leave the line out for the default, %s)",
                             k->preset);
    switch (k->type) {
    case CONFIG_T_STRING:
    case CONFIG_T_SECRET:
    case CONFIG_T_URL:
        return set_string(c, k, text ? text : "", ret_problem);
    case CONFIG_T_BOOL:
        return set_bool(c, k, text, ret_problem);
    case CONFIG_T_UNSIGNED:
    case CONFIG_T_PORT:
    case CONFIG_T_SIZE:
    case CONFIG_T_DURATION:
        return set_number(c, k, text, ret_problem);
    case CONFIG_T_ENUM:
        return set_enum(c, k, text, ret_problem);
    case CONFIG_T_LIST:
    case CONFIG_T_RUNTIMES:
    case CONFIG_T_PROFILES:
        break;
    }
    abort();
}

bool config_value_set_list(struct config *c, const struct config_key *k,
                           const struct yaml_tree *node, struct config_problem *ret_problem)
{
    assert(k->type == CONFIG_T_LIST);
    if (!string_list_check(node, false, ret_problem))
        return false;
    struct config_strings *list = field(c, k);
    string_list_free(list->v);
    list->n = node->n_items;
    list->v = list->n ? string_list_copy(node) : NULL;
    return true;
}

/* Values to text. */

/* A URL without who may use it. */
static char *mask_url(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *at = strrchr(url, '@');
    if (!at)
        return mem_strdup(url);
    return mem_format("%.*s***%s", scheme && scheme < at ? (int)(scheme + 3 - url) : 0, url, at);
}

static char *mask(const struct config_key *k, const char *text)
{
    if (k->type == CONFIG_T_SECRET && *text)
        return mem_strdup("***");
    return k->type == CONFIG_T_URL ? mask_url(text) : mem_strdup(text);
}

static void write_string(FILE *f, const struct config_key *k, const char *s)
{
    CLEANUP(mem_free_p) char *masked = s ? mask(k, s) : NULL;
    if (masked)
        quote_write(f, masked);
}

void config_value_write(FILE *f, const struct config *c, const struct config_key *k)
{
    const void *at = (const char *)c + k->offset;
    if (is_string(k->type)) {
        write_string(f, k, *(char *const *)at);
    } else if (k->type == CONFIG_T_BOOL) {
        (void)fputs(*(const bool *)at ? "true" : "false", f);
    } else if (k->type == CONFIG_T_LIST) {
        string_list_write(f, ((const struct config_strings *)at)->v);
    } else if (k->type == CONFIG_T_ENUM) {
        const struct config_choice *i = k->choices;
        while ((uint64_t)i->value != load_number(c, k))
            i++;
        (void)fputs(i->name, f);
    } else {
        char text[UNITS_TEXT_MAX];
        config_value_format_number(k->type, load_number(c, k), text);
        (void)fputs(text, f);
    }
}

char *config_value_show(const struct config_key *k, const char *text)
{
    CLEANUP(mem_free_p) char *masked = mask(k, text);
    char *shown = NULL;
    size_t len = 0;
    FILE *f = mem_stream(&shown, &len);
    quote_show(f, masked, SHOWN_MAX);
    if (fclose(f) != 0)
        abort();
    return shown;
}

void config_value_deinit(struct config *c, const struct config_key *k)
{
    if (is_string(k->type)) {
        free_string(config_value_string(c, k), k->type != CONFIG_T_STRING);
    } else if (k->type == CONFIG_T_LIST) {
        string_list_free(((struct config_strings *)field(c, k))->v);
    } else if (k->type == CONFIG_T_RUNTIMES) {
        config_runtime_free_all(c);
    } else if (k->type == CONFIG_T_PROFILES) {
        config_profile_free_all(c);
    }
}
