#pragma once
/* Strict JSON (RFC 8259) without building anything: what json_parse() asks before cJSON sees the
 * text. Pure, any thread. Times are linear in the text but for a sort of each object's keys. */
#include "state/base/json.h"

/* A number longer than this is refused, since cJSON 1.7.15 reads at most 63 bytes of one (RFC 8259
 * section 9 lets a parser set such limits). */
#define JSON_NUMBER_MAX 63

/* JSON_OK: the text is one value that cJSON reads as it stands. Else *ret_error_at is the offset
 * of the byte or the string that is refused. */
MUST_USE enum json_error json_scan(const char *text, size_t len, size_t *ret_error_at);
