#pragma once
/*
 * JSON by cJSON, with what cJSON leaves open closed: strict input and typed getters. Any thread.
 * cJSON 1.7.15 takes trailing bytes, duplicate keys, invalid UTF-8, raw control characters, leading
 * zeros and a \u0000 that truncates; json_parse() refuses all of these before cJSON sees the text.
 */
#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "state/base/json_text.h"
#include "state/base/macro.h"

enum json_error {
    JSON_OK = 0,
    JSON_E_SYNTAX,    /* not JSON (RFC 8259) */
    JSON_E_UTF8,      /* not UTF-8, or a lone surrogate */
    JSON_E_DUPLICATE, /* the same key twice in one object */
    JSON_E_DEPTH,     /* nested deeper than JSON_DEPTH_MAX */
    JSON_E_NUL        /* \u0000 in a string: C strings can't carry it */
};
#define JSON_DEPTH_MAX 64

/* Where a member of the top-level object stood in the text: its raw token. */
struct json_span {
    size_t offset, len; /* len 0: no such member */
};

/* Strict parse of exactly len bytes. *ret is the caller's (cJSON_Delete). error_at: byte offset. */
MUST_USE enum json_error json_parse(const char *text, size_t len, cJSON **ret,
                                    size_t *ret_error_at);
const char *json_error_name(enum json_error e); /* for people */
/* The raw token of `key` at the top level of an object that json_parse() accepted: ids are echoed
 * as they came, since doubles lose integers above 2^53. */
struct json_span json_top_member(const char *text, size_t len, const char *key);
/* The next element of a top-level array that json_parse() accepted; *pos begins at 0. False: that
 * was the last one. */
bool json_next_element(const char *text, size_t len, size_t *pos, struct json_span *ret);

/* Typed getters on an object; case-sensitive. They return false and leave *ret alone when the
 * member is absent or of another type. */
bool json_get_str(const cJSON *o, const char *key, const char **ret);
bool json_get_bool(const cJSON *o, const char *key, bool *ret);
bool json_get_u64(const cJSON *o, const char *key, uint64_t *ret); /* integral, 0 … 2^53 */
bool json_get_i64(const cJSON *o, const char *key, int64_t *ret);
bool json_get_number(const cJSON *o, const char *key, double *ret);
/* All of them, or false when one is missing. */
MUST_USE bool json_get_u64_fields(const cJSON *o, const struct json_u64_field *fields, size_t n,
                                  void *ret_object);
const cJSON *json_get(const cJSON *o, const char *key); /* any type, NULL when absent */

/* Printed without blanks; malloc'd, never NULL. */
char *json_print(const cJSON *v);
void json_deletep(cJSON **v);
