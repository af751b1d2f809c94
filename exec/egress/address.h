#pragma once
/*
 * Which addresses are the internet's, and which are somebody's own: private, loopback, link-local
 * (and with it the metadata services of clouds), multicast, documentation, and what carries one of
 * these in it (IPv4-mapped, NAT64). From IANA's registries of special-purpose addresses, as of
 * 2025. Pure, any thread, but for address_is_own().
 */
#include <stdbool.h>
#include <stdint.h>

#include <sys/socket.h>

#include "state/base/macro.h"

/* A range of addresses. IPv4 is kept as IPv4-mapped IPv6. */
struct address_range {
    uint8_t bytes[16];
    unsigned bits; /* of 128 */
};

/* "10.1.0.0/16", "fd00::/8", or one address. Bits behind the prefix must be zero. False: not one.
 */
MUST_USE bool address_range_parse(const char *text, struct address_range *ret);
bool address_range_has(const struct address_range *r, const struct sockaddr *a);

/* An address that everybody on the internet may have. */
bool address_is_public(const struct sockaddr *a);
/* One of this machine's own, on whatever interface: asks the kernel, sends nothing. */
bool address_is_own(const struct sockaddr *a, socklen_t len);
/* For people: "10.0.0.1". */
void address_format(const struct sockaddr *a, char ret[64]);
