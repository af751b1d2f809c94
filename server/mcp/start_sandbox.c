#include "server/mcp/start_sandbox.h"

#include <openssl/rand.h>
#include <stdio.h>

#include "exec/isolation.h"
#include "server/mcp/sandbox_config.h"

#define SECRET_BYTES 16

void start_profile_limits(const struct config_profile *p, uint64_t workspace_quota,
                          struct execution_limits *l)
{
    if (p->max_memory_bytes)
        l->max_memory_bytes = p->max_memory_bytes;
    if (p->max_cpu_ms)
        l->max_cpu_ms = p->max_cpu_ms;
    if (p->max_file_bytes)
        l->max_file_bytes = p->max_file_bytes;
    if (p->max_processes)
        l->max_processes = p->max_processes;
    if (p->max_open_files)
        l->max_open_files = p->max_open_files;
    if (workspace_quota && (l->max_file_bytes == 0 || l->max_file_bytes > workspace_quota))
        l->max_file_bytes = workspace_quota;
}

/* Of the proxy, for this execution alone. */
static char *make_secret(void)
{
    unsigned char random[SECRET_BYTES];
    char *text = xcalloc(1, 2 * SECRET_BYTES + 1);
    if (RAND_bytes(random, sizeof(random)) != 1)
        abort();
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(text + 2 * i, 3, "%02x", random[i]);
    return text;
}

char *start_isolate(struct exec_spec *s, const struct start_options *o, const char *home,
                    uint64_t uid)
{
    const struct sandbox_scope scope = {.profile = isolation_profile(o->isolation), .home = home};
    const cJSON *asked = arguments_get(&start_arguments, o->arguments, "sandbox_config");
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths paths = {0};

    char *error = sandbox_config_paths(asked, &scope, &paths);
    if (error)
        return error;
    s->sandbox = isolation_make(o->isolation, home, uid, &paths);
    if (s->sandbox->network == SPEC_NETWORK_PROXY)
        s->sandbox->proxy_secret = make_secret();
    return sandbox_config_network(asked, &scope, s->sandbox);
}
