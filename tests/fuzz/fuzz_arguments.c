/* Arguments of a start: whatever JSON comes is refused in words or becomes something to run. */
#include <string.h>

#include "server/mcp/request_hash.h"
#include "server/mcp/sandbox_config.h"
#include "server/mcp/start.h"
#include "server/mcp/text_shape.h"
#include "state/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config config = {.max_command_bytes = 131072,
                                     .max_timeout_ms = 86400000,
                                     .max_wait_ms = 300000,
                                     .max_reply_bytes = 1 << 20};

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Words of a refusal are for a client: text, and not without bound. */
static void check_words(const char *error, size_t size)
{
    must(*error != '\0' && strlen(error) < 4096 + 8 * size);
}

static void check_sandbox(const cJSON *arguments, size_t size)
{
    struct execution_limits limits = {.max_memory_bytes = 1 << 30, .max_processes = 10};
    CLEANUP(free_p)
    char *error = sandbox_config_limits(
        arguments_get(&start_arguments, arguments, "sandbox_config"), NULL, &limits);
    if (error)
        check_words(error, size);
    must(limits.max_memory_bytes <= 1 << 30 && limits.max_processes <= 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(json_deletep) cJSON *arguments = NULL;
    size_t at;
    if (json_parse((const char *)data, size, &arguments, &at) != JSON_OK ||
        !cJSON_IsObject(arguments))
        return 0;
    CLEANUP(free_p) char *error = arguments_check(&start_arguments, &config, arguments);
    char hash[SHA256_HEX + 1];
    request_hash(arguments, NULL, hash);
    if (error) {
        check_words(error, size);
        return 0;
    }
    struct shape_options shape;
    CLEANUP(free_p)
    char *shape_error =
        shape_options_read(&shape, &config, arguments_get(&start_arguments, arguments, "output"));
    if (shape_error)
        check_words(shape_error, size);
    else
        must(shape.max_bytes >= 1 && shape.max_bytes <= config.max_reply_bytes);
    shape_options_deinit(&shape);
    check_sandbox(arguments, size);
    return 0;
}
