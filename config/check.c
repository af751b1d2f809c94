#include "config/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/un.h>

#include "config/profile.h"
#include "config/redis_url.h"
#include "config/units.h"
#include "config/value.h"

#define REPLICA_ID_MAX 24
#define TOKEN_MIN      16 /* characters below which a warning is due */

PRINTF_LIKE(3, 4)
static void complain(struct config_layers *l, const char *path, const char *fmt, ...)
{
    CLEANUP(mem_free_p) char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    report_key(&l->report, layers_origin(l, path), config_key_get(path), "%s", text);
}

/* Who may ask. */

bool check_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127; /* RFC 1122, 3.2.1.3 */
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    return false;
}

static void check_token(struct config_layers *l)
{
    const char *token = l->config->token;
    if (!token)
        return;
    for (const char *p = token; *p; p++) {
        if (!isgraph((unsigned char)*p)) {
            complain(l, "auth.token",
                     "has a character no client can send (use letters, digits and - . _ ~ + /)");
            return;
        }
    }
    if (strcmp(token, "***") == 0)
        complain(l, "auth.token",
                 "\"***\" stands for the token that --print-config masked; "
                 "put the token there, or set SANDBOX_AUTH_TOKEN");
    else if (strlen(token) < TOKEN_MIN)
        report_warning(&l->report, layers_origin(l, "auth.token"), config_key_get("auth.token"),
                       "shorter than %d characters, easy to guess (try openssl rand -hex 24)",
                       TOKEN_MIN);
}

static void check_state_secret(struct config_layers *l)
{
    const char *secret = l->config->state_secret;
    if (secret && strcmp(secret, "***") == 0)
        complain(l, "auth.state_secret",
                 "\"***\" stands for the secret that --print-config masked; put the secret there, "
                 "or set SANDBOX_STATE_SECRET");
    else if (secret && strlen(secret) < TOKEN_MIN)
        complain(l, "auth.state_secret", "shorter than %d characters (try openssl rand -hex 24)",
                 TOKEN_MIN);
}

static void check_exposure(struct config_layers *l)
{
    const struct config *c = l->config;
    if (c->stdio || c->token || check_is_loopback(c->host))
        return;
    if (c->insecure)
        report_warning(&l->report, layers_origin(l, "server.insecure"),
                       config_key_get("server.insecure"),
                       "whoever reaches %s port %u can run commands here", c->host, c->port);
    else if (layers_is_good(l, "server.host") && layers_is_good(l, "auth.token") &&
             layers_is_good(l, "server.insecure"))
        complain(l, "server.host",
                 "\"%s\" can be reached from other machines and no token is set; set "
                 "SANDBOX_AUTH_TOKEN (--token, auth.token), or listen on 127.0.0.1, or allow it "
                 "with --insecure (server.insecure)",
                 c->host);
}

/* Who and where it is. */

static bool is_safe_id(const char *id)
{
    size_t len = strlen(id);
    return len >= 1 && len <= REPLICA_ID_MAX &&
           len == strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

char *check_safe_replica_id(const char *host_name)
{
    char *id = mem_strndup(host_name, strnlen(host_name, REPLICA_ID_MAX));
    for (char *p = id; *p; p++) {
        char lower = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        bool is_safe = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        *p = is_safe ? lower : '_';
    }
    if (*id)
        return id;
    free(id);
    return mem_strdup("replica");
}

static void check_replica_id(struct config_layers *l, const struct config_machine *m)
{
    struct config *c = l->config;
    if (!c->replica_id) {
        c->replica_id = check_safe_replica_id(m->host_name);
        return;
    }
    if (is_safe_id(c->replica_id))
        return;
    CLEANUP(mem_free_p) char *safe = check_safe_replica_id(c->replica_id);
    complain(l, "exec.replica_id", "\"%s\" is not 1 to %d of a-z, 0-9 and _ (try %s)",
             c->replica_id, REPLICA_ID_MAX, safe);
}

static bool can_write(const char *dir)
{
    return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0;
}

/* Can be used as it is, or made. */
static bool can_have(const char *dir)
{
    if (can_write(dir))
        return true;
    if (errno != ENOENT)
        return false;
    CLEANUP(mem_free_p) char *parent = mem_strdup(dir);
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent)
        return can_write("/");
    *slash = '\0';
    return can_write(parent);
}

static const char *find_absolute(char *const *environ_, const char *name)
{
    const char *value = layers_find_variable(environ_, name);
    return value && value[0] == '/' ? value : NULL; /* XDG: a relative one is to be ignored */
}

static char *default_state_dir(const struct config_machine *m)
{
    if (can_have(m->state_dir))
        return mem_strdup(m->state_dir);
    const char *xdg = find_absolute(m->environ_, "XDG_STATE_HOME");
    if (xdg)
        return mem_format("%s/mcp-execd", xdg);
    const char *home = find_absolute(m->environ_, "HOME");
    return home ? mem_format("%s/.local/state/mcp-execd", home) : NULL;
}

/* The keeper and a server that is started later must mean the same directory. */
static void make_absolute(char **path)
{
    if (**path == '/')
        return;
    CLEANUP(mem_free_p) char *here = getcwd(NULL, 0);
    if (!here)
        return; /* it is gone; so is whatever is relative to it, and opening it says so */
    CLEANUP(mem_free_p) char *relative = *path;
    *path = mem_format("%s/%s", here, relative);
}

static void check_state_dir(struct config_layers *l, const struct config_machine *m)
{
    struct config *c = l->config;
    if (!c->state_dir && c->stdio)
        return; /* a private one, made when it is needed */
    if (!c->state_dir)
        c->state_dir = default_state_dir(m);
    if (c->state_dir)
        make_absolute(&c->state_dir);
    else
        complain(l, "exec.state_dir",
                 "%s cannot be written and neither XDG_STATE_HOME nor HOME is set; name a "
                 "directory with --state-dir or SANDBOX_STATE_DIR",
                 m->state_dir);
}

/* What a client runs for itself shares nothing; the variable may be there for somebody else. */
static void check_alone(struct config_layers *l)
{
    struct config *c = l->config;
    if (!c->stdio || !c->redis_url)
        return;
    report_warning(&l->report, layers_origin(l, "redis.url"), config_key_get("redis.url"),
                   "not used with --stdio: the server of one client shares nothing");
    free(c->redis_url);
    c->redis_url = NULL;
}

/* Nobody looks for a log where a client happened to start us. */
static void check_log(struct config_layers *l)
{
    struct config *c = l->config;
    if (!c->stdio || layers_origin(l, "log.file")->kind != ORIGIN_DEFAULT)
        return;
    free(c->log_file);
    c->log_file = mem_strdup("");
}

/* The rest. */

static void check_paths(struct config_layers *l)
{
    const struct config *c = l->config;
    const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    if (c->working_directory && c->working_directory[0] != '/')
        complain(l, "exec.working_directory", "\"%s\" is not an absolute path",
                 c->working_directory);
    if (c->unix_socket && strlen(c->unix_socket) > max)
        complain(l, "server.unix_socket", "is longer than the %zu bytes Linux allows", max);
}

static void check_whitelist(struct config_layers *l)
{
    const struct config_strings *names = &l->config->environment_whitelist;
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->v[i];
        if (!*name || strchr(name, '='))
            complain(l, "exec.environment_whitelist", "\"%s\" is not the name of a variable", name);
        for (size_t j = 0; j < config_n_keys; j++) {
            const struct config_key *k = &config_keys[j];
            bool is_secret = k->type == CONFIG_T_SECRET || k->type == CONFIG_T_URL;
            if (is_secret && strcmp(k->variable, name) == 0)
                complain(l, "exec.environment_whitelist",
                         "%s holds a secret of the server; commands must not see it", name);
        }
    }
}

static void check_timeouts(struct config_layers *l)
{
    const struct config *c = l->config;
    if (c->max_timeout_ms >= c->timeout_ms || !layers_is_good(l, "limits.timeout") ||
        !layers_is_good(l, "limits.max_timeout"))
        return;
    char max[UNITS_TEXT_MAX], preset[UNITS_TEXT_MAX];
    units_format_duration(c->max_timeout_ms, max);
    units_format_duration(c->timeout_ms, preset);
    complain(l, "limits.max_timeout", "%s is less than limits.timeout, %s; raise it, or lower that",
             max, preset);
}

static void check_sandbox(struct config_layers *l)
{
    const struct config *c = l->config;
    if (!config_profile_find(c, c->sandbox_profile) && layers_is_good(l, "sandbox.profiles"))
        complain(l, "sandbox.profile",
                 "\"%s\" is none of sandbox.profiles (default and none are always there)",
                 c->sandbox_profile);
    if (c->bwrap_path && c->bwrap_path[0] != '/')
        complain(l, "sandbox.bwrap", "\"%s\" is not an absolute path", c->bwrap_path);
    if (c->sandbox_init_path && c->sandbox_init_path[0] != '/')
        complain(l, "sandbox.init", "\"%s\" is not an absolute path", c->sandbox_init_path);
}

static void check_redis(struct config_layers *l)
{
    const struct config *c = l->config;
    struct redis_url url;
    struct config_problem problem;
    if (!c->redis_tls_cert != !c->redis_tls_key)
        complain(l, c->redis_tls_cert ? "redis.tls_cert" : "redis.tls_key",
                 "a certificate and its key come together; set %s as well",
                 c->redis_tls_cert ? "redis.tls_key" : "redis.tls_cert");
    if (!c->redis_url)
        return;
    if (redis_url_parse(c->redis_url, &url, &problem)) {
        redis_url_deinit(&url);
        if (!c->state_secret)
            report_warning(&l->report, layers_origin(l, "redis.url"), config_key_get("redis.url"),
                           "without a common auth.state_secret no replica takes the cursors and "
                           "confirmations of another (set SANDBOX_STATE_SECRET)");
        return;
    }
    CLEANUP(mem_free_p)
    char *shown = config_value_show(config_key_get("redis.url"), c->redis_url);
    complain(l, "redis.url", "%s %s", shown, problem.text);
}

void check_layers(struct config_layers *l, const struct config_machine *m)
{
    check_token(l);
    check_state_secret(l);
    check_exposure(l);
    check_replica_id(l, m);
    check_state_dir(l, m);
    check_log(l);
    check_alone(l);
    check_paths(l);
    check_whitelist(l);
    check_timeouts(l);
    check_sandbox(l);
    check_confirm(l);
    check_egress(l);
    check_redis(l);
}
