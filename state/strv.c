#include "state/strv.h"

#include <string.h>

#include "state/base/utf8.h"

void strv_free(char **v)
{
    for (char **p = v; p && *p; p++)
        free(*p);
    free(v);
}

void strv_freep(char ***v)
{
    strv_free(*v);
    *v = NULL;
}

bool strv_is_utf8(char *const *v)
{
    for (; *v; v++)
        if (!utf8_is_valid(*v, strlen(*v)))
            return false;
    return true;
}

char **strv_copy(char *const *v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    char **copy = xcalloc(n + 1, sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = xstrdup(v[i]);
    return copy;
}

void strv_append_json(struct buf *b, const char *key, char *const *v)
{
    json_text_key(b, key);
    buf_append_char(b, '[');
    for (; *v; v++)
        json_text_str(b, *v, strlen(*v));
    buf_append_char(b, ']');
}

char **strv_decode_json(const cJSON *a)
{
    const cJSON *v;
    size_t n = 0;

    if (!cJSON_IsArray(a))
        return NULL;
    char **strv = xcalloc((size_t)cJSON_GetArraySize(a) + 1, sizeof(*strv));
    cJSON_ArrayForEach(v, a)
    {
        if (!cJSON_IsString(v)) {
            strv_free(strv);
            return NULL;
        }
        strv[n++] = xstrdup(v->valuestring);
    }
    return strv;
}
