#pragma once
/* A hash map from string to pointer (SipHash with a random key: clients choose keys). Keys and
 * values are borrowed: the value usually holds the key. Owned by one thread. */
#include "state/base/macro.h"

struct map;
struct map *map_new(void);
struct map *map_free(struct map *m); /* not the values */
void *map_find(const struct map *m, const char *key);
/* The key must outlive the entry. Replaces an entry with an equal key; returns the old value or
 * NULL. */
void *map_set(struct map *m, const char *key, void *value);
void *map_remove(struct map *m, const char *key);
size_t map_size(const struct map *m);
/* Calls fn for each entry; fn may remove the entry it is called with, nothing else. */
void map_each(struct map *m, void (*fn)(const char *key, void *value, void *arg), void *arg);
