#include "server/mcp/arguments.h"

#include <ctype.h>
#include <stdio.h>

#include "config/nearest.h"
#include "state/base/buf.h"

#define SHOWN_VALUE_MAX 60                 /* characters of a wrong value that an error repeats */
#define INTEGER_MAX     9007199254740992.0 /* 2^53: RFC 8259 section 6 */
#define PATH_MAX_BYTES  128

double arg_max(const struct arg *a, const struct config *c)
{
    return a->max_of ? a->max_of(c) : a->max;
}

bool arg_camel_case(const char *name, char ret[ARG_NAME_MAX])
{
    size_t n = 0;
    bool is_changed = false;
    for (const char *p = name; *p && n + 1 < ARG_NAME_MAX; p++) {
        if (*p == '_' && p[1]) {
            is_changed = true;
            ret[n++] = (char)toupper((unsigned char)*++p);
        } else {
            ret[n++] = *p;
        }
    }
    ret[n] = '\0';
    return is_changed;
}

const cJSON *arguments_get(const struct arg_set *set, const cJSON *o, const char *name)
{
    char camel[ARG_NAME_MAX];
    const cJSON *v = json_get(o, name);
    if (!v && set->takes_camel_case && arg_camel_case(name, camel))
        v = json_get(o, camel);
    return cJSON_IsNull(v) ? NULL : v;
}

bool arg_is_visible_ascii(const char *s)
{
    while (*s > ' ' && *s <= '~')
        s++;
    return *s == '\0';
}

bool arg_bool(const cJSON *o, const char *name, bool otherwise)
{
    bool v = otherwise;
    (void)json_get_bool(o, name, &v);
    return v;
}

const char *arg_str(const cJSON *o, const char *name)
{
    const char *v = NULL;
    (void)json_get_str(o, name, &v);
    return v;
}

double arg_number(const cJSON *o, const char *name, double otherwise)
{
    double v = otherwise;
    (void)json_get_number(o, name, &v);
    return v;
}

static bool is_named(const struct arg_set *set, const struct arg *a, const char *name)
{
    char camel[ARG_NAME_MAX];
    if (strcmp(a->name, name) == 0)
        return true;
    return set->takes_camel_case && arg_camel_case(a->name, camel) && strcmp(camel, name) == 0;
}

static char *unknown_error(const struct arg_set *set, const char *path, const char *name)
{
    struct nearest nearest = {0};
    struct buf b = {0};
    char camel[ARG_NAME_MAX], camel_name[ARG_NAME_MAX];
    buf_printf(&b, "unknown argument \"%s%.*s\"", path, SHOWN_VALUE_MAX, name);
    for (size_t i = 0; i < set->n; i++) {
        (void)nearest_offer(&nearest, name, set->args[i].name);
        if (set->takes_camel_case && arg_camel_case(set->args[i].name, camel) &&
            nearest_offer(&nearest, name, camel))
            nearest.word = memcpy(camel_name, camel, sizeof(camel));
    }
    if (nearest.word) {
        buf_printf(&b, ": did you mean \"%s%s\"?", path, nearest.word);
        return buf_steal(&b);
    }
    buf_append_str(&b, set->n > 0 ? ": known are" : ": there are none");
    for (size_t i = 0; i < set->n; i++)
        buf_printf(&b, "%s %s%s", i ? "," : "", path, set->args[i].name);
    return buf_steal(&b);
}

static void expect_string(struct buf *b, const struct arg *a, double max)
{
    if (a->values) {
        buf_append_str(b, "one of");
        for (size_t i = 0; a->values[i]; i++)
            buf_printf(b, "%s \"%s\"", i ? "," : "", a->values[i]);
    } else if (a->form) {
        buf_append_str(b, a->form);
    } else if (max > 0) {
        buf_printf(b, "a string of %s%.0f bytes", a->min > 0 ? "1 to " : "at most ", max);
    } else {
        buf_append_str(b, a->min > 0 ? "a string that is not empty" : "a string");
    }
}

/* What would be right, in words. */
static void expect(struct buf *b, const struct arg *a, const struct config *c)
{
    double max = arg_max(a, c);
    switch (a->type) {
    case ARG_STRING:
        return expect_string(b, a, max);
    case ARG_BOOLEAN:
        return buf_append_str(b, "true or false");
    case ARG_INTEGER:
    case ARG_NUMBER:
        return buf_printf(b, "%s %s %.10g %s %.10g",
                          a->type == ARG_INTEGER ? "an integer" : "a number",
                          a->flags & ARG_ABOVE_MIN ? "above" : "from", a->min,
                          a->flags & ARG_ABOVE_MIN ? "and at most" : "to", max);
    case ARG_STRINGS:
        return buf_append_str(b, "an array of strings");
    case ARG_STRING_MAP:
        return buf_append_str(b, "an object whose values are strings");
    case ARG_OBJECT:
        return buf_append_str(b, "an object");
    case ARG_OBJECTS:
        return buf_append_str(b, "an array of objects");
    }
}

static char *value_error(const struct arg *a, const struct config *c, const char *path,
                         const cJSON *v)
{
    struct buf b = {0};
    CLEANUP(free_p) char *shown = json_print(v);
    size_t len = strlen(shown);
    buf_printf(&b, "%s%s must be ", path, a->name);
    expect(&b, a, c);
    if (a->max_key && !(a->type == ARG_STRING && !cJSON_IsString(v)))
        buf_printf(&b, " (the operator's %s)", a->max_key);
    if (cJSON_IsString(v) && a->type == ARG_STRING && len > SHOWN_VALUE_MAX)
        buf_printf(&b, ", not %zu bytes", strlen(v->valuestring));
    else
        buf_printf(&b, ", not %.*s%s", SHOWN_VALUE_MAX, shown, len > SHOWN_VALUE_MAX ? "…" : "");
    return buf_steal(&b);
}

static bool is_string_ok(const struct arg *a, const struct config *c, const char *s)
{
    double len = (double)strlen(s), max = arg_max(a, c);
    if (len < a->min || (max > 0 && len > max))
        return false;
    if (a->is_valid && !a->is_valid(s))
        return false;
    if (!a->values)
        return true;
    for (size_t i = 0; a->values[i]; i++)
        if (strcmp(a->values[i], s) == 0)
            return true;
    return false;
}

static bool is_number_ok(const struct arg *a, const struct config *c, double v)
{
    if (a->type == ARG_INTEGER && (v > INTEGER_MAX || v < -INTEGER_MAX || v != (double)(int64_t)v))
        return false;
    return (a->flags & ARG_ABOVE_MIN ? v > a->min : v >= a->min) && v <= arg_max(a, c);
}

static bool are_strings(const cJSON *v)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, v) if (!cJSON_IsString(item)) return false;
    return true;
}

static bool is_value_ok(const struct arg *a, const struct config *c, const cJSON *v)
{
    switch (a->type) {
    case ARG_STRING:
        return cJSON_IsString(v) && is_string_ok(a, c, v->valuestring);
    case ARG_BOOLEAN:
        return cJSON_IsBool(v);
    case ARG_INTEGER:
    case ARG_NUMBER:
        return cJSON_IsNumber(v) && is_number_ok(a, c, v->valuedouble);
    case ARG_STRINGS:
        return cJSON_IsArray(v) && are_strings(v);
    case ARG_STRING_MAP:
        return cJSON_IsObject(v) && are_strings(v);
    case ARG_OBJECT:
        return cJSON_IsObject(v);
    case ARG_OBJECTS:
        return cJSON_IsArray(v);
    }
    return false;
}

static char *check_set(const struct arg_set *set, const struct config *c, const char *path,
                       const cJSON *o);

static char *check_members(const struct arg *a, const struct config *c, const char *path,
                           const cJSON *v)
{
    char inner[PATH_MAX_BYTES];
    (void)snprintf(inner, sizeof(inner), "%s%s.", path, a->name);
    if (a->type == ARG_OBJECT)
        return check_set(a->members, c, inner, v);
    const cJSON *item;
    cJSON_ArrayForEach(item, v)
    {
        char *error = cJSON_IsObject(item) ? check_set(a->members, c, inner, item)
                                           : value_error(a, c, path, v);
        if (error)
            return error;
    }
    return NULL;
}

static char *check_one(const struct arg_set *set, const struct config *c, const char *path,
                       const cJSON *member)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct arg *a = &set->args[i];
        if (!is_named(set, a, member->string))
            continue;
        if (cJSON_IsNull(member))
            return NULL; /* as if absent, see check_presence() */
        if (!is_value_ok(a, c, member))
            return value_error(a, c, path, member);
        return a->members ? check_members(a, c, path, member) : NULL;
    }
    return unknown_error(set, path, member->string);
}

/* A required argument that is absent, or one that came in both spellings. */
static char *check_presence(const struct arg_set *set, const struct arg *a, const char *path,
                            const cJSON *o)
{
    struct buf b = {0};
    char camel[ARG_NAME_MAX];
    const cJSON *v = json_get(o, a->name);
    if (v && set->takes_camel_case && arg_camel_case(a->name, camel) && json_get(o, camel)) {
        buf_printf(&b, "%s%s is given twice, also as %s%s: leave one out", path, a->name, path,
                   camel);
        return buf_steal(&b);
    }
    if (!(a->flags & ARG_REQUIRED) || arguments_get(set, o, a->name))
        return NULL;
    buf_printf(&b, "%s%s is required: %s", path, a->name, a->description);
    return buf_steal(&b);
}

static char *check_set(const struct arg_set *set, const struct config *c, const char *path,
                       const cJSON *o)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, o)
    {
        char *error = check_one(set, c, path, member);
        if (error)
            return error;
    }
    for (size_t i = 0; i < set->n; i++) {
        char *error = check_presence(set, &set->args[i], path, o);
        if (error)
            return error;
    }
    return NULL;
}

char *arguments_check(const struct arg_set *set, const struct config *c, const cJSON *o)
{
    return check_set(set, c, "", o);
}
