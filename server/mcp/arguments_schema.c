/* The JSON Schema (2020-12) of a table of members. */
#include "server/mcp/arguments.h"

static const char *type_name(enum arg_type t)
{
    switch (t) {
    case ARG_STRING:
        return "string";
    case ARG_BOOLEAN:
        return "boolean";
    case ARG_INTEGER:
        return "integer";
    case ARG_NUMBER:
        return "number";
    case ARG_STRINGS:
    case ARG_OBJECTS:
        return "array";
    case ARG_STRING_MAP:
    case ARG_OBJECT:
        return "object";
    }
    abort();
}

static void add_type(cJSON *s, const struct arg *a)
{
    if (!(a->flags & ARG_NULLABLE)) {
        cJSON_AddStringToObject(s, "type", type_name(a->type));
        return;
    }
    cJSON *types = cJSON_AddArrayToObject(s, "type");
    cJSON_AddItemToArray(types, cJSON_CreateString(type_name(a->type)));
    cJSON_AddItemToArray(types, cJSON_CreateString("null"));
}

/* Rows carry these as JSON text; a row that is no JSON is our own mistake. */
static cJSON *parse_constant(const char *text)
{
    cJSON *v = cJSON_Parse(text);
    assert(v);
    return v;
}

static void add_string_bounds(cJSON *s, const struct arg *a, double max)
{
    if (a->min > 0)
        cJSON_AddNumberToObject(s, "minLength", a->min);
    if (max > 0)
        cJSON_AddNumberToObject(s, "maxLength", max);
    if (a->pattern)
        cJSON_AddStringToObject(s, "pattern", a->pattern);
    if (!a->values)
        return;
    cJSON *values = cJSON_AddArrayToObject(s, "enum");
    for (size_t i = 0; a->values[i]; i++)
        cJSON_AddItemToArray(values, cJSON_CreateString(a->values[i]));
    if (a->flags & ARG_NULLABLE)
        cJSON_AddItemToArray(values, cJSON_CreateNull());
}

static void add_number_bounds(cJSON *s, const struct arg *a, double max)
{
    if (a->min == 0 && max == 0)
        return; /* a result: any number */
    cJSON_AddNumberToObject(s, a->flags & ARG_ABOVE_MIN ? "exclusiveMinimum" : "minimum", a->min);
    cJSON_AddNumberToObject(s, "maximum", max);
}

/* Some clients refuse an array that does not say of what. */
static void add_items(cJSON *s)
{
    cJSON_AddStringToObject(cJSON_AddObjectToObject(s, "items"), "type", "string");
}

static void add_bounds(cJSON *s, const struct arg *a, const struct config *c)
{
    switch (a->type) {
    case ARG_STRING:
        return add_string_bounds(s, a, arg_max(a, c));
    case ARG_INTEGER:
    case ARG_NUMBER:
        return add_number_bounds(s, a, arg_max(a, c));
    case ARG_STRINGS:
        return add_items(s);
    case ARG_STRING_MAP:
        cJSON_AddStringToObject(cJSON_AddObjectToObject(s, "additionalProperties"), "type",
                                "string");
        return;
    case ARG_BOOLEAN:
    case ARG_OBJECT:
    case ARG_OBJECTS:
        return;
    }
}

static void fill_object(cJSON *s, const struct arg_set *set, const struct config *c);

static cJSON *member_schema(const struct arg *a, const struct config *c)
{
    cJSON *s = cJSON_CreateObject();
    add_type(s, a);
    if (a->description)
        cJSON_AddStringToObject(s, "description", a->description);
    add_bounds(s, a, c);
    if (a->header && c->execution_id_header)
        cJSON_AddStringToObject(s, "x-mcp-header", a->header);
    if (a->default_json)
        cJSON_AddItemToObject(s, "default", parse_constant(a->default_json));
    if (a->default_of)
        cJSON_AddNumberToObject(s, "default", a->default_of(c));
    if (a->type == ARG_OBJECT)
        fill_object(s, a->members, c);
    if (a->type == ARG_OBJECTS) {
        cJSON *items = cJSON_AddObjectToObject(s, "items");
        cJSON_AddStringToObject(items, "type", "object");
        fill_object(items, a->members, c);
    }
    return s;
}

/* The other spelling needs no words: nobody reads everything twice. */
static void add_camel_case(cJSON *properties, const struct arg *a)
{
    char camel[ARG_NAME_MAX];
    if (!arg_camel_case(a->name, camel))
        return;
    cJSON *s = cJSON_AddObjectToObject(properties, camel);
    add_type(s, a);
    if (a->type == ARG_STRINGS)
        add_items(s);
}

static void fill_object(cJSON *s, const struct arg_set *set, const struct config *c)
{
    cJSON *properties = cJSON_AddObjectToObject(s, "properties");
    cJSON *required = cJSON_CreateArray();
    for (size_t i = 0; i < set->n; i++) {
        const struct arg *a = &set->args[i];
        cJSON_AddItemToObject(properties, a->name, member_schema(a, c));
        if (set->takes_camel_case)
            add_camel_case(properties, a);
        if (a->flags & ARG_REQUIRED)
            cJSON_AddItemToArray(required, cJSON_CreateString(a->name));
    }
    if (cJSON_GetArraySize(required) > 0)
        cJSON_AddItemToObject(s, "required", required);
    else
        cJSON_Delete(required);
    if (!set->is_open)
        cJSON_AddFalseToObject(s, "additionalProperties");
}

cJSON *arguments_schema(const struct arg_set *set, const struct config *c)
{
    cJSON *s = cJSON_CreateObject();
    cJSON_AddStringToObject(s, "type", "object");
    fill_object(s, set, c);
    return s;
}
