#include "exec/egress/policy.h"

#include <stdio.h>

#include "state/strv.h"

struct port_range {
    unsigned low, high;
};

struct egress_policy {
    char *profile, *secret;          /* owned; secret: or NULL */
    char **allowed, **denied;        /* owned */
    struct port_range *ports;        /* owned */
    struct address_range *addresses; /* owned */
    size_t n_ports, n_addresses;
};

static size_t count(char *const *v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    return n;
}

static bool parse_ports(struct egress_policy *p, char *const *texts)
{
    size_t n = count(texts);

    p->ports = xcalloc(n + 1, sizeof(*p->ports));
    for (; p->n_ports < n; p->n_ports++)
        if (!host_port_parse(texts[p->n_ports], &p->ports[p->n_ports].low,
                             &p->ports[p->n_ports].high))
            return false;
    return true;
}

static bool parse_addresses(struct egress_policy *p, char *const *texts)
{
    size_t n = count(texts);

    p->addresses = xcalloc(n + 1, sizeof(*p->addresses));
    for (; p->n_addresses < n; p->n_addresses++)
        if (!address_range_parse(texts[p->n_addresses], &p->addresses[p->n_addresses]))
            return false;
    return true;
}

struct egress_policy *egress_policy_new(const struct spec_sandbox *s)
{
    struct egress_policy *p = xcalloc(1, sizeof(*p));

    p->profile = xstrdup(s->profile ? s->profile : "default");
    p->secret = s->proxy_secret ? xstrdup(s->proxy_secret) : NULL;
    p->allowed = strv_copy(s->allowed_domains);
    p->denied = strv_copy(s->denied_domains);
    if (!parse_ports(p, s->allowed_ports) || !parse_addresses(p, s->allowed_addresses))
        return egress_policy_free(p);
    return p;
}

struct egress_policy *egress_policy_free(struct egress_policy *p)
{
    if (!p)
        return NULL;
    if (p->secret)
        explicit_bzero(p->secret, strlen(p->secret));
    free(p->secret);
    free(p->profile);
    strv_free(p->allowed);
    strv_free(p->denied);
    free(p->ports);
    free(p->addresses);
    free(p);
    return NULL;
}

const char *egress_policy_secret(const struct egress_policy *p)
{
    return p->secret;
}

static bool allows_port(const struct egress_policy *p, unsigned port)
{
    for (size_t i = 0; i < p->n_ports; i++)
        if (port >= p->ports[i].low && port <= p->ports[i].high)
            return true;
    return false;
}

enum egress_verdict egress_policy_check(const struct egress_policy *p, enum host_kind kind,
                                        const char *host, unsigned port)
{
    if (kind == HOST_BAD)
        return EGRESS_BAD_HOST;
    if (host_matches_any(p->denied, host))
        return EGRESS_DENIED;
    if (kind == HOST_NAME && !host_matches_any(p->allowed, host))
        return EGRESS_NOT_ALLOWED;
    return allows_port(p, port) ? EGRESS_OK : EGRESS_PORT;
}

static bool is_granted(const struct egress_policy *p, const struct sockaddr *a)
{
    for (size_t i = 0; i < p->n_addresses; i++)
        if (address_range_has(&p->addresses[i], a))
            return true;
    return false;
}

enum egress_verdict egress_policy_check_address(const struct egress_policy *p,
                                                const struct sockaddr *a, socklen_t len,
                                                bool is_literal)
{
    char text[64];

    if (is_granted(p, a))
        return EGRESS_OK;
    address_format(a, text);
    if (is_literal && !host_matches_any(p->allowed, text))
        return EGRESS_LITERAL;
    if (!address_is_public(a) || address_is_own(a, len))
        return is_literal ? EGRESS_LITERAL : EGRESS_PRIVATE;
    return EGRESS_OK;
}

const char *egress_verdict_name(enum egress_verdict v)
{
    static const char *const names[EGRESS_VERDICTS] = {"ok",   "bad_host", "not_allowed", "denied",
                                                       "port", "literal",  "private"};
    return names[v];
}

static const char *field_of(enum egress_verdict v)
{
    switch (v) {
    case EGRESS_NOT_ALLOWED:
        return "allowed_domains";
    case EGRESS_DENIED:
        return "denied_domains";
    case EGRESS_PORT:
        return "allowed_ports";
    case EGRESS_LITERAL:
    case EGRESS_PRIVATE:
        return "allowed_addresses";
    case EGRESS_OK:
    case EGRESS_BAD_HOST:
    case EGRESS_VERDICTS:
        break;
    }
    return NULL;
}

char *egress_policy_key(const struct egress_policy *p, enum egress_verdict v)
{
    const char *field = field_of(v);
    char *key = NULL;

    if (field && asprintf(&key, "sandbox.profiles.%s.%s", p->profile, field) < 0)
        abort();
    return key;
}

static const char *reason_of(enum egress_verdict v)
{
    switch (v) {
    case EGRESS_BAD_HOST:
        return "that is not the name of a host";
    case EGRESS_NOT_ALLOWED:
        return "it is not among the allowed domains of this execution; if the call narrowed them "
               "(network.allowed_domains), widen that, else the operator may add it to";
    case EGRESS_DENIED:
        return "it is a denied domain, by the call (network.denied_domains) or by";
    case EGRESS_PORT:
        return "that port is not allowed; the operator may add it to";
    case EGRESS_LITERAL:
        return "addresses can't be reached by number; use a name, or the operator may add it to";
    case EGRESS_PRIVATE:
        return "it has no address on the internet, only private ones or this machine's; the "
               "operator may add them to";
    case EGRESS_OK:
    case EGRESS_VERDICTS:
        break;
    }
    return "";
}

char *egress_policy_explain(const struct egress_policy *p, enum egress_verdict v, const char *host,
                            unsigned port)
{
    CLEANUP(free_p) char *key = egress_policy_key(p, v);
    bool has_colon = strchr(host, ':');
    char *text;

    if (asprintf(&text, "The network proxy refused %s%s%s:%u: %s%s%s", has_colon ? "[" : "", host,
                 has_colon ? "]" : "", port, reason_of(v), key ? " " : "", key ? key : "") < 0)
        abort();
    return text;
}
