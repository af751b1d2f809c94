#pragma once
/* From the arguments of execute_code and execute_code_async to what is to be run. */
#include "server/mcp/arguments.h"
#include "server/mcp/runtime.h"
#include "state/spec.h"

/* Rows that both tools take. */
extern const struct arg_set start_arguments, start_async_arguments;

struct start_options {
    const struct config *config;     /* borrowed */
    const struct runtimes *runtimes; /* borrowed */
    struct isolation *isolation;     /* borrowed; NULL: none */
    const char *principal, *session; /* borrowed; session may be NULL */
    const cJSON *arguments;          /* borrowed; checked */
    bool is_sync;
};
/* NULL, and a malloc'd *ret_error for the client, when it can't be run as asked. */
struct exec_spec *start_spec(const struct start_options *o, char **ret_error);
