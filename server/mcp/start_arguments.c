/* What execute_code and execute_code_async take. */
#include "server/mcp/sandbox_config.h"
#include "server/mcp/start.h"
#include "server/mcp/tool.h"

static double max_command(const struct config *c)
{
    return (double)c->max_command_bytes - 1; /* the kernel counts the NUL too */
}

static double max_timeout(const struct config *c)
{
    return (double)c->max_timeout_ms / 1000;
}

static double default_timeout(const struct config *c)
{
    return (double)c->timeout_ms / 1000;
}

static double max_wait(const struct config *c)
{
    return (double)c->max_wait_ms / 1000;
}

/* One table; the first row is the one that execute_code alone takes. */
static const struct arg rows[] = {
    {.name = "wait_for_completion",
     .type = ARG_BOOLEAN,
     .default_json = "true",
     .description = "false: return at once; then poll get_execution_output."},
    {.name = "command",
     .type = ARG_STRING,
     .min = 1,
     .max_of = max_command,
     .max_key = "limits.max_command",
     .description = "For sh -c. Either this, or language and code."},
    {.name = "language",
     .type = ARG_STRING,
     .min = 1,
     .max = 40,
     .description = "What runs code: python, node, bash … as the server has them."},
    {.name = "code",
     .type = ARG_STRING,
     .min = 1,
     .max_of = max_command,
     .max_key = "limits.max_command",
     .description = "Program text."},
    {.name = "timeout_seconds",
     .type = ARG_NUMBER,
     .flags = ARG_ABOVE_MIN,
     .max_of = max_timeout,
     .max_key = "limits.max_timeout",
     .default_of = default_timeout,
     .description = "It is ended after so long."},
    {.name = "wait_seconds",
     .type = ARG_NUMBER,
     .min = 0,
     .max_of = max_wait,
     .max_key = "limits.max_wait",
     .description = "Wait at most so long. What still runs then goes on."},
    {.name = "interactive",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Keeps stdin open for send_stdin."},
    {.name = "pty",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Interactive on a terminal, for programs that want one."},
    {.name = "working_directory",
     .type = ARG_STRING,
     .min = 1,
     .max = 4000,
     .description = "Absolute, or below the workspace, which is the default."},
    {.name = "environment",
     .type = ARG_STRING_MAP,
     .description = "Variables, besides the few it inherits."},
    {.name = "sandbox_config",
     .type = ARG_OBJECT,
     .members = &sandbox_arguments,
     .description = "Within what the operator grants. camelCase is taken too."},
    {.name = "idempotency_key",
     .type = ARG_STRING,
     .min = 1,
     .max = 128,
     .is_valid = arg_is_visible_ascii,
     .pattern = ARG_VISIBLE_ASCII_PATTERN,
     .form = "1 to 128 visible ASCII characters",
     .description = "A repeat with the same key starts nothing and returns the first execution."},
    OUTPUT_ARG,
};
const struct arg_set start_arguments = {.args = rows, .n = ARRAY_LEN(rows)};
const struct arg_set start_async_arguments = {.args = rows + 1, .n = ARRAY_LEN(rows) - 1};
