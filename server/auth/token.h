#pragma once
/* A static bearer token (RFC 6750). Pure, any thread. */
#include <stddef.h>

#include "state/base/macro.h"

enum token_verdict {
    TOKEN_GOOD,
    TOKEN_MISSING, /* no Authorization header, several, or one that is no bearer token */
    TOKEN_WRONG
};

/* Judges the Authorization header of a request: its value, NULL when absent, and how many there
 * are. How long it takes says nothing about how much of what was sent is right: digests are
 * compared, in constant time. */
MUST_USE enum token_verdict token_check(const char *secret, const char *header, size_t count);
