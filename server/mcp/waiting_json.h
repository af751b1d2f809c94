#pragma once
/*
 * What clients are told of an interactive execution that waits for input: that it does, the last
 * line it printed, and whether its terminal hides what is typed. Any thread.
 */
#include "server/mcp/execution_json.h"

#define PROMPT_MAX 512u /* bytes of output that are looked at for the last line */

/* Rows for result tables. */
#define WAITING_ROWS                                \
    {.name = "waiting_for_input",                   \
     .type = ARG_BOOLEAN,                           \
     .flags = ARG_NULLABLE,                         \
     .description = "null: can't be seen here."},   \
        {.name = "prompt", .type = ARG_STRING},     \
    {                                               \
        .name = "input_hidden", .type = ARG_BOOLEAN \
    }

static inline bool execution_waits_for_input(const struct execution_view *v)
{
    return v->status == EXECUTION_RUNNING && waiting_is_for_input(v->waiting);
}
/* Adds the members of WAITING_ROWS, of an interactive execution that runs. */
void waiting_add(cJSON *o, const struct execution_facts *f);
/* The last line that it printed, without control sequences; "" when there is none. Caller frees. */
char *waiting_prompt(const char *state_dir, const char *id);
