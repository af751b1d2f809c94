#include "state/base/id.h"

#include <stdlib.h>
#include <string.h>

#include <sys/random.h>

#include "state/base/macro.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
static_assert(sizeof(alphabet) == 32 + 1, "five bits a character");
static_assert(ID_REPLICA_MAX + 1 + ID_RANDOM_CHARS <= ID_MAX, "an id fits");

static bool is_replica_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* The length of the replica's name that `s` begins with; 0: no legal one. */
static size_t replica_len(const char *s)
{
    size_t n = 0;
    while (n <= ID_REPLICA_MAX && is_replica_char(s[n]))
        n++;
    return n <= ID_REPLICA_MAX ? n : 0;
}

void id_make(const char *replica, char ret[ID_MAX + 1])
{
    unsigned char random[ID_RANDOM_CHARS];
    size_t n = strlen(replica);

    assert(n > 0 && replica_len(replica) == n);
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        abort();
    memcpy(ret, replica, n);
    ret[n++] = '-';
    for (size_t i = 0; i < ID_RANDOM_CHARS; i++)
        ret[n++] = alphabet[random[i] % 32];
    ret[n] = '\0';
}

bool id_is_valid(const char *id)
{
    size_t n = replica_len(id);
    if (n == 0 || id[n] != '-')
        return false;
    const char *random = id + n + 1;
    return strspn(random, alphabet) == ID_RANDOM_CHARS && random[ID_RANDOM_CHARS] == '\0';
}

bool id_has_replica(const char *id, const char *replica)
{
    const char *dash = strrchr(id, '-');
    size_t n = strlen(replica);
    return dash && (size_t)(dash - id) == n && memcmp(id, replica, n) == 0;
}
