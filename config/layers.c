#include "config/layers.h"

#include <assert.h>
#include <errno.h>

#include <sys/stat.h>

#include "config/runtime.h"
#include "config/value.h"
#include "config/yaml_tree.h"

const struct config_origin *layers_origin(const struct config_layers *l, const char *path)
{
    return &l->origins[config_key_index(config_key_get(path))];
}

bool layers_is_good(const struct config_layers *l, const char *path)
{
    return !layers_origin(l, path)->is_bad;
}

/* One value. */

void layers_keep_origin(struct config_layers *l, const struct config_key *k,
                        const struct config_origin *o)
{
    struct config_origin *kept = &l->origins[config_key_index(k)];
    bool is_bad = kept->is_bad;
    *kept = *o;
    kept->is_bad = is_bad;
}

void layers_refuse(struct config_layers *l, const struct config_key *k, const char *path,
                   const char *shown, const struct config_origin *o, const struct config_problem *p)
{
    l->origins[config_key_index(k)].is_bad = true;
    report_value(&l->report, o, path, shown, p);
}

char *layers_show_node(const struct config_key *k, const struct yaml_tree *node)
{
    if (node->kind == YAML_TREE_SCALAR)
        return node->is_null ? mem_strdup("") : config_value_show(k, node->text);
    return mem_strdup(node->kind == YAML_TREE_LIST ? "a list" : "a mapping");
}

static void apply_runtime(struct config_layers *l, const char *language,
                          const struct yaml_tree *node, const struct config_origin *o)
{
    const struct config_key *k = config_key_get("exec.runtimes");
    struct config_problem problem;
    size_t i = 0;
    if (!config_runtime_set(l->config, language, node, &i, &problem)) {
        CLEANUP(mem_free_p) char *path = mem_format("%s.%s", k->path, language);
        CLEANUP(mem_free_p) char *shown = layers_show_node(k, node);
        layers_refuse(l, k, path, shown, o, &problem);
        return;
    }
    l->runtime_origins =
        mem_resize(l->runtime_origins, l->config->n_runtimes, sizeof(*l->runtime_origins));
    l->runtime_origins[i] = *o;
    layers_keep_origin(l, k, o);
}

static void apply_runtimes(struct config_layers *l, const struct config_key *k,
                           const struct yaml_tree *node, const struct config_origin *o)
{
    if (node->kind != YAML_TREE_MAP) {
        struct config_problem problem;
        CLEANUP(mem_free_p) char *shown = layers_show_node(k, node);
        (void)config_refuse(&problem, "%s %s", *shown ? "is not" : "must be",
                            config_type_name(k->type));
        layers_refuse(l, k, k->path, shown, o, &problem);
        return;
    }
    for (size_t i = 0; i < node->n_items; i++) {
        struct config_origin of_item = *o;
        if (o->kind == ORIGIN_FILE)
            of_item.line = node->items[i].line;
        apply_runtime(l, node->items[i].key, &node->items[i], &of_item);
    }
}

static bool set_node(struct config_layers *l, const struct config_key *k,
                     const struct yaml_tree *node, struct config_problem *p)
{
    if (k->type == CONFIG_T_LIST)
        return config_value_set_list(l->config, k, node, p);
    if (node->kind != YAML_TREE_SCALAR)
        return config_refuse(p, "is not %s", config_type_name(k->type));
    return config_value_set_text(l->config, k, node->is_null ? NULL : node->text, p);
}

static void apply_node(struct config_layers *l, const struct config_key *k,
                       const struct yaml_tree *node, const struct config_origin *o)
{
    struct config_problem problem;
    if (k->type == CONFIG_T_RUNTIMES) {
        apply_runtimes(l, k, node, o);
    } else if (k->type == CONFIG_T_PROFILES) {
        layers_apply_profiles(l, k->path, node, o);
    } else if (set_node(l, k, node, &problem)) {
        layers_keep_origin(l, k, o);
    } else {
        CLEANUP(mem_free_p) char *shown = layers_show_node(k, node);
        layers_refuse(l, k, k->path, shown, o, &problem);
    }
}

/* Text of a key that is no scalar is YAML. */
static void apply_yaml(struct config_layers *l, const struct config_key *k, const char *path,
                       const char *text, const struct config_origin *o)
{
    CLEANUP(yaml_tree_deinit) struct yaml_tree node = {0};
    struct yaml_tree_error error;
    if (!yaml_tree_parse(text, strlen(text), &node, &error)) {
        struct config_problem problem;
        CLEANUP(mem_free_p) char *shown = config_value_show(k, text);
        (void)config_refuse(&problem, "cannot be read: %s", error.text);
        layers_refuse(l, k, path, shown, o, &problem);
    } else if (k->type == CONFIG_T_PROFILES) {
        layers_apply_profiles(l, path, &node, o);
    } else if (strcmp(path, k->path) != 0) {
        apply_runtime(l, path + strlen(k->path) + 1, &node, o);
    } else {
        apply_node(l, k, &node, o);
    }
}

static void apply_text(struct config_layers *l, const struct config_key *k, const char *path,
                       const char *text, const struct config_origin *o)
{
    if (!config_type_is_scalar(k->type)) {
        apply_yaml(l, k, path, text, o);
        return;
    }
    struct config_problem problem;
    if (config_value_set_text(l->config, k, text, &problem)) {
        layers_keep_origin(l, k, o);
        return;
    }
    CLEANUP(mem_free_p) char *shown = config_value_show(k, text);
    layers_refuse(l, k, path, shown, o, &problem);
}

/* The defaults. */

void layers_init(struct config_layers *l, FILE *errors)
{
    *l = (struct config_layers){
        .config = mem_calloc(1, sizeof(*l->config)),
        .origins = mem_calloc(config_n_keys, sizeof(*l->origins)),
        .report = {.out = errors},
    };
    static const struct config_origin preset = {.kind = ORIGIN_DEFAULT};
    for (size_t i = 0; i < config_n_keys; i++) {
        if (config_keys[i].preset)
            apply_text(l, &config_keys[i], config_keys[i].path, config_keys[i].preset, &preset);
    }
    assert(l->report.n_errors == 0);
}

void layers_deinit(struct config_layers *l)
{
    config_free(l->config);
    free(l->origins);
    free(l->runtime_origins);
    free(l->profile_origins);
    free(l->file_name);
}

struct config *layers_steal(struct config_layers *l)
{
    struct config *c = l->config;
    l->config = NULL;
    config_runtime_drop_removed(c);
    c->config_file =
        l->file_name ? realpath(l->file_name, NULL) : NULL; /* of memory: there is none */
    return c;
}

/* The file. */

static void complain_unknown(struct config_layers *l, const struct config_origin *o,
                             const char *path)
{
    const char *near = config_key_nearest(path);
    report_error(&l->report, o, "unknown key %.80s%s%s%s", path, near ? "; did you mean " : "",
                 near ? near : "; see --print-config for all of them", near ? "?" : "");
}

static void read_section(struct config_layers *l, const struct yaml_tree *section,
                         struct config_origin o)
{
    if (section->kind == YAML_TREE_SCALAR && section->is_null)
        return; /* all its keys are commented out */
    if (section->kind != YAML_TREE_MAP) {
        report_error(&l->report, &o, "%s is a section: put its keys below it, indented",
                     section->key);
        return;
    }
    for (size_t i = 0; i < section->n_items; i++) {
        const struct yaml_tree *node = &section->items[i];
        CLEANUP(mem_free_p) char *path = mem_format("%s.%s", section->key, node->key);
        const struct config_key *k = config_key_find(path);
        o.line = node->line;
        if (k)
            apply_node(l, k, node, &o);
        else
            complain_unknown(l, &o, path);
    }
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < config_n_sections; i++) {
        if (strcmp(config_sections[i].name, name) == 0)
            return true;
    }
    return false;
}

void layers_read_text(struct config_layers *l, const char *name, const char *data, size_t len)
{
    free(l->file_name);
    l->file_name = mem_strdup(name);
    struct config_origin o = {.kind = ORIGIN_FILE, .name = l->file_name};
    CLEANUP(yaml_tree_deinit) struct yaml_tree root = {0};
    struct yaml_tree_error error;
    if (!yaml_tree_parse(data, len, &root, &error)) {
        o.line = error.line;
        report_error(&l->report, &o, "%s", error.text);
        return;
    }
    o.line = root.line;
    if (root.kind != YAML_TREE_MAP && !root.is_null)
        report_error(&l->report, &o, "not a mapping of sections; see config/mcp-execd.yaml");
    for (size_t i = 0; root.kind == YAML_TREE_MAP && i < root.n_items; i++) {
        o.line = root.items[i].line;
        if (is_section(root.items[i].key))
            read_section(l, &root.items[i], o);
        else
            complain_unknown(l, &o, root.items[i].key);
    }
}

/* Up to one byte more than a tree takes. 0; -errno. */
static int read_bytes(const char *name, char **ret_data, size_t *ret_len, mode_t *ret_mode)
{
    CLEANUP(mem_close_p) FILE *f = fopen(name, "re");
    struct stat st;
    if (!f || fstat(fileno(f), &st) < 0)
        return -errno;
    CLEANUP(mem_free_p) char *data = mem_calloc(YAML_TREE_MAX_BYTES + 1, 1);
    size_t len = fread(data, 1, YAML_TREE_MAX_BYTES + 1, f);
    if (ferror(f))
        return -errno;
    *ret_data = data;
    data = NULL;
    *ret_len = len;
    *ret_mode = st.st_mode;
    return 0;
}

void layers_read_file(struct config_layers *l, const char *name, bool is_asked_for)
{
    CLEANUP(mem_free_p) char *data = NULL;
    size_t len = 0;
    mode_t mode = 0;
    int r = read_bytes(name, &data, &len, &mode);
    if (!is_asked_for && (r == -ENOENT || r == -ENOTDIR))
        return;
    if (r < 0) {
        struct config_origin o = {.kind = ORIGIN_FILE, .name = name};
        report_error(&l->report, &o, "cannot be read: %s", strerror(-r));
        return;
    }
    layers_read_text(l, name, data, len);
    const struct config_origin *token = layers_origin(l, "auth.token");
    if (token->kind == ORIGIN_FILE && S_ISREG(mode) && (mode & S_IROTH))
        report_warning(&l->report, token, config_key_get("auth.token"),
                       "every user of this machine can read it (chmod o-r %s)", name);
}

/* The environment and the flags. */

const char *layers_find_variable(char *const *environ_, const char *name)
{
    size_t len = strlen(name);
    for (; *environ_; environ_++) {
        if (strncmp(*environ_, name, len) == 0 && (*environ_)[len] == '=')
            return *environ_ + len + 1;
    }
    return NULL;
}

void layers_read_environment(struct config_layers *l, char *const *environ_)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        const char *value = k->variable ? layers_find_variable(environ_, k->variable) : NULL;
        if (!value || (!*value && !k->can_be_empty))
            continue;
        struct config_origin o = {.kind = ORIGIN_ENVIRONMENT, .name = k->variable};
        apply_text(l, k, k->path, value, &o);
    }
}

void layers_read_flags(struct config_layers *l, const struct config_flags *flags)
{
    for (size_t i = 0; i < flags->n_assignments; i++) {
        const struct config_assignment *a = &flags->assignments[i];
        apply_text(l, a->key, a->path, a->value, &a->origin);
    }
}
