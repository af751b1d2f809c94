#pragma once
/*
 * A static bearer token (RFC 6750): everyone who sends it is the principal "token". Immutable after
 * token_init(), so any thread may check.
 */
#include <stddef.h>

#include "state/base/macro.h"

#define TOKEN_DIGEST_LEN 32 /* SHA-256 */

struct token {
    unsigned char digest[TOKEN_DIGEST_LEN]; /* of the secret: nothing here can be sent as a token */
};

enum token_verdict {
    TOKEN_GOOD,
    TOKEN_MISSING, /* no Authorization header, several, or one that is no bearer token */
    TOKEN_WRONG
};

/* Keeps a digest of `secret`, not the secret. */
void token_init(struct token *t, const char *secret);
/* Judges the Authorization header of a request: its value, NULL when absent, and how many there
 * are. How long it takes says nothing about how much of a token is right, or how long the right one
 * is. */
MUST_USE enum token_verdict token_check(const struct token *t, const char *header, size_t count);
