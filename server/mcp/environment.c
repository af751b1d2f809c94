#include "server/mcp/environment.h"

#include <ctype.h>
#include <string.h>

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

/* An entry NAME=VALUE; a later one replaces an earlier one of the same name. */
static void set(char ***env, size_t *n, const char *name, const char *value)
{
    struct buf b = {0};
    size_t len = strlen(name);
    buf_printf(&b, "%s=%s", name, value);
    for (size_t i = 0; i < *n; i++) {
        if (strncmp((*env)[i], name, len) == 0 && (*env)[i][len] == '=') {
            free((*env)[i]);
            (*env)[i] = buf_steal(&b);
            return;
        }
    }
    strv_append(env, n, buf_steal(&b));
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
    const struct config_strings *inherited = &o->config->environment_whitelist;
    char **env = NULL, *error = NULL;
    size_t n = 0, total = 0;
    set(&env, &n, "PATH", DEFAULT_PATH);
    if (o->has_terminal)
        set(&env, &n, "TERM", "xterm");
    for (size_t i = 0; i < inherited->n; i++) {
        const char *value = getenv(inherited->v[i]);
        if (value)
            set(&env, &n, inherited->v[i], value);
    }
    set(&env, &n, "HOME", o->home);
    for (const cJSON *v = o->map ? o->map->child : NULL; v && !error; v = v->next) {
        total += strlen(v->string) + strlen(v->valuestring) + 2;
        error = check_entry(v->string, total);
        if (!error)
            set(&env, &n, v->string, v->valuestring);
    }
    *ret_env = env;
    return error;
}
