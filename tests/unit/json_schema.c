#include "tests/unit/json_schema.h"

#include "state/base/buf.h"

static const char *type_of(const cJSON *v)
{
    if (cJSON_IsString(v))
        return "string";
    if (cJSON_IsBool(v))
        return "boolean";
    if (cJSON_IsNull(v))
        return "null";
    if (cJSON_IsArray(v))
        return "array";
    if (cJSON_IsObject(v))
        return "object";
    return v->valuedouble == (double)(int64_t)v->valuedouble ? "integer" : "number";
}

static bool is_type(const char *wanted, const cJSON *v)
{
    const char *type = type_of(v);
    return strcmp(wanted, type) == 0 ||
           (strcmp(wanted, "number") == 0 && strcmp(type, "integer") == 0);
}

static bool has_type(const cJSON *types, const cJSON *v)
{
    const cJSON *t;
    if (cJSON_IsString(types))
        return is_type(types->valuestring, v);
    cJSON_ArrayForEach(t, types) if (is_type(t->valuestring, v)) return true;
    return !types;
}

static bool is_among(const cJSON *values, const cJSON *v)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, values) if (cJSON_Compare(item, v, true)) return true;
    return !values;
}

static bool is_within(const cJSON *schema, const cJSON *v)
{
    double bound;
    double size = cJSON_IsString(v) ? (double)strlen(v->valuestring) : v->valuedouble;
    if (json_get_number(schema, cJSON_IsString(v) ? "minLength" : "minimum", &bound) &&
        size < bound)
        return false;
    if (json_get_number(schema, "exclusiveMinimum", &bound) && size <= bound)
        return false;
    return !json_get_number(schema, cJSON_IsString(v) ? "maxLength" : "maximum", &bound) ||
           size <= bound;
}

static char *complain(const char *what, const cJSON *v)
{
    struct buf b = {0};
    CLEANUP(free_p) char *text = json_print(v);
    buf_printf(&b, "%s: %s: %.200s", v->string ? v->string : "it", what, text);
    return buf_steal(&b);
}

static char *check_object(const cJSON *schema, const cJSON *v)
{
    const cJSON *properties = json_get(schema, "properties"), *name, *member;
    const cJSON *additional = json_get(schema, "additionalProperties");
    cJSON_ArrayForEach(
        name,
        json_get(
            schema,
            "required")) if (!json_get(v, name->valuestring)) return complain(name->valuestring, v);
    cJSON_ArrayForEach(member, v)
    {
        const cJSON *s = json_get(properties, member->string);
        if (!s && !cJSON_IsObject(additional))
            return complain("not in the schema", member);
        char *error = json_schema_check(s ? s : additional, member);
        if (error)
            return error;
    }
    return NULL;
}

char *json_schema_check(const cJSON *schema, const cJSON *value)
{
    const cJSON *item;
    if (!has_type(json_get(schema, "type"), value))
        return complain("wrong type", value);
    if (!is_among(json_get(schema, "enum"), value))
        return complain("none of the values", value);
    if (cJSON_IsObject(value))
        return check_object(schema, value);
    if (!cJSON_IsArray(value))
        return is_within(schema, value) ? NULL : complain("out of bounds", value);
    cJSON_ArrayForEach(item, value)
    {
        char *error = json_schema_check(json_get(schema, "items"), item);
        if (error)
            return error;
    }
    return NULL;
}
