#pragma once
/* Text to numbers and back, as an operator writes them. Pure; strict: no sign, no fraction, no
 * blank, no leading zero, and nothing that would overflow. */
#include <stdbool.h>
#include <stdint.h>

#include "config/mem.h"

enum units_result {
    UNITS_OK,
    UNITS_E_SYNTAX, /* it is something else */
    UNITS_E_RANGE   /* it is more than 64 bits can say */
};

/* *ret_x is written only on UNITS_OK. */
MUST_USE enum units_result units_parse_unsigned(const char *text, uint64_t *ret);
/* Bytes: 4096, 64KiB, 1GiB (powers of 1024); 10kB, 10MB (powers of 1000). */
MUST_USE enum units_result units_parse_size(const char *text, uint64_t *ret_bytes);
/* Milliseconds: 500ms, 10s, 5m, 1h, 7d; a plain number is seconds. */
MUST_USE enum units_result units_parse_duration(const char *text, uint64_t *ret_ms);
/* true yes on 1, false no off 0, in any case. UNITS_OK or UNITS_E_SYNTAX. */
MUST_USE enum units_result units_parse_bool(const char *text, bool *ret);

/* The shortest text that reads back as the same number. */
#define UNITS_TEXT_MAX 32
void units_format_size(uint64_t bytes, char ret_text[UNITS_TEXT_MAX]);
void units_format_duration(uint64_t ms, char ret_text[UNITS_TEXT_MAX]);
