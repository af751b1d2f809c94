/* What the network proxy is told: name servers, and of profiles ports and addresses. The rules are
 * those of exec/egress/, which this layer does not know. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"

static bool is_number(const char *s, unsigned long min, unsigned long max)
{
    char *end;
    unsigned long v = strtoul(s, &end, 10);
    return isdigit((unsigned char)*s) && !*end && v >= min && v <= max;
}

static bool is_port_or_range(const char *text)
{
    char low[8];
    const char *dash = strchr(text, '-');
    size_t n = dash ? (size_t)(dash - text) : 0;

    if (!dash)
        return is_number(text, 1, 65535);
    if (n >= sizeof(low))
        return false;
    memcpy(low, text, n);
    low[n] = '\0';
    return is_number(low, 1, 65535) && is_number(dash + 1, 1, 65535) &&
           strtoul(low, NULL, 10) <= strtoul(dash + 1, NULL, 10);
}

/* *ret_bits: how many its address has; 0: it is none. */
static unsigned parse_address(const char *text, size_t len, uint8_t ret[16])
{
    char copy[INET6_ADDRSTRLEN];

    if (len >= sizeof(copy))
        return 0;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, ret) == 1)
        return 32;
    return inet_pton(AF_INET6, copy, ret) == 1 ? 128 : 0;
}

static bool is_range(const char *text)
{
    uint8_t bytes[16] = {0};
    const char *slash = strchr(text, '/');
    unsigned bits = parse_address(text, slash ? (size_t)(slash - text) : strlen(text), bytes);

    if (bits == 0 || (slash && !is_number(slash + 1, 0, bits)))
        return false;
    for (unsigned long i = slash ? strtoul(slash + 1, NULL, 10) : bits; i < bits; i++)
        if (bytes[i / 8] & (0x80 >> (i % 8)))
            return false;
    return true;
}

static bool is_nameserver(const char *text)
{
    uint8_t bytes[16];
    const char *end = text + strlen(text), *colon = strrchr(text, ':');

    if (parse_address(text, strlen(text), bytes) > 0)
        return true;
    if (!colon || !is_number(colon + 1, 1, 65535))
        return false;
    end = colon;
    if (text[0] != '[')
        return parse_address(text, (size_t)(end - text), bytes) == 32;
    return end[-1] == ']' && parse_address(text + 1, (size_t)(end - text) - 2, bytes) == 128;
}

static void check_each(struct config_layers *l, const char *key, const char *where,
                       const struct config_strings *list, bool (*is_good)(const char *),
                       const char *what)
{
    for (size_t i = 0; i < list->n; i++)
        if (!is_good(list->v[i]))
            report_key(&l->report, layers_origin(l, key), config_key_get(key), "%s\"%s\" is not %s",
                       where, list->v[i], what);
}

void check_egress(struct config_layers *l)
{
    const struct config *c = l->config;

    check_each(l, "egress.nameservers", "", &c->egress_nameservers, is_nameserver,
               "an address (try 192.0.2.53, or \"192.0.2.53:5353\")");
    for (size_t i = 0; i < c->n_profiles; i++) {
        const struct config_profile *p = &c->profiles[i];
        char where[64];
        (void)snprintf(where, sizeof(where), "%s: ", p->name);
        check_each(l, "sandbox.profiles", where, &p->allowed_ports, is_port_or_range,
                   "a port (allowed_ports: try 443, or 8000-8999)");
        check_each(l, "sandbox.profiles", where, &p->allowed_addresses, is_range,
                   "a range of addresses (allowed_addresses: try 10.1.0.0/16)");
    }
}
