#include "server/mcp/runtime.h"

#include <string.h>

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

static const struct config_runtime *find_runtime(const struct config *c, const char *language)
{
    for (size_t i = 0; i < c->n_runtimes; i++)
        if (strcmp(c->runtimes[i].language, language) == 0)
            return &c->runtimes[i];
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

static char *unknown_language(const struct config *c, const char *language)
{
    struct buf b = {0};
    buf_printf(&b, "language \"%.40s\" has no runtime on this server: ", language);
    buf_append_str(&b, c->n_runtimes > 0 ? "there are" : "none is configured, use command");
    for (size_t i = 0; i < c->n_runtimes; i++)
        buf_printf(&b, "%s %s", i ? "," : "", c->runtimes[i].language);
    return buf_steal(&b);
}

char **runtime_code(const struct config *c, const char *language, const char *code,
                    char **ret_error)
{
    const struct config_runtime *runtime = find_runtime(c, language);
    if (!runtime)
        runtime = find_runtime(c, usual_name(language));
    if (!runtime) {
        *ret_error = unknown_language(c, language);
        return NULL;
    }
    char **argv = NULL;
    size_t n = 0;
    for (char **p = runtime->argv; *p; p++)
        strv_append(&argv, &n, xstrdup(strcmp(*p, "{code}") == 0 ? code : *p));
    return argv;
}
