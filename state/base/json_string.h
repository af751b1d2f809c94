#pragma once
/* The strings of JSON (RFC 8259 section 7), for json_scan.c and json.c. Pure, any thread. */
#include "state/base/json.h"

/* A place in a text. */
struct json_string {
    const char *text; /* borrowed */
    size_t len;
    size_t pos;      /* at the opening quote; afterwards behind the closing one */
    bool has_escape; /* set when there is one */
    size_t error_at; /* set when it fails: the byte or the string that is refused */
};
enum json_error json_string_scan(struct json_string *s);

/* Decodes what stands between the quotes of a string that json_string_scan() accepted. `out` has
 * room for `len` bytes, more than which it never needs. Returns how many there are. */
size_t json_string_decode(const char *raw, size_t len, char *out);
