#include "state/base/json.h"

#include <math.h>
#include <string.h>

#include "state/base/json_scan.h"
#include "state/base/json_string.h"

enum json_error json_parse(const char *text, size_t len, cJSON **ret, size_t *ret_error_at)
{
    enum json_error e = json_scan(text, len, ret_error_at);
    if (e)
        return e;

    cJSON *v = cJSON_ParseWithLengthOpts(text, len, NULL, false);
    if (!v) {
        *ret_error_at = 0;
        return JSON_E_SYNTAX;
    }
    *ret = v;
    return JSON_OK;
}

const char *json_error_name(enum json_error e)
{
    switch (e) {
    case JSON_OK:
        return "no error";
    case JSON_E_SYNTAX:
        return "not valid JSON";
    case JSON_E_UTF8:
        return "not valid UTF-8, or a lone surrogate";
    case JSON_E_DUPLICATE:
        return "the same key twice in one object";
    case JSON_E_DEPTH:
        return "nested too deep";
    case JSON_E_NUL:
        return "\\u0000 in a string";
    }
    abort();
}

/* The following walk over text that is known to be JSON; each still stops at `len`. */

static size_t skip_blanks(const char *text, size_t len, size_t pos)
{
    while (pos < len && strchr(" \t\n\r", text[pos]) && text[pos] != '\0')
        pos++;
    return pos;
}

/* From an opening quote to behind the closing one. */
static size_t skip_string(const char *text, size_t len, size_t pos)
{
    for (pos++; pos < len && text[pos] != '"'; pos++) {
        if (text[pos] == '\\')
            pos++;
    }
    return pos < len ? pos + 1 : len;
}

/* From the first byte of a value to behind its last one. */
static size_t skip_value(const char *text, size_t len, size_t pos)
{
    size_t depth = 0;

    while (pos < len) {
        char c = text[pos];
        if (c == '"') {
            pos = skip_string(text, len, pos);
        } else if (c == '{' || c == '[') {
            depth++;
            pos++;
        } else if (c == '}' || c == ']') {
            depth--;
            pos++;
        } else if (depth > 0) {
            pos++;
            continue;
        } else {
            while (pos < len && !strchr(",}] \t\n\r", text[pos]))
                pos++;
        }
        if (depth == 0)
            break;
    }
    return pos;
}

/* Whether the token between two quotes spells `key`. */
static bool is_key(const char *raw, size_t len, const char *key)
{
    size_t key_len = strlen(key);

    if (!memchr(raw, '\\', len))
        return len == key_len && memcmp(raw, key, len) == 0;
    CLEANUP(free_p) char *decoded = xcalloc(1, len);
    return json_string_decode(raw, len, decoded) == key_len && memcmp(decoded, key, key_len) == 0;
}

struct json_span json_top_member(const char *text, size_t len, const char *key)
{
    size_t pos = skip_blanks(text, len, 0);

    if (pos == len || text[pos] != '{')
        return (struct json_span){0};
    while (pos < len && text[pos] != '}') {
        size_t name = skip_blanks(text, len, pos + 1); /* behind '{' or ',' */
        if (name == len || text[name] != '"')
            break;
        size_t name_end = skip_string(text, len, name);
        size_t value = skip_blanks(text, len, skip_blanks(text, len, name_end) + 1);
        size_t value_end = skip_value(text, len, value);
        if (is_key(text + name + 1, name_end - name - 2, key))
            return (struct json_span){.offset = value, .len = value_end - value};
        pos = skip_blanks(text, len, value_end);
    }
    return (struct json_span){0};
}

bool json_next_element(const char *text, size_t len, size_t *pos, struct json_span *ret)
{
    size_t at = skip_blanks(text, len, *pos);

    if (at == len || text[at] == ']')
        return false;
    at = skip_blanks(text, len, at + 1); /* behind '[' or ',' */
    if (at == len || text[at] == ']')
        return false;
    *ret = (struct json_span){.offset = at, .len = skip_value(text, len, at) - at};
    *pos = at + ret->len;
    return true;
}

const cJSON *json_get(const cJSON *o, const char *key)
{
    return cJSON_IsObject(o) ? cJSON_GetObjectItemCaseSensitive(o, key) : NULL;
}

bool json_get_str(const cJSON *o, const char *key, const char **ret)
{
    const cJSON *v = json_get(o, key);
    if (!cJSON_IsString(v))
        return false;
    *ret = v->valuestring;
    return true;
}

bool json_get_bool(const cJSON *o, const char *key, bool *ret)
{
    const cJSON *v = json_get(o, key);
    if (!cJSON_IsBool(v))
        return false;
    *ret = cJSON_IsTrue(v);
    return true;
}

bool json_get_u64(const cJSON *o, const char *key, uint64_t *ret)
{
    int64_t v;
    if (!json_get_i64(o, key, &v) || v < 0)
        return false;
    *ret = (uint64_t)v;
    return true;
}

bool json_get_i64(const cJSON *o, const char *key, int64_t *ret)
{
    double v;
    if (!json_get_number(o, key, &v) || fabs(v) > (double)JSON_INTEGER_MAX ||
        v != (double)(int64_t)v)
        return false;
    *ret = (int64_t)v;
    return true;
}

bool json_get_number(const cJSON *o, const char *key, double *ret)
{
    const cJSON *v = json_get(o, key);
    /* 1e999 is JSON, but nothing that can be reckoned with. */
    if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble))
        return false;
    *ret = v->valuedouble;
    return true;
}

bool json_get_u64_fields(const cJSON *o, const struct json_u64_field *fields, size_t n,
                         void *ret_object)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v;
        if (!json_get_u64(o, fields[i].name, &v))
            return false;
        memcpy((char *)ret_object + fields[i].offset, &v, sizeof(v));
    }
    return true;
}

char *json_print(const cJSON *v)
{
    char *text = cJSON_PrintUnformatted(v);
    if (!text)
        abort();
    return text;
}

void json_deletep(cJSON **v)
{
    cJSON_Delete(*v);
    *v = NULL;
}
