/* Between the network proxy, on its own thread, and executions: listeners go there, what it refused
 * comes back as notes. */
#include <stdarg.h>
#include <stdio.h>

#include "exec/egress/egress.h"
#include "exec/init/init_wire.h"
#include "exec/service.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/base/log.h"
#include "state/journal.h"

#define VARIABLES 8 /* that say where the proxy is */

static size_t count(char *const *v)
{
    size_t n = 0;
    while (v[n])
        n++;
    return n;
}

static bool has_variable(char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return true;
    return false;
}

/* One that the caller set itself stays. */
PRINTF_LIKE(3, 4)
static void add_variable(char **env, const char *name, const char *fmt, ...)
{
    CLEANUP(free_p) char *value = NULL;
    va_list ap;

    if (has_variable(env, name))
        return;
    va_start(ap, fmt);
    if (vasprintf(&value, fmt, ap) < 0)
        abort();
    va_end(ap);
    if (asprintf(&env[count(env)], "%s=%s", name, value) < 0)
        abort();
}

static char *make_secret(void)
{
    char id[ID_MAX + 1];
    id_make("x", id);
    return xstrdup(id + 2);
}

/* Programs disagree on how these are written: curl wants http_proxy in small letters. */
static void add_proxy(char **env, const char *secret)
{
    static const char *const http[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"},
                             *const all[] = {"all_proxy", "ALL_PROXY"},
                             *const none[] = {"no_proxy", "NO_PROXY"};

    for (size_t i = 0; i < ARRAY_LEN(http); i++)
        add_variable(env, http[i], "http://exec:%s@127.0.0.1:%d", secret, INIT_PROXY_PORT);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        add_variable(env, all[i], "socks5h://exec:%s@127.0.0.1:%d", secret, INIT_PROXY_PORT);
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        add_variable(env, none[i], "localhost,127.0.0.1,::1");
}

void service_egress_prepare(struct exec_spec *spec)
{
    struct spec_sandbox *s = spec->sandbox;

    if (!s || s->network != SPEC_NETWORK_PROXY)
        return;
    if (!s->proxy_secret)
        s->proxy_secret = make_secret();
    spec->env = realloc(spec->env, (count(spec->env) + VARIABLES + 1) * sizeof(char *));
    if (!spec->env)
        abort();
    char **end = spec->env + count(spec->env);
    memset(end, 0, (VARIABLES + 1) * sizeof(char *));
    add_proxy(spec->env, s->proxy_secret);
}

/* What it may reach stands in its spec, also of one that an earlier server started. */
static struct egress_policy *read_policy(const struct service *s, const char *id)
{
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, id);
    CLEANUP(exec_spec_freep) struct exec_spec *spec = NULL;

    if (exec_spec_read(dir, &spec) < 0 || !spec->sandbox ||
        spec->sandbox->network != SPEC_NETWORK_PROXY)
        return NULL;
    return egress_policy_new(spec->sandbox);
}

void service_egress_listener(struct service *s, const char *id, int listener_fd)
{
    CLEANUP(fd_closep) int fd = listener_fd;
    struct entry *e = registry_find(&s->registry, id);

    if (!e || e->phase == ENTRY_ENDED)
        return;
    struct egress_policy *policy = s->egress ? read_policy(s, id) : NULL;
    if (!policy) { /* what comes in there finds nobody: nothing can be reached */
        LOG_ERROR("egress_not_offered", LOG_STR("exec", id));
        return;
    }
    e->has_listener = true;
    egress_add(s->egress, id, TAKE_FD(fd), policy);
}

void service_egress_ended(struct service *s, struct entry *e)
{
    if (e->has_listener && s->egress)
        egress_remove(s->egress, e->id);
    e->has_listener = false;
}

void service_egress_note(struct service *s, const char *id, const char *note)
{
    int r = keeper_client_note(s->keeper, id, JOURNAL_VIOLATION, note);
    if (r < 0)
        LOG_WARN("note_not_sent", LOG_STR("exec", id), LOG_ERRNO(r));
}
