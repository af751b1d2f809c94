#include "server/mcp/runtime.h"

#include <string.h>

#include <sys/stat.h>

#include "config/profile.h"
#include "exec/sandbox_wrap.h"
#include "state/base/buf.h"

void strv_append(char ***v, size_t *n, char *taken)
{
    char **grown = realloc(*v, (*n + 2) * sizeof(**v));
    if (!grown)
        abort();
    grown[(*n)++] = taken;
    grown[*n] = NULL;
    *v = grown;
}

char **runtime_shell(const struct config *c, const char *command)
{
    const char *const words[] = {c->shell, "-c", command};
    char **argv = NULL;
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_append(&argv, &n, xstrdup(words[i]));
    return argv;
}

/* ---- the languages there are ---- */

struct runtime {
    const struct config_runtime *config; /* borrowed */
    char *program;                       /* owned; absolute path of argv[0] */
};

const char *runtime_program(const struct runtimes *r, size_t i)
{
    return r->v[i].config->argv[0];
}

/* profile: what a command can see; NULL: everything. */
static bool is_program(const struct config_profile *profile, const char *path)
{
    if (profile && !sandbox_wrap_sees(profile, path))
        return false;
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* As execvp(3) looks, but only for absolute paths. NULL: not there. */
static char *find_program(const struct config_profile *profile, const char *name)
{
    const char *path = getenv("PATH");
    if (strchr(name, '/'))
        return name[0] == '/' && is_program(profile, name) ? xstrdup(name) : NULL;
    for (const char *end; path && *path; path = *end ? end + 1 : end) {
        struct buf b = {0};
        end = strchrnul(path, ':');
        buf_append(&b, path, (size_t)(end - path));
        buf_printf(&b, "/%s", name);
        if (b.data[0] == '/' && is_program(profile, b.data))
            return buf_steal(&b);
        buf_deinit(&b);
    }
    return NULL;
}

void runtimes_init(struct runtimes *r, const struct config *c)
{
    r->n = 0;
    const struct config_profile *profile =
        c->sandbox_profile ? config_profile_find(c, c->sandbox_profile) : NULL;
    if (profile && profile->isolation == CONFIG_ISOLATION_NONE)
        profile = NULL;
    r->v = xcalloc(c->n_runtimes + 1, sizeof(*r->v));
    for (size_t i = 0; i < c->n_runtimes; i++) {
        char *program = find_program(profile, c->runtimes[i].argv[0]);
        if (program)
            r->v[r->n++] = (struct runtime){.config = &c->runtimes[i], .program = program};
    }
}

void runtimes_deinit(struct runtimes *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->v[i].program);
    free(r->v);
    *r = (struct runtimes){0};
}

static const struct runtime *find_runtime(const struct runtimes *r, const char *language)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->v[i].config->language, language) == 0)
            return &r->v[i];
    return NULL;
}

/* Other names that models use. */
static const char *usual_name(const char *language)
{
    static const struct {
        const char *alias, *name;
    } names[] = {
        {"py", "python"},   {"python3", "python"},  {"js", "node"},
        {"nodejs", "node"}, {"javascript", "node"}, {"shell", "sh"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i].alias, language) == 0)
            return names[i].name;
    return language;
}

static char *unknown_language(const struct runtimes *r, const char *language)
{
    struct buf b = {0};
    buf_printf(&b, "language \"%.40s\" has no runtime on this server: ", language);
    buf_append_str(&b, r->n > 0 ? "there are" : "there is none, use command");
    for (size_t i = 0; i < r->n; i++)
        buf_printf(&b, "%s %s", i ? "," : "", r->v[i].config->language);
    return buf_steal(&b);
}

char **runtime_code(const struct runtimes *r, const char *language, const char *code,
                    char **ret_error)
{
    const struct runtime *runtime = find_runtime(r, language);
    if (!runtime)
        runtime = find_runtime(r, usual_name(language));
    if (!runtime) {
        *ret_error = unknown_language(r, language);
        return NULL;
    }
    char **argv = NULL;
    size_t n = 0;
    strv_append(&argv, &n, xstrdup(runtime->program));
    for (char **p = runtime->config->argv + 1; *p; p++)
        strv_append(&argv, &n, xstrdup(strcmp(*p, "{code}") == 0 ? code : *p));
    return argv;
}
