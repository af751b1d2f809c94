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

static double max_wait(const struct config *c)
{
    return (double)c->max_wait_ms / 1000;
}

/* One table; the first row is the one that execute_code alone takes. */
static const struct arg rows[] = {
    {.name = "wait_for_completion",
     .type = ARG_BOOLEAN,
     .default_json = "true",
     .description = "false: return at once with the execution_id; poll get_execution_output."},
    {.name = "command",
     .type = ARG_STRING,
     .min = 1,
     .max_of = max_command,
     .max_key = "limits.max_command",
     .example_json = "\"make -j2 test\"",
     .description = "Shell command (sh -c). Either this, or language and code."},
    {.name = "language",
     .type = ARG_STRING,
     .min = 1,
     .max = 40,
     .example_json = "\"python\"",
     .description =
         "Runs code with this runtime: python, node, bash, sh … as the server has them."},
    {.name = "code",
     .type = ARG_STRING,
     .min = 1,
     .max_of = max_command,
     .max_key = "limits.max_command",
     .example_json = "\"print(6 * 7)\"",
     .description = "Program text in language."},
    {.name = "timeout_seconds",
     .type = ARG_NUMBER,
     .flags = ARG_ABOVE_MIN,
     .max_of = max_timeout,
     .max_key = "limits.max_timeout",
     .example_json = "600",
     .description = "The execution is ended after so long. Default: the server's."},
    {.name = "wait_seconds",
     .type = ARG_NUMBER,
     .min = 0,
     .max_of = max_wait,
     .max_key = "limits.max_wait",
     .example_json = "20",
     .description = "Wait at most so long; what still runs then goes on, and its execution_id is "
                    "returned."},
    {.name = "interactive",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Keeps stdin open for send_stdin."},
    {.name = "pty",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Runs it on a terminal (and interactive): for programs that want one."},
    {.name = "working_directory",
     .type = ARG_STRING,
     .min = 1,
     .max = 4000,
     .description = "Absolute, or below the session's own directory, which is the default."},
    {.name = "environment",
     .type = ARG_STRING_MAP,
     .example_json = "{\"LANG\":\"C.UTF-8\"}",
     .description = "Variables for the command, besides the few it inherits."},
    {.name = "sandbox_config",
     .type = ARG_OBJECT,
     .members = &sandbox_arguments,
     .description = "Restrictions beyond the server's own."},
    {.name = "idempotency_key",
     .type = ARG_STRING,
     .min = 1,
     .max = 128,
     .is_valid = arg_is_visible_ascii,
     .pattern = ARG_VISIBLE_ASCII_PATTERN,
     .form = "1 to 128 visible ASCII characters",
     .example_json = "\"build-7f3a\"",
     .description = "A repeat with the same key and arguments returns the first execution instead "
                    "of starting another."},
    OUTPUT_ARG,
};
const struct arg_set start_arguments = {.args = rows, .n = ARRAY_LEN(rows)};
const struct arg_set start_async_arguments = {.args = rows + 1, .n = ARRAY_LEN(rows) - 1};
