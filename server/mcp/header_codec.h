#pragma once
/*
 * Values of Mcp-Name and Mcp-Param-* headers (2026-07-28, "value encoding"): plain visible ASCII,
 * or "=?base64?" + RFC 4648 section 4 + "?=" for everything else. Pure; any thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "state/base/macro.h"

enum header_outcome {
    HEADER_OK = 0,
    HEADER_E_CHARACTER, /* a byte outside 0x20-0x7E and HTAB */
    HEADER_E_BASE64,    /* the sentinel around what is no canonical Base64 */
    HEADER_E_UTF8       /* decodes to bytes that are not UTF-8 */
};

/* Decodes a field value; blanks around it do not count. *ret is malloc'd and NUL-terminated. */
MUST_USE enum header_outcome header_decode(const char *value, char **ret, size_t *ret_len);
/* Whether the value decodes to exactly this string. */
bool header_is_string(const char *value, const char *s);
/* Whether the value says the same as an argument of the body: strings byte for byte, booleans as
 * true and false, numbers by value. */
bool header_is_json(const char *value, const cJSON *argument);

/* RFC 4648 section 4, canonical: right padding, no other characters, unused bits zero. `out` has
 * room for len / 4 * 3 bytes. False: not canonical. */
MUST_USE bool base64_decode(const char *text, size_t len, unsigned char *out, size_t *ret_len);
