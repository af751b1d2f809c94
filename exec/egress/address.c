#include "exec/egress/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "state/base/fd.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* False: neither IPv4 nor IPv6. */
static bool get_bytes(const struct sockaddr *a, uint8_t ret[16])
{
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
        memcpy(ret, mapped_prefix, sizeof(mapped_prefix));
        memcpy(ret + 12, &v4->sin_addr, 4);
        return true;
    }
    if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
        memcpy(ret, &v6->sin6_addr, 16);
        return true;
    }
    return false;
}

static bool has_prefix(const uint8_t *bytes, const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));

    if (memcmp(bytes, prefix, whole) != 0)
        return false;
    return rest == 0 || (bytes[whole] & mask) == (prefix[whole] & mask);
}

/* ---- IPv4 ---- */

static const struct {
    uint8_t prefix[4];
    unsigned bits;
} special_v4[] = {
    {{0}, 8},                 /* "this network" */
    {{10}, 8},                /* private */
    {{100, 64}, 10},          /* shared, of carriers */
    {{127}, 8},               /* loopback */
    {{169, 254}, 16},         /* link-local; 169.254.169.254: metadata */
    {{168, 63, 129, 16}, 32}, /* the host of a virtual machine, in one cloud */
    {{172, 16}, 12},          /* private */
    {{192, 0, 0}, 24},        /* protocol assignments */
    {{192, 0, 2}, 24},        /* documentation */
    {{192, 31, 196}, 24},     /* AS112 */
    {{192, 52, 193}, 24},     /* AMT */
    {{192, 88, 99}, 24},      /* 6to4 relays, deprecated */
    {{192, 168}, 16},         /* private */
    {{192, 175, 48}, 24},     /* AS112 */
    {{198, 18}, 15},          /* benchmarks */
    {{198, 51, 100}, 24},     /* documentation */
    {{203, 0, 113}, 24},      /* documentation */
    {{224}, 4},               /* multicast */
    {{240}, 4},               /* reserved, broadcast */
};

static bool is_public_v4(const uint8_t *bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(special_v4); i++)
        if (has_prefix(bytes, special_v4[i].prefix, special_v4[i].bits))
            return false;
    return true;
}

/* ---- IPv6: of all of it, 2000::/3 is global, less these ---- */

static const struct {
    uint8_t prefix[6];
    unsigned bits;
} special_v6[] = {
    {{0x20, 0x01}, 23},                         /* protocol assignments; Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},             /* documentation */
    {{0x20, 0x02}, 16},                         /* 6to4: holds an IPv4 address */
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* AS112 */
    {{0x3f, 0xff}, 20},                         /* documentation */
};

static bool is_public_v6(const uint8_t *bytes)
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b}; /* RFC 6052 */

    if (memcmp(bytes, nat64, sizeof(nat64)) == 0)
        return is_public_v4(bytes + 12);
    if ((bytes[0] & 0xe0) != 0x20)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(special_v6); i++)
        if (has_prefix(bytes, special_v6[i].prefix, special_v6[i].bits))
            return false;
    return true;
}

bool address_is_public(const struct sockaddr *a)
{
    uint8_t bytes[16];

    if (!get_bytes(a, bytes))
        return false;
    if (memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0)
        return is_public_v4(bytes + 12);
    return is_public_v6(bytes);
}

/* ---- ranges ---- */

bool address_range_parse(const char *text, struct address_range *ret)
{
    char copy[INET6_ADDRSTRLEN + 5], *end;
    struct address_range r = {.bits = 128};
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);

    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    bool is_v4 = inet_pton(AF_INET, copy, r.bytes + 12) == 1;
    if (is_v4)
        memcpy(r.bytes, mapped_prefix, sizeof(mapped_prefix));
    else if (inet_pton(AF_INET6, copy, r.bytes) != 1)
        return false;
    if (slash) {
        unsigned long bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end || bits > (is_v4 ? 32 : 128))
            return false;
        r.bits = (unsigned)bits + (is_v4 ? 96 : 0);
    }
    for (unsigned i = r.bits; i < 128; i++)
        if (r.bytes[i / 8] & (0x80 >> (i % 8)))
            return false;
    *ret = r;
    return true;
}

bool address_range_has(const struct address_range *r, const struct sockaddr *a)
{
    uint8_t bytes[16];
    return get_bytes(a, bytes) && has_prefix(bytes, r->bytes, r->bits);
}

/* ---- this machine ---- */

/* A datagram socket that is connected sends nothing, but knows from where it would: to an address
 * of our own, from that one. */
bool address_is_own(const struct sockaddr *a, socklen_t len)
{
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    uint8_t to_bytes[16], from_bytes[16];
    CLEANUP(fd_closep) int fd = socket(a->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, a, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&from, &from_len) < 0)
        return false; /* it can't be reached either */
    return get_bytes(a, to_bytes) && get_bytes((const struct sockaddr *)&from, from_bytes) &&
           memcmp(to_bytes, from_bytes, sizeof(to_bytes)) == 0;
}

void address_format(const struct sockaddr *a, char ret[64])
{
    const void *bytes = a->sa_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr
                            : &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    if (!inet_ntop(a->sa_family, bytes, ret, 64))
        (void)snprintf(ret, 64, "?");
}
