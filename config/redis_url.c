#include "config/redis_url.h"

#include <ctype.h>
#include <string.h>

#include <sys/un.h>

#define PORT_REDIS    6379
#define PORT_SENTINEL 26379

static const struct scheme {
    const char *prefix;
    enum redis_url_kind kind;
    bool is_tls;
} schemes[] = {
    {"redis://", REDIS_URL_TCP, false},
    {"rediss://", REDIS_URL_TCP, true},
    {"unix://", REDIS_URL_UNIX, false},
    {"redis+sentinel://", REDIS_URL_SENTINEL, false},
    {"rediss+sentinel://", REDIS_URL_SENTINEL, true},
};

/* A part of the text that is still to be read. */
struct part {
    const char *at;
    size_t len;
};

/* Up to `c`, which is left out; the rest stays in *p. False: there is no `c`. */
static bool cut(struct part *p, char c, struct part *ret_before)
{
    const char *found = memchr(p->at, c, p->len);
    if (!found)
        return false;
    *ret_before = (struct part){p->at, (size_t)(found - p->at)};
    p->len -= ret_before->len + 1;
    p->at = found + 1;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL: a stray '%', or a NUL. */
static char *decode(struct part p)
{
    char *text = mem_calloc(p.len + 1, 1), *to = text;
    for (size_t i = 0; i < p.len; i++) {
        if (p.at[i] != '%') {
            *to++ = p.at[i];
            continue;
        }
        int high = i + 2 < p.len ? hex_value(p.at[i + 1]) : -1;
        int low = high >= 0 ? hex_value(p.at[i + 2]) : -1;
        if (low < 0 || high * 16 + low == 0) {
            explicit_bzero(text, p.len);
            free(text);
            return NULL;
        }
        *to++ = (char)(high * 16 + low);
        i += 2;
    }
    return text;
}

static bool read_number(struct part p, uint32_t max, uint32_t *ret)
{
    uint32_t value = 0;
    if (p.len == 0 || p.len > 7)
        return false;
    for (size_t i = 0; i < p.len; i++) {
        if (p.at[i] < '0' || p.at[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(p.at[i] - '0');
    }
    *ret = value;
    return value <= max;
}

static bool read_db(struct part p, struct redis_url *u, struct config_problem *problem)
{
    return read_number(p, REDIS_URL_MAX_DB, &u->db) ||
           config_refuse(problem,
                         "names no database (a number from 0 to %u, as in "
                         "redis://host:6379/0)",
                         REDIS_URL_MAX_DB);
}

/* user:password of "user:password@…"; the last @ ends it, so that a raw one may be in a password.
 */
static bool read_credentials(struct part *rest, struct redis_url *u, struct config_problem *problem)
{
    const char *at = memrchr(rest->at, '@', rest->len);
    if (!at)
        return true;
    struct part user, password = {rest->at, (size_t)(at - rest->at)};
    rest->len -= password.len + 1;
    rest->at = at + 1;
    if (!cut(&password, ':', &user))
        return config_refuse(problem, "has a user and no password before the \"@\" (write "
                                      "user:password@, or :password@ for the password alone)");
    if (password.len == 0)
        return config_refuse(problem, "has an empty password before the \"@\"");
    u->user = user.len > 0 ? decode(user) : NULL;
    u->password = decode(password);
    if ((user.len > 0 && !u->user) || !u->password)
        return config_refuse(problem, "has a \"%%\" in user or password that begins no "
                                      "percent-encoded byte (write %%25 for \"%%\")");
    return true;
}

static bool is_host_char(char c, bool is_ipv6)
{
    return isalnum((unsigned char)c) || c == '.' || (is_ipv6 ? c == ':' || c == '%' : c == '-') ||
           (!is_ipv6 && c == '_');
}

/* The host of one endpoint; the port's text, if any, stays in *p. */
static bool read_host(struct part *p, struct part *ret_host, bool *ret_has_port,
                      struct config_problem *problem)
{
    bool is_ipv6 = p->len > 0 && p->at[0] == '[';
    if (is_ipv6) {
        p->at++, p->len--;
        if (!cut(p, ']', ret_host))
            return config_refuse(problem, "has a \"[\" without a \"]\" behind the IPv6 address");
        *ret_has_port = p->len > 0;
        if (*ret_has_port && *p->at != ':')
            return config_refuse(problem, "goes on behind the \"]\" of an IPv6 address without a "
                                          "\":\" and a port");
        if (*ret_has_port)
            p->at++, p->len--;
    } else {
        *ret_has_port = cut(p, ':', ret_host);
        if (!*ret_has_port)
            *ret_host = *p;
    }
    if (ret_host->len == 0)
        return config_refuse(problem, "names no host (try redis://host:6379/0)");
    for (size_t i = 0; i < ret_host->len; i++) {
        if (!is_host_char(ret_host->at[i], is_ipv6))
            return config_refuse(problem, "has a character in the host that no host has%s",
                                 is_ipv6 ? "" : " (an IPv6 address needs brackets)");
    }
    return true;
}

static bool read_endpoint(struct part p, uint16_t preset, struct redis_url *u,
                          struct config_problem *problem)
{
    struct part host = {0};
    bool has_port = false;
    uint32_t port = preset;
    if (!read_host(&p, &host, &has_port, problem))
        return false;
    if (has_port && (!read_number(p, UINT16_MAX, &port) || port == 0))
        return config_refuse(problem, "has no port number behind the \":\" (1 to 65535)");
    if (u->n_endpoints == REDIS_URL_MAX_ENDPOINTS)
        return config_refuse(problem, "names more than %d hosts", REDIS_URL_MAX_ENDPOINTS);
    u->endpoint = mem_resize(u->endpoint, u->n_endpoints + 1, sizeof(*u->endpoint));
    u->endpoint[u->n_endpoints++] =
        (struct redis_endpoint){mem_strndup(host.at, host.len), (uint16_t)port};
    return true;
}

static bool read_tcp(struct part rest, struct redis_url *u, struct config_problem *problem)
{
    struct part host;
    bool has_db = cut(&rest, '/', &host);
    if (!has_db)
        host = rest;
    if (memchr(host.at, ',', host.len))
        return config_refuse(problem, "names several hosts (only redis+sentinel:// takes more "
                                      "than one)");
    if (!read_endpoint(host, PORT_REDIS, u, problem))
        return false;
    return !has_db || rest.len == 0 || read_db(rest, u, problem);
}

static bool read_unix(struct part rest, struct redis_url *u, struct config_problem *problem)
{
    const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    struct part path;
    bool has_query = cut(&rest, '?', &path);
    if (!has_query)
        path = rest;
    if (path.len < 2 || path.at[0] != '/')
        return config_refuse(problem, "names no absolute path (try unix:///run/redis/redis.sock)");
    if (path.len > max)
        return config_refuse(problem, "has a path longer than the %zu bytes Linux allows", max);
    u->path = mem_strndup(path.at, path.len);
    if (!has_query)
        return true;
    if (rest.len < 3 || memcmp(rest.at, "db=", 3) != 0)
        return config_refuse(problem, "has something else than \"db=\" behind the \"?\"");
    return read_db((struct part){rest.at + 3, rest.len - 3}, u, problem);
}

static bool is_service_char(char c)
{
    return isalnum((unsigned char)c) || strchr("-_.", c);
}

static bool read_service(struct part name, struct redis_url *u, struct config_problem *problem)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_service_char(name.at[i]))
            return config_refuse(problem, "has a character in the primary's name that sentinels do "
                                          "not take (letters, digits, - _ and .)");
    }
    if (name.len == 0)
        return config_refuse(problem, "names no primary (try "
                                      "redis+sentinel://host:26379,host:26379/mymaster/0)");
    u->service = mem_strndup(name.at, name.len);
    return true;
}

static bool read_sentinel(struct part rest, struct redis_url *u, struct config_problem *problem)
{
    struct part hosts, host, name;
    if (!cut(&rest, '/', &hosts)) {
        hosts = rest;
        rest.len = 0;
    }
    while (cut(&hosts, ',', &host)) {
        if (!read_endpoint(host, PORT_SENTINEL, u, problem))
            return false;
    }
    if (!read_endpoint(hosts, PORT_SENTINEL, u, problem))
        return false;
    bool has_db = cut(&rest, '/', &name);
    if (!read_service(has_db ? name : rest, u, problem))
        return false;
    return !has_db || rest.len == 0 || read_db(rest, u, problem);
}

static bool read_rest(struct part rest, struct redis_url *u, struct config_problem *problem)
{
    if (memchr(rest.at, '#', rest.len))
        return config_refuse(problem, "has a \"#\" (write %%23 for one in a password)");
    if (!read_credentials(&rest, u, problem))
        return false;
    switch (u->kind) {
    case REDIS_URL_TCP:
        return read_tcp(rest, u, problem);
    case REDIS_URL_UNIX:
        return read_unix(rest, u, problem);
    case REDIS_URL_SENTINEL:
        return read_sentinel(rest, u, problem);
    }
    abort();
}

bool redis_url_parse(const char *text, struct redis_url *ret, struct config_problem *ret_problem)
{
    size_t len = strnlen(text, REDIS_URL_MAX + 1);
    memset(ret, 0, sizeof(*ret));
    if (len > REDIS_URL_MAX)
        return config_refuse(ret_problem, "is longer than %d bytes", REDIS_URL_MAX);
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i].prefix);
        if (strncmp(text, schemes[i].prefix, n) != 0)
            continue;
        ret->kind = schemes[i].kind;
        ret->is_tls = schemes[i].is_tls;
        if (read_rest((struct part){text + n, len - n}, ret, ret_problem))
            return true;
        redis_url_deinit(ret);
        return false;
    }
    return config_refuse(ret_problem, "is not a URL of Redis (try redis://host:6379/0; also "
                                      "rediss://, unix:// and redis+sentinel://)");
}

void redis_url_deinit(struct redis_url *u)
{
    for (size_t i = 0; i < u->n_endpoints; i++)
        free(u->endpoint[i].host);
    free(u->endpoint);
    if (u->password)
        explicit_bzero(u->password, strlen(u->password));
    free(u->user);
    free(u->password);
    free(u->path);
    free(u->service);
    memset(u, 0, sizeof(*u));
}
