#pragma once
/* SHA-256 of what a client sent, however it was written. Pure, any thread. */
#include "state/base/json.h"

#define SHA256_HEX 64

void sha256_hex(const void *data, size_t len, char ret[SHA256_HEX + 1]);
/* Of an object without the members named in `without` (NULL at the end) and those that are null;
 * the order of members does not matter. */
void request_hash(const cJSON *o, const char *const *without, char ret[SHA256_HEX + 1]);
