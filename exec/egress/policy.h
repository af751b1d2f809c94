#pragma once
/*
 * Whom one execution may reach, and whether it may. Denied names win over allowed ones; what a name
 * resolves to is checked on the very address that is connected to. Made by the reactor, given to
 * the proxy's thread; immutable, one owner.
 */
#include "exec/egress/address.h"
#include "exec/egress/host.h"
#include "state/spec_sandbox.h"

enum egress_verdict {
    EGRESS_OK = 0,
    EGRESS_BAD_HOST,    /* no name of a host */
    EGRESS_NOT_ALLOWED, /* not in allowed_domains */
    EGRESS_DENIED,      /* in denied_domains */
    EGRESS_PORT,        /* not in allowed_ports */
    EGRESS_LITERAL,     /* an address, and not in allowed_addresses */
    EGRESS_PRIVATE,     /* a name with no public address, none in allowed_addresses */
    EGRESS_VERDICTS
};

struct egress_policy;

/* NULL: a port or an address in it is none. */
struct egress_policy *egress_policy_new(const struct spec_sandbox *s);
struct egress_policy *egress_policy_free(struct egress_policy *p);
/* The password that clients send; NULL: none is asked for. */
const char *egress_policy_secret(const struct egress_policy *p);

/* What is known before a name is resolved. host: normalised, of this kind. */
enum egress_verdict egress_policy_check(const struct egress_policy *p, enum host_kind kind,
                                        const char *host, unsigned port);
/* Whether this address may be connected to; is_literal: the client wrote it itself. */
enum egress_verdict egress_policy_check_address(const struct egress_policy *p,
                                                const struct sockaddr *a, socklen_t len,
                                                bool is_literal);

const char *egress_verdict_name(enum egress_verdict v); /* "not_allowed" …: of metrics */
/* For people: why, and what would allow it. The caller's. */
char *egress_policy_explain(const struct egress_policy *p, enum egress_verdict v, const char *host,
                            unsigned port);
/* The field of the profile that would; "sandbox.profiles.default.allowed_domains". The caller's. */
char *egress_policy_key(const struct egress_policy *p, enum egress_verdict v);
