#pragma once
/* Identifiers that carry their replica: <replica>-<26 of [a-z2-7]>, 130 random bits of
 * getrandom(2). Execution and session ids have the same form. Any thread. */
#include <stdbool.h>
#include <stddef.h>

#define ID_RANDOM_CHARS 26
#define ID_REPLICA_MAX  24
#define ID_MAX          64

void id_make(const char *replica, char ret[ID_MAX + 1]);
bool id_is_valid(const char *id);                         /* the form, not whether it exists */
bool id_has_replica(const char *id, const char *replica); /* the part before the last '-' */
