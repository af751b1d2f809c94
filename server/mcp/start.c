#include "server/mcp/start.h"

#include <stdio.h>

#include "exec/isolation.h"
#include "server/mcp/environment.h"
#include "server/mcp/request_hash.h"
#include "server/mcp/sandbox_config.h"
#include "server/mcp/start_sandbox.h"
#include "server/mcp/workspace.h"
#include "state/base/buf.h"

/* What of the arguments does not change what is run: a retry may differ in it. */
static const char *const not_hashed[] = {"idempotency_key", "wait_for_completion", "wait_seconds",
                                         "output", NULL};

static char *command_error(const char *command, const char *language, const char *code)
{
    if (command && (language || code))
        return xstrdup("command and language with code exclude each other: give one of the two");
    if (!command && !language && !code)
        return xstrdup("command is required (or language and code): what to run");
    if (!command && !code)
        return xstrdup("code is required with language: the program to run");
    if (!command && !language)
        return xstrdup("language is required with code: which runtime is to run it, e.g. python");
    return NULL;
}

static char *set_command(struct exec_spec *s, const struct start_options *o)
{
    const char *command = arg_str(o->arguments, "command");
    const char *language = arg_str(o->arguments, "language"), *code = arg_str(o->arguments, "code");
    char *error = command_error(command, language, code);
    if (error)
        return error;
    if (command) {
        s->command = xstrdup(command);
        s->argv = runtime_shell(o->config, command);
        return NULL;
    }
    s->argv = runtime_code(o->runtimes, language, code, &error);
    if (s->argv && asprintf(&s->command, "%s: %s", language, code) < 0)
        abort();
    return error;
}

static const struct config_strings *environment_names(const struct start_options *o)
{
    const struct config_profile *p = o->isolation ? isolation_profile(o->isolation) : NULL;
    return p && p->environment.n > 0 ? &p->environment : &o->config->environment_whitelist;
}

static char *set_surroundings(struct exec_spec *s, const struct start_options *o)
{
    const struct workspace_options w = {.config = o->config,
                                        .isolation = o->isolation,
                                        .session = o->session,
                                        .principal = o->principal,
                                        .working_directory =
                                            arg_str(o->arguments, "working_directory")};
    CLEANUP(free_p) char *home = NULL;
    char *error = NULL;
    uint64_t uid = 0;
    int r = workspace_make(&w, &home, &uid);
    if (r < 0) {
        if (asprintf(&error, "The server can't make a working directory: %s", strerror(-r)) < 0)
            abort();
        return error;
    }
    s->cwd = workspace_resolve(&w, home, &error);
    if (!s->cwd)
        return error;
    if (o->isolation)
        error = start_isolate(s, o, home, uid);
    if (error)
        return error;
    const struct environment_options e = {.names = environment_names(o),
                                          .map = json_get(o->arguments, "environment"),
                                          .home = o->isolation ? SANDBOX_WORKSPACE : home,
                                          .proxy_secret =
                                              s->sandbox ? s->sandbox->proxy_secret : NULL,
                                          .has_terminal = s->pty};
    return environment_make(&e, &s->env);
}

static char *set_limits(struct exec_spec *s, const struct start_options *o)
{
    const struct config *c = o->config;
    double seconds = arg_number(o->arguments, "timeout_seconds", 0);
    s->limits = (struct execution_limits){.timeout_ms = c->timeout_ms,
                                          .idle_timeout_ms = c->idle_timeout_ms,
                                          .kill_grace_ms = c->kill_grace_ms,
                                          .max_output_bytes = c->max_output_bytes,
                                          .keep_output_bytes = c->keep_output_bytes,
                                          .max_stdin_bytes = c->max_stdin_bytes,
                                          .max_memory_bytes = c->max_memory_bytes,
                                          .max_cpu_ms = c->max_cpu_ms,
                                          .max_file_bytes = c->max_file_bytes,
                                          .max_processes = c->max_processes,
                                          .max_open_files = c->max_open_files};
    const struct config_profile *profile = o->isolation ? isolation_profile(o->isolation) : NULL;
    const struct sandbox_scope scope = {.profile = profile};
    if (profile)
        start_profile_limits(profile, c->workspace_quota_bytes, &s->limits);
    if (seconds > 0)
        s->limits.timeout_ms = seconds < 0.001 ? 1 : (uint64_t)(seconds * 1000);
    return sandbox_config_limits(arguments_get(&start_arguments, o->arguments, "sandbox_config"),
                                 profile ? &scope : NULL, &s->limits);
}

static char *print_or_null(const cJSON *v)
{
    return v && !cJSON_IsNull(v) ? json_print(v) : NULL;
}

struct exec_spec *start_spec(const struct start_options *o, char **ret_error)
{
    CLEANUP(exec_spec_freep) struct exec_spec *s = xcalloc(1, sizeof(*s));
    const char *key = arg_str(o->arguments, "idempotency_key");
    s->principal = xstrdup(o->principal);
    s->session_id = o->session ? xstrdup(o->session) : NULL;
    s->pty = arg_bool(o->arguments, "pty", false);
    s->interactive = s->pty || arg_bool(o->arguments, "interactive", false);
    s->sync = o->is_sync;
    s->output = print_or_null(json_get(o->arguments, "output"));
    if (key) {
        s->idempotency_key = xstrdup(key);
        s->request_hash = xcalloc(1, SHA256_HEX + 1);
        request_hash(o->arguments, not_hashed, s->request_hash);
    }
    *ret_error = set_command(s, o);
    if (!*ret_error)
        *ret_error = set_limits(s, o);
    if (!*ret_error)
        *ret_error = set_surroundings(s, o);
    return *ret_error ? NULL : TAKE_PTR(s);
}
