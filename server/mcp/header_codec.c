#include "server/mcp/header_codec.h"

#include <string.h>

#include "state/base/json.h"
#include "state/base/utf8.h"

#define SENTINEL_BEGIN "=?base64?"
#define SENTINEL_END   "?="

/* 0 … 63, or -1. */
static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t len, unsigned char *out, size_t *ret_len)
{
    size_t n = 0;
    size_t padding = 0;

    if (len % 4 != 0)
        return false;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;

    for (size_t i = 0; i < len; i += 4) {
        size_t digits = i + 4 == len ? 4 - padding : 4;
        unsigned bits = 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = k < digits ? base64_digit(text[i + k]) : 0;
            if (digit < 0)
                return false;
            bits = bits << 6 | (unsigned)digit;
        }
        for (size_t k = 0; k + 1 < digits; k++)
            out[n++] = (unsigned char)(bits >> (16 - 8 * k));
        if ((digits == 3 && (bits & 0xffu) != 0) || (digits == 2 && (bits & 0xffffu) != 0))
            return false;
    }
    *ret_len = n;
    return true;
}

static void trim(const char **value, size_t *len)
{
    while (*len > 0 && (**value == ' ' || **value == '\t')) {
        (*value)++;
        (*len)--;
    }
    while (*len > 0 && ((*value)[*len - 1] == ' ' || (*value)[*len - 1] == '\t'))
        (*len)--;
}

static bool is_encoded(const char *value, size_t len)
{
    const size_t begin = strlen(SENTINEL_BEGIN), end = strlen(SENTINEL_END);

    return len >= begin + end && memcmp(value, SENTINEL_BEGIN, begin) == 0 &&
           memcmp(value + len - end, SENTINEL_END, end) == 0;
}

enum header_outcome header_decode(const char *value, char **ret, size_t *ret_len)
{
    size_t len = strlen(value);

    trim(&value, &len);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c > 0x7e)
            return HEADER_E_CHARACTER;
    }

    CLEANUP(free_p) char *out = xcalloc(1, len + 1);
    if (is_encoded(value, len)) {
        value += strlen(SENTINEL_BEGIN);
        len -= strlen(SENTINEL_BEGIN) + strlen(SENTINEL_END);
        if (!base64_decode(value, len, (unsigned char *)out, &len))
            return HEADER_E_BASE64;
        if (!utf8_is_valid(out, len))
            return HEADER_E_UTF8;
    } else {
        memcpy(out, value, len);
    }
    out[len] = '\0';
    *ret = TAKE_PTR(out);
    *ret_len = len;
    return HEADER_OK;
}

bool header_is_string(const char *value, const char *s)
{
    CLEANUP(free_p) char *decoded = NULL;
    size_t len;

    return header_decode(value, &decoded, &len) == HEADER_OK && len == strlen(s) &&
           memcmp(decoded, s, len) == 0;
}

bool header_is_json(const char *value, const cJSON *argument)
{
    if (cJSON_IsString(argument))
        return header_is_string(value, argument->valuestring);
    if (cJSON_IsBool(argument))
        return header_is_string(value, cJSON_IsTrue(argument) ? "true" : "false");
    if (!cJSON_IsNumber(argument))
        return false;

    CLEANUP(free_p) char *decoded = NULL;
    CLEANUP(json_deletep) cJSON *number = NULL;
    size_t len, error_at;
    return header_decode(value, &decoded, &len) == HEADER_OK &&
           json_parse(decoded, len, &number, &error_at) == JSON_OK && cJSON_IsNumber(number) &&
           number->valuedouble == argument->valuedouble;
}
