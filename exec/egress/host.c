#include "exec/egress/host.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define LABEL_MAX 63

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_label(const char *s, size_t len)
{
    if (len == 0 || len > LABEL_MAX || s[0] == '-' || s[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_')
            return false;
    return true;
}

/* As "127.1", "0x7f.1" or "2130706433", which inet_aton(3) takes for addresses. No top-level domain
 * begins with a digit (RFC 3696, 2). */
static bool ends_in_number(const char *name)
{
    const char *last = strrchr(name, '.');
    last = last ? last + 1 : name;
    return isdigit((unsigned char)*last);
}

static enum host_kind normalise_name(const char *text, size_t len, char *ret)
{
    if (len > 0 && text[len - 1] == '.')
        len--;
    if (len == 0 || len > HOST_NAME_MAX_LEN)
        return HOST_BAD;
    for (size_t i = 0, begin = 0; i <= len; i++) {
        if (i < len && text[i] != '.') {
            ret[i] = lower(text[i]);
            continue;
        }
        if (!is_label(text + begin, i - begin))
            return HOST_BAD;
        ret[i] = i < len ? '.' : '\0';
        begin = i + 1;
    }
    return ends_in_number(ret) ? HOST_BAD : HOST_NAME;
}

static enum host_kind normalise_ipv6(const char *text, char *ret)
{
    struct in6_addr v6;

    if (inet_pton(AF_INET6, text, &v6) != 1)
        return HOST_BAD;
    return inet_ntop(AF_INET6, &v6, ret, INET6_ADDRSTRLEN) ? HOST_LITERAL : HOST_BAD;
}

enum host_kind host_normalise(const char *text, size_t len, char ret[HOST_NAME_MAX_LEN + 1])
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    bool has_brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';

    if (has_brackets) {
        text++;
        len -= 2;
    }
    if (len < sizeof(copy) && !memchr(text, '\0', len)) {
        memcpy(copy, text, len);
        copy[len] = '\0';
        if (memchr(copy, ':', len))
            return normalise_ipv6(copy, ret);
        if (!has_brackets && inet_pton(AF_INET, copy, &v4) == 1)
            return inet_ntop(AF_INET, &v4, ret, INET_ADDRSTRLEN) ? HOST_LITERAL : HOST_BAD;
    }
    return has_brackets ? HOST_BAD : normalise_name(text, len, ret);
}

static size_t len_without_dot(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && s[n - 1] == '.' ? n - 1 : n;
}

static bool equals(const char *pattern, size_t len, const char *host)
{
    if (strlen(host) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (lower(pattern[i]) != host[i])
            return false;
    return true;
}

bool host_matches(const char *pattern, const char *host)
{
    size_t len = len_without_dot(pattern), host_len = strlen(host);
    bool is_literal = strchr(host, ':') || ends_in_number(host);

    if (pattern[0] != '*')
        return equals(pattern, len, host);
    if (is_literal || (len > 1 && pattern[1] != '.'))
        return false;
    if (len <= 2) /* "*", and "*." */
        return len == 1;
    size_t suffix = len - 1; /* with its dot, before which something must stand */
    return host_len > suffix && equals(pattern + 1, suffix, host + host_len - suffix);
}

bool host_matches_any(char *const *patterns, const char *host)
{
    for (; patterns && *patterns; patterns++)
        if (host_matches(*patterns, host))
            return true;
    return false;
}

/* 1 … 65535, behind which `end` stands. */
static const char *parse_port(const char *s, unsigned *ret)
{
    unsigned v = 0;
    const char *p = s;

    for (; isdigit((unsigned char)*p) && p - s < 6; p++)
        v = v * 10 + (unsigned)(*p - '0');
    if (p == s || v == 0 || v > 65535)
        return NULL;
    *ret = v;
    return p;
}

bool host_port_parse(const char *text, unsigned *ret_low, unsigned *ret_high)
{
    unsigned low = 0, high = 0;
    const char *p = parse_port(text, &low);

    high = low;
    if (p && *p == '-')
        p = parse_port(p + 1, &high);
    if (!p || *p || high < low)
        return false;
    *ret_low = low;
    *ret_high = high;
    return true;
}
