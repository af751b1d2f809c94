#pragma once
/*
 * Text a client keeps for us and can't change: payload and expiry in the clear, with a MAC
 * (HMAC-SHA-256, RFC 2104) over them and over what they are bound to. Pure but for the clock; any
 * thread.
 */
#include <stddef.h>
#include <stdint.h>

struct state_binding {
    const unsigned char *key;
    size_t key_len;
    /* What the token is good for: the same strings must be given back. None may be NULL. */
    const char *principal, *method, *target;
};

#define STATE_TOKEN_FOREVER UINT64_MAX /* it does not expire */

/* malloc'd. ttl_ms counts from now. */
char *state_token_make(const struct state_binding *to, const char *payload, uint64_t ttl_ms);
/* The payload, malloc'd; NULL: not one of ours, expired, or bound to something else. */
char *state_token_read(const struct state_binding *to, const char *token);
