#include "exec/egress/socks.h"

#include <arpa/inet.h>
#include <string.h>

enum { CONNECT = 1, IPV4 = 1, NAME = 3, IPV6 = 4 };

enum socks_outcome socks_greeting(const char *data, size_t len, enum socks_method method,
                                  size_t *ret_used, enum socks_method *ret_method)
{
    const unsigned char *p = (const unsigned char *)data;

    if (len >= 1 && p[0] != SOCKS_VERSION)
        return SOCKS_BAD;
    if (len < 2 || len < 2u + p[1])
        return SOCKS_MORE;
    *ret_used = 2u + p[1];
    *ret_method = memchr(p + 2, (int)method, p[1]) ? method : SOCKS_NO_METHOD;
    return SOCKS_OK;
}

enum socks_outcome socks_password(const char *data, size_t len, size_t *ret_used,
                                  const char **ret_password, size_t *ret_password_len)
{
    const unsigned char *p = (const unsigned char *)data;

    if (len >= 1 && p[0] != 1)
        return SOCKS_BAD;
    if (len < 2 || len < 3u + p[1])
        return SOCKS_MORE;
    size_t at = 2u + p[1], n = p[at];
    if (len < at + 1 + n)
        return SOCKS_MORE;
    *ret_used = at + 1 + n;
    *ret_password = data + at + 1;
    *ret_password_len = n;
    return SOCKS_OK;
}

/* How long the address is, from its type on; 0: not known yet. */
static size_t address_len(const unsigned char *p, size_t len)
{
    switch (p[0]) {
    case IPV4:
        return 1 + 4;
    case IPV6:
        return 1 + 16;
    default:
        return len < 2 ? 0 : 2u + p[1];
    }
}

static void take_address(const unsigned char *p, struct socks_request *ret)
{
    char text[INET6_ADDRSTRLEN];

    ret->kind = HOST_BAD;
    if (p[0] == NAME)
        ret->kind = host_normalise((const char *)p + 2, p[1], ret->host);
    else if (inet_ntop(p[0] == IPV4 ? AF_INET : AF_INET6, p + 1, text, sizeof(text)))
        ret->kind = host_normalise(text, strlen(text), ret->host);
    if (ret->kind == HOST_BAD) {
        ret->host[0] = '?';
        ret->host[1] = '\0';
    }
}

enum socks_outcome socks_request(const char *data, size_t len, size_t *ret_used,
                                 struct socks_request *ret)
{
    const unsigned char *p = (const unsigned char *)data;

    if (len >= 1 && p[0] != SOCKS_VERSION)
        return SOCKS_BAD;
    if (len < 5)
        return SOCKS_MORE;
    *ret = (struct socks_request){.host = "?"};
    *ret_used = len;
    if (p[1] != CONNECT) {
        ret->refusal = SOCKS_NO_COMMAND;
        return SOCKS_OK;
    }
    if (p[3] != IPV4 && p[3] != NAME && p[3] != IPV6) {
        ret->refusal = SOCKS_NO_ADDRESS_TYPE;
        return SOCKS_OK;
    }
    size_t n = address_len(p + 3, len - 3);
    if (len < 3 + n + 2)
        return SOCKS_MORE;
    take_address(p + 3, ret);
    ret->port = (unsigned)p[3 + n] << 8 | p[3 + n + 1];
    *ret_used = 3 + n + 2;
    return ret->port > 0 && p[2] == 0 ? SOCKS_OK : SOCKS_BAD;
}

void socks_write_reply(enum socks_reply r, char to[SOCKS_REPLY_LEN])
{
    memset(to, 0, SOCKS_REPLY_LEN);
    to[0] = SOCKS_VERSION;
    to[1] = (char)r;
    to[3] = IPV4;
}
