/*
 * Chained hash map. Clients choose some of the keys, so the hash is keyed: SipHash-1-3 (Aumasson
 * and Bernstein, "SipHash: a fast short-input PRF", 2012; one compression and three finalization
 * rounds are what hash tables use).
 */
#include "state/base/map.h"

#include <endian.h>
#include <string.h>

#include <sys/random.h>

struct map_entry {
    struct map_entry *next; /* owned */
    uint64_t hash;
    const char *key; /* borrowed from the caller, outlived by the key */
    void *value;     /* borrowed */
};

struct map {
    struct map_entry **buckets; /* owned; n_buckets is a power of two */
    size_t n_buckets;
    size_t size;
    uint64_t hash_key[2];
};

static uint64_t rotl(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static uint64_t sip_hash(const uint64_t key[2], const char *s)
{
    size_t len = strlen(s);
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };

    for (size_t left = len;; left -= 8, s += 8) {
        uint64_t word = 0;
        memcpy(&word, s, left < 8 ? left : 8);
        word = le64toh(word);
        if (left < 8)
            word |= (uint64_t)len << 56;
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
        if (left < 8)
            break;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
    struct map *m = xcalloc(1, sizeof(*m));

    m->n_buckets = 16;
    m->buckets = xcalloc(m->n_buckets, sizeof(*m->buckets));
    if (getrandom(m->hash_key, sizeof(m->hash_key), 0) != (ssize_t)sizeof(m->hash_key))
        abort();
    return m;
}

struct map *map_free(struct map *m)
{
    if (!m)
        return NULL;
    for (size_t i = 0; i < m->n_buckets; i++) {
        for (struct map_entry *e = m->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(m->buckets);
    free(m);
    return NULL;
}

/* Where the pointer to the entry is, or where it would be appended. */
static struct map_entry **find_slot(const struct map *m, const char *key, uint64_t hash)
{
    struct map_entry **slot = &m->buckets[hash & (m->n_buckets - 1)];
    while (*slot && ((*slot)->hash != hash || strcmp((*slot)->key, key) != 0))
        slot = &(*slot)->next;
    return slot;
}

static void grow(struct map *m)
{
    size_t n = m->n_buckets * 2;
    struct map_entry **buckets = xcalloc(n, sizeof(*buckets));

    for (size_t i = 0; i < m->n_buckets; i++) {
        for (struct map_entry *e = m->buckets[i], *next; e; e = next) {
            struct map_entry **head = &buckets[e->hash & (n - 1)];
            next = e->next;
            e->next = *head;
            *head = e;
        }
    }
    free(m->buckets);
    m->buckets = buckets;
    m->n_buckets = n;
}

void *map_find(const struct map *m, const char *key)
{
    struct map_entry *e = *find_slot(m, key, sip_hash(m->hash_key, key));
    return e ? e->value : NULL;
}

void *map_set(struct map *m, const char *key, void *value)
{
    uint64_t hash = sip_hash(m->hash_key, key);
    struct map_entry **slot = find_slot(m, key, hash), *e = *slot;
    void *old = NULL;

    assert(value);
    if (e) {
        old = e->value;
    } else {
        e = *slot = xcalloc(1, sizeof(*e));
        e->hash = hash;
        m->size++;
    }
    e->key = key;
    e->value = value;
    if (m->size > m->n_buckets)
        grow(m);
    return old;
}

void *map_remove(struct map *m, const char *key)
{
    struct map_entry **slot = find_slot(m, key, sip_hash(m->hash_key, key)), *e = *slot;

    if (!e)
        return NULL;
    void *value = e->value;
    *slot = e->next;
    free(e);
    m->size--;
    return value;
}

size_t map_size(const struct map *m)
{
    return m->size;
}

void map_each(struct map *m, void (*fn)(const char *key, void *value, void *arg), void *arg)
{
    for (size_t i = 0; i < m->n_buckets; i++) {
        for (struct map_entry *e = m->buckets[i], *next; e; e = next) {
            next = e->next;
            fn(e->key, e->value, arg);
        }
    }
}
