#pragma once
/* Names of hosts, as clients of the proxy write them, and the patterns they are held against. Pure,
 * any thread. */
#include <stdbool.h>
#include <stddef.h>

#include "state/base/macro.h"

#define HOST_NAME_MAX_LEN 253 /* RFC 1035, 2.3.4, without the dot at the end */

enum host_kind {
    HOST_BAD = 0, /* no name of a host: also one that some resolvers take for a number */
    HOST_NAME,    /* letters, digits, '-', '_'; in lower case, without a dot at the end */
    HOST_LITERAL  /* an IPv4 or IPv6 address, as inet_ntop(3) writes it */
};

/* The host in its one form. IPv6 may stand in brackets. */
MUST_USE enum host_kind host_normalise(const char *text, size_t len,
                                       char ret[HOST_NAME_MAX_LEN + 1]);
/* "example.com": that; "*.example.com": all below it; "*": every name. In any case, with or without
 * a dot at the end. `host` is normalised. */
bool host_matches(const char *pattern, const char *host);
/* Whether one of them does; NULL-terminated. */
bool host_matches_any(char *const *patterns, const char *host);

/* "443" or "8000-8999". False: not one. */
MUST_USE bool host_port_parse(const char *text, unsigned *ret_low, unsigned *ret_high);
