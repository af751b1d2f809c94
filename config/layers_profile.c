/* The layers of sandbox.profiles: each field of each profile is a value of its own. */
#include "config/layers.h"
#include "config/profile.h"

#define KEY "sandbox.profiles"

static const struct config_key *key(void)
{
    return config_key_get(KEY);
}

static void refuse_node(struct config_layers *l, const char *path, const struct config_key *k,
                        const struct yaml_tree *node, const struct config_origin *o,
                        const struct config_problem *p)
{
    CLEANUP(mem_free_p) char *shown = layers_show_node(k, node);
    layers_refuse(l, key(), path, shown, o, p);
}

static void apply_field(struct config_layers *l, size_t profile, const char *field,
                        const struct yaml_tree *node, const struct config_origin *o)
{
    struct config_profile *p = &l->config->profiles[profile];
    const struct config_key *k = config_profile_field(field);
    struct config_problem problem;
    if (!k) {
        const char *near = config_profile_field_nearest(field);
        l->origins[config_key_index(key())].is_bad = true;
        report_error(&l->report, o, "unknown key " KEY ".%s.%.80s%s%s%s", p->name, field,
                     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        return;
    }
    CLEANUP(mem_free_p) char *path = mem_format(KEY ".%s.%s", p->name, field);
    if (!config_profile_set(p, k, node, &problem))
        return refuse_node(l, path, k, node, o, &problem);
    l->profile_origins[profile] = *o;
    layers_keep_origin(l, key(), o);
}

static struct config_origin origin_of(const struct config_origin *o, const struct yaml_tree *node)
{
    struct config_origin ret = *o;
    if (o->kind == ORIGIN_FILE)
        ret.line = node->line;
    return ret;
}

/* The profile of this name, made when it is new; what it is made by is where it comes from. */
static bool find(struct config_layers *l, const char *name, const struct yaml_tree *node,
                 const struct config_origin *o, size_t *ret_index)
{
    struct config_problem problem;
    size_t before = l->config->n_profiles;
    if (!config_profile_make(l->config, name, ret_index, &problem)) {
        CLEANUP(mem_free_p) char *path = mem_format(KEY ".%s", name);
        refuse_node(l, path, key(), node, o, &problem);
        return false;
    }
    if (l->config->n_profiles == before)
        return true;
    l->profile_origins =
        mem_resize(l->profile_origins, l->config->n_profiles, sizeof(*l->profile_origins));
    l->profile_origins[*ret_index] = *o;
    return true;
}

static void apply_profile(struct config_layers *l, const char *name, const struct yaml_tree *node,
                          const struct config_origin *o)
{
    struct config_problem problem;
    size_t i = 0;
    if (node->kind != YAML_TREE_MAP && !node->is_null) {
        CLEANUP(mem_free_p) char *path = mem_format(KEY ".%s", name);
        (void)config_refuse(&problem, "is not a mapping of fields to values");
        return refuse_node(l, path, key(), node, o, &problem);
    }
    if (!find(l, name, node, o, &i))
        return;
    for (size_t j = 0; j < node->n_items; j++) {
        struct config_origin of_item = origin_of(o, &node->items[j]);
        apply_field(l, i, node->items[j].key, &node->items[j], &of_item);
    }
}

void layers_apply_profiles(struct config_layers *l, const char *path, const struct yaml_tree *node,
                           const struct config_origin *o)
{
    if (strcmp(path, KEY) != 0) {
        const char *name = path + strlen(KEY) + 1, *dot = strchr(name, '.');
        CLEANUP(mem_free_p)
        char *alone = mem_strndup(name, dot ? (size_t)(dot - name) : strlen(name));
        size_t i = 0;
        if (!dot)
            apply_profile(l, alone, node, o);
        else if (find(l, alone, node, o, &i))
            apply_field(l, i, dot + 1, node, o);
        return;
    }
    if (node->kind != YAML_TREE_MAP) {
        struct config_problem problem;
        (void)config_refuse(&problem, "%s %s", node->is_null ? "must be" : "is not",
                            config_type_name(CONFIG_T_PROFILES));
        return refuse_node(l, path, key(), node, o, &problem);
    }
    for (size_t i = 0; i < node->n_items; i++) {
        struct config_origin of_item = origin_of(o, &node->items[i]);
        apply_profile(l, node->items[i].key, &node->items[i], &of_item);
    }
}
