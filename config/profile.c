#include "config/profile.h"

#include "config/nearest.h"
#include "config/value.h"

#define PROFILES_MAX 64
#define NAME_MAX_LEN 32
#define PIB          (1ull << 50)
#define YEAR_MS      (365ull * 24 * 3600 * 1000)

#define FIELD(f) \
    .offset = offsetof(struct config_profile, f), .width = sizeof(((struct config_profile *)0)->f)
#define LIST(f)             .type = CONFIG_T_LIST, FIELD(f)
#define ENUM(f, c)          .type = CONFIG_T_ENUM, FIELD(f), .choices = (c)
#define UNSIGNED(f, lo, hi) .type = CONFIG_T_UNSIGNED, FIELD(f), .min = (lo), .max = (hi)
#define SIZE(f, lo, hi)     .type = CONFIG_T_SIZE, FIELD(f), .min = (lo), .max = (hi)
#define DURATION(f, lo, hi) .type = CONFIG_T_DURATION, FIELD(f), .min = (lo), .max = (hi)

static const struct config_choice isolations[] = {
    {"bwrap", CONFIG_ISOLATION_BWRAP}, {"none", CONFIG_ISOLATION_NONE}, {NULL, 0}};
static const struct config_choice networks[] = {{"none", CONFIG_NETWORK_NONE},
                                                {"proxy", CONFIG_NETWORK_PROXY},
                                                {"host", CONFIG_NETWORK_HOST},
                                                {NULL, 0}};

const struct config_key config_profile_fields[] = {
    {"isolation", ENUM(isolation, isolations), .preset = "bwrap",
     .help = "bwrap: namespaces and a system call filter; none: nothing at all"},
    {"read_only", LIST(read_only),
     .preset = "[/usr, /bin, /sbin, /lib, /lib32, /lib64, /libx32, /etc, /opt]",
     .help = "paths of the host that can be read; what isn't there is left out"},
    {"writable", LIST(writable), .preset = "[]",
     .help = "paths of the host that can be written, besides the workspace"},
    {"hidden", LIST(hidden), .preset = "[/etc/mcp-execd]",
     .help = "paths below the others that look empty"},
    {"allow_write_roots", LIST(allow_write_roots), .preset = "[]",
     .help = "paths below which a call may make something writable (filesystem.allow_write)"},
    {"environment", LIST(environment), .preset = "[]",
     .help = "variables that commands inherit; none: exec.environment_whitelist"},
    {"tmp_size", SIZE(tmp_bytes, 4096, PIB), .preset = "256MiB",
     .help = "size of the private /tmp, and of /dev/shm; in memory"},
    {"uid", UNSIGNED(uid, 0, 65534), .preset = "1000",
     .help = "user id, and group id, that the command sees as its own"},
    {"network", ENUM(network, networks), .preset = "none",
     .help = "none: loopback only; proxy: allowed_domains through the proxy; host: all of it"},
    {"allowed_domains", LIST(allowed_domains), .preset = "[]",
     .help = "network proxy: hosts that may be reached, *.example.com for all below it"},
    {"denied_domains", LIST(denied_domains), .preset = "[]",
     .help = "network proxy: hosts that may not, whatever allowed_domains says"},
    {"allowed_ports", LIST(allowed_ports), .preset = "[80, 443]",
     .help = "network proxy: ports that may be reached, 443 or 8000-8999"},
    {"allowed_addresses", LIST(allowed_addresses), .preset = "[]",
     .help = "network proxy: private ranges that may be reached, e.g. 10.1.0.0/16"},
    {"max_memory", SIZE(max_memory_bytes, 0, PIB), .preset = "0",
     .help = "in place of limits.max_memory; 0: that holds"},
    {"max_cpu", DURATION(max_cpu_ms, 0, YEAR_MS), .preset = "0",
     .help = "in place of limits.max_cpu; 0: that holds"},
    {"max_file", SIZE(max_file_bytes, 0, PIB), .preset = "0",
     .help = "in place of limits.max_file; 0: that holds"},
    {"max_processes", UNSIGNED(max_processes, 0, 4194304), .preset = "0",
     .help = "in place of limits.max_processes; 0: that holds"},
    {"max_open_files", UNSIGNED(max_open_files, 0, 1048576), .preset = "0",
     .help = "in place of limits.max_open_files; 0: that holds"},
};
const size_t config_n_profile_fields =
    sizeof(config_profile_fields) / sizeof(config_profile_fields[0]);

struct config *config_profile_base(struct config_profile *p)
{
    return (struct config *)(void *)p; /* offsets are counted from there, nothing else is used */
}

const struct config_key *config_profile_field(const char *name)
{
    for (size_t i = 0; i < config_n_profile_fields; i++)
        if (strcmp(config_profile_fields[i].path, name) == 0)
            return &config_profile_fields[i];
    return NULL;
}

const char *config_profile_field_nearest(const char *name)
{
    struct nearest n = {0};
    for (size_t i = 0; i < config_n_profile_fields; i++)
        (void)nearest_offer(&n, name, config_profile_fields[i].path);
    return n.word;
}

static bool is_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= NAME_MAX_LEN &&
           len == strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
}

static bool set_text(struct config_profile *p, const struct config_key *k, const char *text,
                     struct config_problem *problem)
{
    CLEANUP(yaml_tree_deinit) struct yaml_tree node = {0};
    struct yaml_tree_error error;
    return yaml_tree_parse(text, strlen(text), &node, &error) &&
           config_profile_set(p, k, &node, problem);
}

static void set_defaults(struct config_profile *p)
{
    struct config_problem problem;
    for (size_t i = 0; i < config_n_profile_fields; i++)
        if (!set_text(p, &config_profile_fields[i], config_profile_fields[i].preset, &problem))
            abort(); /* the table is wrong */
}

struct config_profile *config_profile_make(struct config *c, const char *name, size_t *ret_index,
                                           struct config_problem *ret_problem)
{
    size_t i = 0;
    while (i < c->n_profiles && strcmp(c->profiles[i].name, name) != 0)
        i++;
    *ret_index = i;
    if (i < c->n_profiles)
        return &c->profiles[i];
    if (!is_name(name)) {
        (void)config_refuse(ret_problem,
                            "is for no profile (name it with a-z, 0-9, _ and -, at "
                            "most %d)",
                            NAME_MAX_LEN);
        return NULL;
    }
    if (i == PROFILES_MAX) {
        (void)config_refuse(ret_problem, "is one profile too many (at most %d)", PROFILES_MAX);
        return NULL;
    }
    c->profiles = mem_resize(c->profiles, i + 1, sizeof(*c->profiles));
    c->profiles[i] = (struct config_profile){.name = mem_strdup(name)};
    set_defaults(&c->profiles[i]);
    c->n_profiles++;
    return &c->profiles[i];
}

const struct config_profile *config_profile_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_profiles; i++)
        if (strcmp(c->profiles[i].name, name) == 0)
            return &c->profiles[i];
    return NULL;
}

/* ---- one field ---- */

/* Absolute and without "..", "." or "//": what it names is what is written. */
static bool check_path(const char *path, struct config_problem *p)
{
    if (path[0] != '/')
        return config_refuse(p, "has \"%.80s\", which is not an absolute path", path);
    for (const char *at = path + 1; *at || (at[-1] == '/' && at > path + 1);) {
        size_t len = strcspn(at, "/");
        if (len == 0 || (at[0] == '.' && (len == 1 || (len == 2 && at[1] == '.'))))
            return config_refuse(p,
                                 "has \"%.80s\": write a path without /./, /../, // and a "
                                 "slash at its end",
                                 path);
        at += len;
        if (*at == '\0')
            break;
        at++;
    }
    return true;
}

static bool check_name(const char *name, struct config_problem *p)
{
    if (!*name || strchr(name, '='))
        return config_refuse(p, "has \"%.80s\", which is not the name of a variable", name);
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        bool is_secret = k->type == CONFIG_T_SECRET || k->type == CONFIG_T_URL;
        if (is_secret && k->variable && strcmp(k->variable, name) == 0)
            return config_refuse(p, "has %s, a secret of the server; commands must not see it",
                                 name);
    }
    return true;
}

static bool check_domain(const char *name, struct config_problem *p)
{
    const char *rest = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    size_t len = strlen(rest);
    if (len > 0 && len <= 253 && rest[0] != '.' &&
        len == strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"))
        return true;
    return config_refuse(p, "has \"%.80s\", which is no host (try example.com or *.example.com)",
                         name);
}

static bool check_items(const struct config_key *k, const struct yaml_tree *node,
                        struct config_problem *p)
{
    static const struct {
        const char *field;
        bool (*check)(const char *text, struct config_problem *p);
    } checks[] = {
        {"read_only", check_path},        {"writable", check_path},
        {"hidden", check_path},           {"allow_write_roots", check_path},
        {"environment", check_name},      {"allowed_domains", check_domain},
        {"denied_domains", check_domain},
    };
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        for (size_t j = 0; strcmp(checks[i].field, k->path) == 0 && j < node->n_items; j++)
            if (!checks[i].check(node->items[j].text, p))
                return false;
    return true;
}

bool config_profile_set(struct config_profile *p, const struct config_key *field,
                        const struct yaml_tree *node, struct config_problem *ret_problem)
{
    struct config *base = config_profile_base(p);
    if (field->type == CONFIG_T_LIST)
        return config_value_set_list(base, field, node, ret_problem) &&
               check_items(field, node, ret_problem);
    if (node->kind != YAML_TREE_SCALAR)
        return config_refuse(ret_problem, "is not %s", config_type_name(field->type));
    return config_value_set_text(base, field, node->is_null ? NULL : node->text, ret_problem);
}

void config_profile_free_all(struct config *c)
{
    for (size_t i = 0; i < c->n_profiles; i++) {
        struct config *base = config_profile_base(&c->profiles[i]);
        for (size_t j = 0; j < config_n_profile_fields; j++)
            config_value_deinit(base, &config_profile_fields[j]);
        free(c->profiles[i].name);
    }
    free(c->profiles);
}
