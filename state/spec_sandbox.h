#pragma once
/*
 * How one execution is isolated, complete: what its call asked for is worked into it. Part of
 * spec.json. Owned by its spec.
 */
#include "state/strv.h"

enum spec_network {
    SPEC_NETWORK_NONE = 0, /* a namespace of its own with nothing but loopback */
    SPEC_NETWORK_PROXY,    /* the same, and a listener in it for the egress proxy */
    SPEC_NETWORK_HOST,
    SPEC_NETWORK_MAX = SPEC_NETWORK_HOST
};

struct spec_sandbox {
    char *profile;   /* owned; its name */
    char *workspace; /* owned; the host's directory that is /workspace inside */
    char **wrap;     /* owned; bwrap's arguments, argv[0] its absolute path, without the program */
    char **checks;   /* owned, never NULL; "<device>:<inode>:<path>": what must be found at paths in
                        there before the command begins, since bwrap knows them by name only */
    uint64_t uid;    /* of the host, and gid; 0: the keeper's own */
    bool can_pool;   /* nothing in it is the call's own: a prepared one will do */
    enum spec_network network;
    /* SPEC_NETWORK_PROXY: who may be reached; all owned, never NULL. Names are as written, exact or
     * "*.<suffix>"; ports "443" or "8000-8999"; addresses are private ranges, CIDR. */
    char **allowed_domains, **denied_domains, **allowed_ports, **allowed_addresses;
    char *proxy_secret; /* owned or NULL; the password that the proxy's clients send */
};

struct spec_sandbox *spec_sandbox_new(void);
struct spec_sandbox *spec_sandbox_free(struct spec_sandbox *s);

/* The member "sandbox" of a JSON object; false: a string of it is not UTF-8. */
MUST_USE bool spec_sandbox_append(struct buf *b, const struct spec_sandbox *s);
/* NULL: not one. */
struct spec_sandbox *spec_sandbox_decode(const cJSON *o);
