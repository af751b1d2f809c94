#include "config/string_list.h"

#include "config/quote.h"

bool string_list_check_text(const char *text, bool can_have_controls, struct config_problem *p)
{
    enum quote_check r = quote_check(text);
    if (r == QUOTE_E_UTF8)
        return config_refuse(p, "is not valid UTF-8");
    if (r == QUOTE_E_CONTROL && !can_have_controls)
        return config_refuse(p, "has a control character");
    return true;
}

bool string_list_check(const struct yaml_tree *node, bool can_have_controls,
                       struct config_problem *p)
{
    if (node->kind == YAML_TREE_SCALAR && !node->is_null && node->text[0])
        return config_refuse(p, "is not a list (put it in [ ])");
    if (node->kind != YAML_TREE_LIST)
        return config_refuse(p, "is not a list (try [])");
    for (size_t i = 0; i < node->n_items; i++) {
        const struct yaml_tree *item = &node->items[i];
        if (item->kind != YAML_TREE_SCALAR || item->is_null)
            return config_refuse(p, "has something else than a string (element %zu)", i + 1);
        struct config_problem of_item = {0};
        if (!string_list_check_text(item->text, can_have_controls, &of_item))
            return config_refuse(p, "has a string that %s (element %zu)", of_item.text, i + 1);
    }
    return true;
}

char **string_list_copy(const struct yaml_tree *list)
{
    char **v = mem_calloc(list->n_items + 1, sizeof(*v));
    for (size_t i = 0; i < list->n_items; i++)
        v[i] = mem_strdup(list->items[i].text);
    return v;
}

void string_list_free(char **v)
{
    for (size_t i = 0; v && v[i]; i++)
        free(v[i]);
    free(v);
}

void string_list_write(FILE *f, char *const *v)
{
    (void)fputc('[', f);
    for (size_t i = 0; v && v[i]; i++) {
        (void)fputs(i ? ", " : "", f);
        quote_write(f, v[i]);
    }
    (void)fputc(']', f);
}
