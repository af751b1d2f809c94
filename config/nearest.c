#include "config/nearest.h"

#include <string.h>

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

size_t nearest_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    if (la >= NEAREST_MAX_LEN || lb >= NEAREST_MAX_LEN)
        return NEAREST_MAX_LEN;
    size_t row[NEAREST_MAX_LEN]; /* the distances of a[0..i) to every head of b */
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[lb];
}

bool nearest_offer(struct nearest *n, const char *wanted, const char *known)
{
    size_t distance = nearest_distance(wanted, known);
    /* A third of the word wrong is a typo; more is another word. */
    if (distance > 1 + strlen(wanted) / 3 || distance >= strlen(known))
        return false;
    if (n->word && distance >= n->distance)
        return false;
    *n = (struct nearest){.word = known, .distance = distance};
    return true;
}
