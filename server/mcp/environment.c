#include "server/mcp/environment.h"

#include <ctype.h>
#include <string.h>

#include "exec/init/init_wire.h"
#include "server/mcp/runtime.h"
#include "state/base/buf.h"

#define RESERVED_PREFIX "MCP_EXECUTION_" /* the keeper's marks: what belongs to which execution */
#define DEFAULT_PATH    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool is_name(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return *s == '\0';
}

/* An array of NAME=VALUE. */
struct environment {
    char **v; /* owned until it is returned */
    size_t n;
};

/* Sets a variable, in place of one of the first `n_older` that has the same name. */
static void set(struct environment *e, size_t n_older, const char *name, const char *value)
{
    struct buf b = {0};
    size_t len = strlen(name);
    buf_printf(&b, "%s=%s", name, value);
    for (size_t i = 0; i < n_older; i++) {
        if (strncmp(e->v[i], name, len) == 0 && e->v[i][len] == '=') {
            free(e->v[i]);
            e->v[i] = buf_steal(&b);
            return;
        }
    }
    strv_append(&e->v, &e->n, buf_steal(&b));
}

/* In both cases of letters: curl takes http_proxy only so, others the other. */
static void add_proxy(struct environment *e, const char *secret)
{
    static const char *const names[] = {"HTTP_PROXY",  "http_proxy", "HTTPS_PROXY",
                                        "https_proxy", "ALL_PROXY",  "all_proxy"};
    struct buf b = {0};
    buf_printf(&b, "http://mcp:%s@127.0.0.1:%d", secret, INIT_PROXY_PORT);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        set(e, e->n, names[i], b.data);
    set(e, e->n, "NO_PROXY", "localhost,127.0.0.1,::1");
    set(e, e->n, "no_proxy", "localhost,127.0.0.1,::1");
    buf_deinit(&b);
}

static void inherit(struct environment *e, const struct environment_options *o)
{
    const struct config_strings *names = o->names;
    set(e, 0, "PATH", DEFAULT_PATH);
    set(e, 0, "HOME", o->home);
    if (o->has_terminal)
        set(e, 0, "TERM", "xterm");
    for (size_t i = 0; i < names->n; i++) {
        const char *value = getenv(names->v[i]);
        if (value)
            set(e, e->n, names->v[i], value);
    }
    if (o->proxy_secret)
        add_proxy(e, o->proxy_secret);
}

static char *check_entry(const char *name, size_t total)
{
    struct buf b = {0};
    if (!is_name(name))
        buf_printf(&b,
                   "environment: \"%.60s\" is no name of a variable: letters, digits and _, not "
                   "beginning with a digit",
                   name);
    else if (strncmp(name, RESERVED_PREFIX, strlen(RESERVED_PREFIX)) == 0)
        buf_printf(&b, "environment.%.60s: names that begin with " RESERVED_PREFIX " are reserved",
                   name);
    else if (total > ENVIRONMENT_MAX_BYTES)
        buf_printf(&b, "environment has more than %u bytes: put the bulk into a file",
                   ENVIRONMENT_MAX_BYTES);
    else
        return NULL;
    return buf_steal(&b);
}

char *environment_make(const struct environment_options *o, char ***ret_env)
{
    struct environment e = {0};
    char *error = NULL;
    size_t total = 0;
    inherit(&e, o);
    size_t n_inherited = e.n; /* names of the map differ from each other */
    for (const cJSON *v = o->map ? o->map->child : NULL; v && !error; v = v->next) {
        total += strlen(v->string) + strlen(v->valuestring) + 2;
        error = check_entry(v->string, total);
        if (!error)
            set(&e, n_inherited, v->string, v->valuestring);
    }
    *ret_env = e.v;
    return error;
}
