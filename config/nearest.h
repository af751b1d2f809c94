#pragma once
/* The known word nearest to a misspelt one, for "did you mean". Pure. */
#include <stdbool.h>
#include <stddef.h>

#define NEAREST_MAX_LEN 64 /* longer words have no neighbours */

struct nearest {
    const char *word; /* borrowed from nearest_offer(); NULL: nothing near */
    size_t distance;
};

/* Levenshtein distance; a transposition counts 2. NEAREST_MAX_LEN when a word is too long. */
size_t nearest_distance(const char *a, const char *b);
/* Takes `known` when it is nearer to `wanted` than what was taken before, and near at all; whether
 * it was taken. */
bool nearest_offer(struct nearest *n, const char *wanted, const char *known);
