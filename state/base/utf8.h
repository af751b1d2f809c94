#pragma once
/* UTF-8 (RFC 3629) as journals and replies need it. Pure, any thread. */
#include <stdbool.h>
#include <stddef.h>

bool utf8_is_valid(const void *data, size_t len);
/* How many bytes at the end are the begin of a character that more bytes could complete: 0 … 3. */
size_t utf8_incomplete_tail(const void *data, size_t len);
/* The largest n <= max so that data[0..n) does not end inside a character. */
size_t utf8_cut(const void *data, size_t len, size_t max);
