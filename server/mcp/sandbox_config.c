#include "server/mcp/sandbox_config.h"

#include <stdio.h>
#include <string.h>

#include "exec/egress/host.h"
#include "exec/sandbox_wrap.h"
#include "server/mcp/runtime.h"
#include "state/base/buf.h"

#define MIB        1048576.0
#define AMOUNT_MAX 1e9 /* far beyond any machine, far below what overflows */

static const struct arg network_rows[] = {
    {.name = "allowed_domains",
     .type = ARG_STRINGS,
     .description = "Hosts that may be reached; *.example.com: all below."},
    {.name = "denied_domains", .type = ARG_STRINGS, .description = "Hosts that may not."},
};
static const struct arg_set network = {
    .args = network_rows, .n = ARRAY_LEN(network_rows), .takes_camel_case = true};

static const struct arg filesystem_rows[] = {
    {.name = "deny_read", .type = ARG_STRINGS, .description = "Paths that can't be read."},
    {.name = "allow_write",
     .type = ARG_STRINGS,
     .description = "Paths made writable, where the operator lets calls do so."},
    {.name = "deny_write", .type = ARG_STRINGS, .description = "Paths that can't be written."},
};
static const struct arg_set filesystem = {
    .args = filesystem_rows, .n = ARRAY_LEN(filesystem_rows), .takes_camel_case = true};

static const struct arg limit_rows[] = {
    {.name = "max_memory_mb",
     .type = ARG_INTEGER,
     .min = 1,
     .max = AMOUNT_MAX,
     .description = "Memory, MiB."},
    {.name = "max_cpu_seconds",
     .type = ARG_INTEGER,
     .min = 1,
     .max = AMOUNT_MAX,
     .description = "CPU time."},
    {.name = "max_file_size_mb",
     .type = ARG_INTEGER,
     .min = 1,
     .max = AMOUNT_MAX,
     .description = "Size of each file, MiB."},
    {.name = "max_processes",
     .type = ARG_INTEGER,
     .min = 1,
     .max = AMOUNT_MAX,
     .description = "Processes and threads at a time."},
};
static const struct arg_set resource_limits = {
    .args = limit_rows, .n = ARRAY_LEN(limit_rows), .takes_camel_case = true};

static const struct arg rows[] = {
    {.name = "network", .type = ARG_OBJECT, .members = &network, .description = "Default: none."},
    {.name = "filesystem",
     .type = ARG_OBJECT,
     .members = &filesystem,
     .description = "~ is the workspace; *, ? and [ ] match within a name."},
    {.name = "resource_limits",
     .type = ARG_OBJECT,
     .members = &resource_limits,
     .description = "Of all its processes together."},
};
const struct arg_set sandbox_arguments = {
    .args = rows, .n = ARRAY_LEN(rows), .takes_camel_case = true};

static const struct {
    const char *name, *key; /* the argument; the operator's setting */
    size_t offset;          /* of a uint64_t in struct execution_limits */
    double unit;
} limits_table[] = {
    {"max_memory_mb", "limits.max_memory", offsetof(struct execution_limits, max_memory_bytes),
     MIB},
    {"max_cpu_seconds", "limits.max_cpu", offsetof(struct execution_limits, max_cpu_ms), 1000},
    {"max_file_size_mb", "limits.max_file", offsetof(struct execution_limits, max_file_bytes), MIB},
    {"max_processes", "limits.max_processes", offsetof(struct execution_limits, max_processes), 1},
};
static_assert(ARRAY_LEN(limits_table) == ARRAY_LEN(limit_rows), "every limit is applied");

static char *too_much(size_t i, double asked, uint64_t granted, const struct sandbox_scope *scope)
{
    struct buf b = {0};
    const char *name = strchr(limits_table[i].key, '.') + 1;
    buf_printf(&b,
               "sandbox_config.resource_limits.%s: %.0f is more than this server grants (%.10g): "
               "ask for less, or have the operator raise %s",
               limits_table[i].name, asked, (double)granted / limits_table[i].unit,
               limits_table[i].key);
    if (scope)
        buf_printf(&b, " or sandbox.profiles.%s.%s", scope->profile->name, name);
    return buf_steal(&b);
}

/* Anything asked for here would be a promise of isolation. */
static char *refuse_isolation(const cJSON *o, const char *group)
{
    char *text = NULL;
    const cJSON *v = arguments_get(&sandbox_arguments, o, group);
    if (cJSON_GetArraySize(v) == 0)
        return NULL;
    if (asprintf(&text,
                 "sandbox_config.%s needs a sandbox, which this server does not offer: leave it "
                 "out to run without that restriction, or have the operator choose a "
                 "sandbox.profile that isolates",
                 group) < 0)
        abort();
    return text;
}

char *sandbox_config_limits(const cJSON *o, const struct sandbox_scope *scope,
                            struct execution_limits *limits)
{
    if (!o)
        return NULL;
    char *error = scope ? NULL : refuse_isolation(o, "network");
    if (!error && !scope)
        error = refuse_isolation(o, "filesystem");
    if (error)
        return error;
    const cJSON *asked = arguments_get(&sandbox_arguments, o, "resource_limits");
    for (size_t i = 0; asked && i < ARRAY_LEN(limits_table); i++) {
        const cJSON *v = arguments_get(&resource_limits, asked, limits_table[i].name);
        uint64_t *limit = (uint64_t *)(void *)((char *)limits + limits_table[i].offset);
        if (!v)
            continue;
        uint64_t amount = (uint64_t)(v->valuedouble * limits_table[i].unit);
        if (*limit > 0 && amount > *limit)
            return too_much(i, v->valuedouble, *limit, scope);
        *limit = amount;
    }
    return NULL;
}

/* ---- filesystem ---- */

static char *refuse_path(const char *field, const char *text, char *taken_why)
{
    struct buf b = {0};
    buf_printf(&b, "sandbox_config.filesystem.%s: \"%.200s\" %s", field, text, taken_why);
    free(taken_why);
    return buf_steal(&b);
}

static char *not_granted(const struct sandbox_scope *s)
{
    char *text = NULL;
    if (asprintf(&text,
                 "is not granted for writing: leave it out, or have the operator add it to "
                 "sandbox.profiles.%s.allow_write_roots",
                 s->profile->name) < 0)
        abort();
    return text;
}

enum wish { DENY_READ, ALLOW_WRITE, DENY_WRITE };

static void mount_target(const struct sandbox_target *t, enum wish wish,
                         struct sandbox_paths *paths)
{
    struct sandbox_path p = {
        .is_directory = t->is_directory, .path = t->path, .dev = t->dev, .ino = t->ino};
    switch (wish) {
    case DENY_READ:
        if (t->place == SANDBOX_PLACE_READABLE && !sandbox_path_is_reachable(t->path))
            return; /* nobody in there can open it */
        p.how = SANDBOX_HIDDEN;
        break;
    case ALLOW_WRITE:
        if (t->place == SANDBOX_PLACE_WRITABLE)
            return; /* it is already */
        p.how = SANDBOX_WRITABLE;
        break;
    case DENY_WRITE:
        if (t->place != SANDBOX_PLACE_WRITABLE && t->place != SANDBOX_PLACE_ROOT)
            return;
        p.how = SANDBOX_READ_ONLY;
        break;
    }
    sandbox_paths_add(paths, &p);
}

static char *check_targets(const struct sandbox_scope *s, const struct sandbox_targets *found,
                           enum wish wish)
{
    for (size_t i = 0; i < found->n; i++)
        if (wish == ALLOW_WRITE && found->v[i].place < SANDBOX_PLACE_WRITABLE)
            return not_granted(s);
    if (found->n == 0 && wish == ALLOW_WRITE)
        return not_granted(s);
    if (found->is_above) /* to leave it out would be to deny less than was asked for */
        return xstrdup("lies above what the sandbox has: name the directories that are meant");
    return NULL;
}

static char *apply_list(const cJSON *o, const char *field, enum wish wish,
                        const struct sandbox_scope *s, struct sandbox_paths *paths)
{
    const cJSON *v;
    cJSON_ArrayForEach(v, arguments_get(&filesystem, o, field))
    {
        CLEANUP(sandbox_targets_deinit) struct sandbox_targets found = {0};
        char *why = sandbox_path_find(s, v->valuestring, &found);
        if (!why)
            why = check_targets(s, &found, wish);
        if (!why && paths->n + found.n > SANDBOX_TARGETS_MAX)
            why = xstrdup("is, with the others, more than 256 paths: name directories instead");
        if (why)
            return refuse_path(field, v->valuestring, why);
        for (size_t i = 0; i < found.n; i++)
            mount_target(&found.v[i], wish, paths);
    }
    return NULL;
}

/* In this order, so that what takes away wins. */
char *sandbox_config_paths(const cJSON *o, const struct sandbox_scope *scope,
                           struct sandbox_paths *ret_paths)
{
    const cJSON *asked = o ? arguments_get(&sandbox_arguments, o, "filesystem") : NULL;
    if (!asked)
        return NULL;
    char *error = apply_list(asked, "allow_write", ALLOW_WRITE, scope, ret_paths);
    if (!error)
        error = apply_list(asked, "deny_write", DENY_WRITE, scope, ret_paths);
    if (!error)
        error = apply_list(asked, "deny_read", DENY_READ, scope, ret_paths);
    sandbox_paths_drop_hidden(ret_paths);
    return error;
}

/* ---- network ---- */

static char *refuse_network(const struct sandbox_scope *s, const char *field, const char *host,
                            const char *why, const char *key)
{
    struct buf b = {0};
    buf_printf(&b, "sandbox_config.network.%s%s%.200s%s %s: leave it out, or have the operator ",
               field, *host ? ": \"" : "", host, *host ? "\"" : "", why);
    buf_printf(&b,
               strcmp(key, "network") == 0 ? "set sandbox.profiles.%s.%s: proxy"
                                           : "add it to sandbox.profiles.%s.%s",
               s->profile->name, key);
    return buf_steal(&b);
}

/* Whether everything that `asked` means is granted by the pattern. */
static bool is_within(const char *asked, const char *granted)
{
    if (strcasecmp(asked, granted) == 0 || strcmp(granted, "*") == 0)
        return true;
    const char *name = strncmp(asked, "*.", 2) == 0 ? asked + 2 : asked;
    size_t n = strlen(name), len = strlen(granted);
    return strncmp(granted, "*.", 2) == 0 && n > len - 1 &&
           strcasecmp(name + n - (len - 1), granted + 1) == 0;
}

static bool is_granted(const struct config_profile *p, const char *asked)
{
    for (size_t i = 0; i < p->allowed_domains.n; i++)
        if (is_within(asked, p->allowed_domains.v[i]))
            return true;
    return false;
}

static bool is_host(const char *s)
{
    char name[HOST_NAME_MAX_LEN + 1];
    const char *rest = strncmp(s, "*.", 2) == 0 ? s + 2 : s;
    return host_normalise(rest, strlen(rest), name) == HOST_NAME;
}

static char *apply_hosts(const cJSON *list, const char *field, const struct sandbox_scope *s,
                         char ***to)
{
    bool is_allowing = strcmp(field, "allowed_domains") == 0;
    const cJSON *v;
    size_t n = 0;

    while ((*to)[n])
        n++;
    cJSON_ArrayForEach(v, list)
    {
        if (!is_host(v->valuestring))
            return refuse_network(s, field, v->valuestring, "is no host (try example.com)", field);
        if (is_allowing && !is_granted(s->profile, v->valuestring))
            return refuse_network(s, field, v->valuestring, "is not granted", field);
        strv_append(to, &n, xstrdup(v->valuestring));
    }
    return NULL;
}

char *sandbox_config_network(const cJSON *o, const struct sandbox_scope *scope,
                             struct spec_sandbox *s)
{
    const cJSON *asked = o ? arguments_get(&sandbox_arguments, o, "network") : NULL;
    const cJSON *allowed = asked ? arguments_get(&network, asked, "allowed_domains") : NULL;
    const cJSON *denied = asked ? arguments_get(&network, asked, "denied_domains") : NULL;

    if (s->network != SPEC_NETWORK_PROXY) {
        /* Without a network there is nothing left to deny; the host's can't be narrowed. */
        bool is_host_net = s->network == SPEC_NETWORK_HOST;
        if (cJSON_GetArraySize(allowed) > 0 || (allowed && is_host_net))
            return refuse_network(scope, "allowed_domains", "",
                                  is_host_net ? "can't be held with the host's network"
                                              : "asks for a network, which is not granted",
                                  "network");
        if (cJSON_GetArraySize(denied) > 0 && is_host_net)
            return refuse_network(scope, "denied_domains", "",
                                  "can't be held with the host's network", "network");
        return NULL;
    }
    char *error = NULL;
    if (allowed) {
        strv_free(s->allowed_domains);
        s->allowed_domains = xcalloc(1, sizeof(char *));
        error = apply_hosts(allowed, "allowed_domains", scope, &s->allowed_domains);
    }
    if (!error && denied)
        error = apply_hosts(denied, "denied_domains", scope, &s->denied_domains);
    return error;
}
