#pragma once
/*
 * What clients are told of one execution: the reactor's view and, from its directory, what was
 * asked and how it ended. The directory wins where both speak: the reactor may hear of an end a
 * moment later than it is on disk.
 */
#include "exec/call.h"
#include "server/mcp/arguments.h"
#include "state/journal.h"

#define SUMS_MAX_BYTES (16u << 20) /* the contract: up to here checksums come without asking */

struct execution_facts {
    const char *state_dir;      /* borrowed */
    struct execution_view view; /* status: of the end, once that is on disk */
    bool has_exit;
    struct execution_exit exit;
    bool has_sums; /* made already: execution_add_end() makes those of less output itself */
    struct journal_sums sums;
    const struct record *record; /* borrowed; what Redis says of it; NULL: its journal is here */
};

void execution_facts_read(struct execution_facts *f, const char *state_dir,
                          const struct execution_view *v);
/* The i-th of a CALL_LIST's answer, which must outlive f. */
void execution_facts_of_list(struct execution_facts *f, const char *state_dir,
                             const struct call *list, size_t i);
static inline bool execution_facts_is_final(const struct execution_facts *f)
{
    return execution_status_is_final(f->view.status);
}

bool execution_has_exit_code(const struct execution_facts *f); /* else it is not known */

/* Rows of the members below, for result tables. */
#define EXECUTION_STATUS_ROW                                         \
    {                                                                \
        .name = "status", .type = ARG_STRING, .flags = ARG_REQUIRED, \
        .values = execution_status_values                            \
    }
#define EXECUTION_END_ROWS                                                                         \
    {.name = "exit_code",                                                                          \
     .type = ARG_INTEGER,                                                                          \
     .flags = ARG_NULLABLE,                                                                        \
     .description = "Negative: the signal that ended it."},                                        \
        {.name = "signal", .type = ARG_STRING, .flags = ARG_NULLABLE},                             \
        {.name = "reason",                                                                         \
         .type = ARG_STRING,                                                                       \
         .flags = ARG_NULLABLE,                                                                    \
         .values = execution_reason_values},                                                       \
        {.name = "error_message", .type = ARG_STRING, .flags = ARG_NULLABLE},                      \
        {.name = "usage", .type = ARG_OBJECT, .flags = ARG_NULLABLE, .members = &execution_usage}, \
        {.name = "stdout_sha256", .type = ARG_STRING, .flags = ARG_NULLABLE},                      \
        {.name = "stderr_sha256", .type = ARG_STRING, .flags = ARG_NULLABLE},                      \
    {                                                                                              \
        .name = "processes_killed", .type = ARG_INTEGER, .flags = ARG_NULLABLE                     \
    }
extern const struct arg_set execution_usage;
extern const char *const execution_status_values[];
extern const char *const execution_reason_values[];
extern const struct arg_set execution_status_result; /* of get_execution_status */

/* exit_code, signal, reason, error_message; after the end also usage, processes_killed and, if
 * asked for, checksums. */
void execution_add_end(cJSON *o, const struct execution_facts *f, bool has_sums);
/* The whole status object. */
cJSON *execution_status_json(const struct execution_facts *f, bool has_sums);
/* "completed, exit code 0, 0.12 s": for people and models. */
char *execution_summary(const struct execution_facts *f);
/* Adds `name`: the text, or null. */
void json_add_str_or_null(cJSON *o, const char *name, const char *s);
