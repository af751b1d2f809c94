#include "config/runtime.h"

#include "config/string_list.h"

#define LANGUAGES_MAX 64
#define LANGUAGE_MAX  32

static bool check_runtime(const char *language, const struct yaml_tree *node,
                          struct config_problem *p)
{
    size_t len = strlen(language);
    if (len == 0 || len > LANGUAGE_MAX ||
        len != strspn(language, "abcdefghijklmnopqrstuvwxyz0123456789_+#.-"))
        return config_refuse(p,
                             "is for no language (name it with a-z, 0-9 and _ + # . -, at most %d)",
                             LANGUAGE_MAX);
    if (!string_list_check(node, true, p))
        return false;
    size_t n_code = 0;
    for (size_t i = 1; i < node->n_items; i++)
        n_code += strcmp(node->items[i].text, "{code}") == 0;
    if (node->n_items > 0 && n_code != 1)
        return config_refuse(p, "needs a program and one element \"{code}\" "
                                "(try [python3, -c, \"{code}\"])");
    return true;
}

bool config_runtime_set(struct config *c, const char *language, const struct yaml_tree *node,
                        size_t *ret_index, struct config_problem *ret_problem)
{
    if (!check_runtime(language, node, ret_problem))
        return false;
    size_t i = 0;
    while (i < c->n_runtimes && strcmp(c->runtimes[i].language, language) != 0)
        i++;
    if (i == c->n_runtimes) {
        if (i == LANGUAGES_MAX)
            return config_refuse(ret_problem, "is one language too many (at most %d)",
                                 LANGUAGES_MAX);
        c->runtimes = mem_resize(c->runtimes, i + 1, sizeof(*c->runtimes));
        c->runtimes[i] = (struct config_runtime){.language = mem_strdup(language)};
        c->n_runtimes++;
    }
    string_list_free(c->runtimes[i].argv);
    c->runtimes[i].argv = string_list_copy(node);
    *ret_index = i;
    return true;
}

static void free_runtime(struct config_runtime *r)
{
    free(r->language);
    string_list_free(r->argv);
}

void config_runtime_drop_removed(struct config *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n_runtimes; i++) {
        if (c->runtimes[i].argv[0])
            c->runtimes[kept++] = c->runtimes[i];
        else
            free_runtime(&c->runtimes[i]);
    }
    c->n_runtimes = kept;
}

void config_runtime_free_all(struct config *c)
{
    for (size_t i = 0; i < c->n_runtimes; i++)
        free_runtime(&c->runtimes[i]);
    free(c->runtimes);
}
