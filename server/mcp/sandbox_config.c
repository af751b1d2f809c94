#include "server/mcp/sandbox_config.h"

#include <stdio.h>

#include "state/base/buf.h"

#define MIB          1048576.0
#define AMOUNT_MAX   1e9 /* far beyond any machine, far below what overflows */
#define DOMAINS_HINT "Names of hosts; *.example.com for all below example.com."

static const struct arg network_rows[] = {
    {.name = "allowed_domains",
     .type = ARG_STRINGS,
     .example_json = "[\"pypi.org\",\"*.example.com\"]",
     .description = "Only these may be reached. " DOMAINS_HINT},
    {.name = "denied_domains", .type = ARG_STRINGS, .description = "Not these. " DOMAINS_HINT},
};
static const struct arg_set network = {
    .args = network_rows, .n = ARRAY_LEN(network_rows), .takes_camel_case = true};

static const struct arg filesystem_rows[] = {
    {.name = "deny_read", .type = ARG_STRINGS, .description = "Paths that can't be read."},
    {.name = "allow_write", .type = ARG_STRINGS, .description = "Only paths that can be written."},
    {.name = "deny_write", .type = ARG_STRINGS, .description = "Paths that can't be written."},
};
static const struct arg_set filesystem = {
    .args = filesystem_rows, .n = ARRAY_LEN(filesystem_rows), .takes_camel_case = true};

static const struct arg limit_rows[] = {
    {.name = "max_memory_mb",
     .type = ARG_INTEGER,
     .min = 1,
     .max = AMOUNT_MAX,
     .example_json = "512",
     .description = "Memory of each process, MiB."},
    {.name = "max_cpu_seconds",
     .type = ARG_INTEGER,
     .min = 1,
     .max = AMOUNT_MAX,
     .description = "CPU time of each process."},
    {.name = "max_file_size_mb",
     .type = ARG_INTEGER,
     .min = 1,
     .max = AMOUNT_MAX,
     .description = "Size of a file it writes, MiB."},
    {.name = "max_processes",
     .type = ARG_INTEGER,
     .min = 1,
     .max = AMOUNT_MAX,
     .description = "Processes and threads at a time."},
};
static const struct arg_set resource_limits = {
    .args = limit_rows, .n = ARRAY_LEN(limit_rows), .takes_camel_case = true};

static const struct arg rows[] = {
    {.name = "network",
     .type = ARG_OBJECT,
     .members = &network,
     .description = "Which hosts may be reached. Refused by servers without a sandbox."},
    {.name = "filesystem",
     .type = ARG_OBJECT,
     .members = &filesystem,
     .description = "Which paths may be used. Refused by servers without a sandbox."},
    {.name = "resource_limits",
     .type = ARG_OBJECT,
     .members = &resource_limits,
     .description = "Tighter limits than the operator's."},
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

static char *too_much(size_t i, double asked, uint64_t granted)
{
    struct buf b = {0};
    buf_printf(&b,
               "sandbox_config.resource_limits.%s: %.0f is more than this server grants (%.10g): "
               "ask for less, or have the operator raise %s",
               limits_table[i].name, asked, (double)granted / limits_table[i].unit,
               limits_table[i].key);
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
                 "out to run without that restriction",
                 group) < 0)
        abort();
    return text;
}

char *sandbox_config_apply(const cJSON *o, struct execution_limits *limits)
{
    if (!o)
        return NULL;
    char *error = refuse_isolation(o, "network");
    if (!error)
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
            return too_much(i, v->valuedouble, *limit);
        *limit = amount;
    }
    return NULL;
}
