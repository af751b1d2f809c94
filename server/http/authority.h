#pragma once
/* host[:port] and origins, as Host and Origin name them (RFC 3986 3.2, RFC 6454 6). Pure, any
 * thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/base/macro.h"

struct sockaddr;

struct authority {
    const char *host; /* borrowed from the text; an IPv6 address without its brackets */
    size_t host_len;
    bool is_ipv6;
    bool has_port;
    uint16_t port;
};

struct origin {
    bool is_https;
    struct authority at; /* has_port is always set: 80 and 443 are what a scheme means */
};

/* Exactly the form, nothing before or after; false leaves *ret alone. */
MUST_USE bool authority_parse(const char *text, struct authority *ret);
MUST_USE bool origin_parse(const char *text, struct origin *ret); /* http and https only */

/* Names compare without case (RFC 3986 3.2.2). */
bool authority_is_host(const struct authority *a, const char *host); /* brackets are optional */
bool authority_is_loopback(const struct authority *a); /* localhost, 127.0.0.1, [::1] */
/* Is its host, in whatever spelling, this address? */
bool authority_is_address(const struct authority *a, const struct sockaddr *address);
bool origin_is_equal(const struct origin *a, const struct origin *b);
