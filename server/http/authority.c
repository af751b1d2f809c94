#include "server/http/authority.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include <sys/socket.h>

/* RFC 3986 allows more in a name than the names of hosts have. */
static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_';
}

static bool is_ipv6_char(char c)
{
    return isxdigit((unsigned char)c) || c == ':' || c == '.';
}

/* ":port" or nothing, up to the end. An empty port means none (RFC 3986 3.2.3). */
static bool parse_port(const char *p, struct authority *a)
{
    unsigned port = 0;

    if (*p == '\0')
        return true;
    if (*p++ != ':' || strlen(p) > 5)
        return false;
    a->has_port = *p != '\0';
    for (; *p; p++) {
        if (!isdigit((unsigned char)*p))
            return false;
        port = port * 10 + (unsigned)(*p - '0');
    }
    a->port = (uint16_t)port;
    return port <= UINT16_MAX;
}

bool authority_parse(const char *text, struct authority *ret)
{
    struct authority a = {.is_ipv6 = text[0] == '['};
    const char *p = text + a.is_ipv6;

    a.host = p;
    while (a.is_ipv6 ? is_ipv6_char(*p) : is_name_char(*p))
        p++;
    a.host_len = (size_t)(p - a.host);
    if (a.host_len == 0 || (a.is_ipv6 && *p++ != ']') || !parse_port(p, &a))
        return false;
    *ret = a;
    return true;
}

bool origin_parse(const char *text, struct origin *ret)
{
    static const struct {
        const char *scheme;
        uint16_t port;
    } schemes[] = {{"http://", 80}, {"https://", 443}};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i].scheme);
        struct origin o = {.is_https = i == 1};

        if (strncasecmp(text, schemes[i].scheme, len) != 0 || !authority_parse(text + len, &o.at))
            continue;
        if (!o.at.has_port)
            o.at.port = schemes[i].port;
        o.at.has_port = true;
        *ret = o;
        return true;
    }
    return false;
}

static bool is_same_host(const struct authority *a, const char *host, size_t len)
{
    return a->host_len == len && strncasecmp(a->host, host, len) == 0;
}

bool authority_is_host(const struct authority *a, const char *host)
{
    size_t len = strlen(host);

    if (len >= 2 && host[0] == '[' && host[len - 1] == ']')
        return is_same_host(a, host + 1, len - 2);
    return is_same_host(a, host, len);
}

bool authority_is_loopback(const struct authority *a)
{
    return a->is_ipv6 ? is_same_host(a, "::1", 3)
                      : authority_is_host(a, "localhost") || authority_is_host(a, "127.0.0.1");
}

bool authority_is_address(const struct authority *a, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr wanted;
    struct in_addr wanted4;

    if (a->host_len >= sizeof text)
        return false;
    memcpy(text, a->host, a->host_len);
    text[a->host_len] = '\0';
    if (address->sa_family == AF_INET)
        return inet_pton(AF_INET, text, &wanted4) == 1 &&
               ((const struct sockaddr_in *)address)->sin_addr.s_addr == wanted4.s_addr;
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *is = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (a->is_ipv6)
        return inet_pton(AF_INET6, text, &wanted) == 1 && memcmp(is, &wanted, sizeof wanted) == 0;
    /* An IPv4 client of a socket that serves both families. */
    return IN6_IS_ADDR_V4MAPPED(is) && inet_pton(AF_INET, text, &wanted4) == 1 &&
           memcmp(&is->s6_addr[12], &wanted4, sizeof wanted4) == 0;
}

bool origin_is_equal(const struct origin *a, const struct origin *b)
{
    return a->is_https == b->is_https && a->at.port == b->at.port &&
           a->at.is_ipv6 == b->at.is_ipv6 && is_same_host(&a->at, b->at.host, b->at.host_len);
}
