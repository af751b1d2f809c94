#pragma once
/* What all tools of the pack share: how one is described, how its arguments are checked, and how
 * tools that return output do so. */
#include "server/mcp/arguments.h"
#include "server/mcp/exec_request.h"
#include "server/mcp/output_json.h"
#include "server/mcp/task.h"

struct tool {
    const char *name, *title, *description;
    const struct arg_set *arguments, *result;
    bool is_read_only, is_destructive, is_idempotent, is_open_world;
};

/* The Tool object as JSON text; malloc'd. */
char *tool_describe(const struct tool *t, const struct config *c);
/* False: the arguments are wrong and the request was answered so. */
bool tool_check(const struct tool *t, const struct pack_exec *p, struct mcp_request *rq,
                const cJSON *arguments);
/* Answers isError with this text, and frees it. */
void tool_refuse(struct mcp_request *rq, char *taken_text);
/* The argument execution_id; "", which no execution has, where it is no id. */
void tool_read_id(const cJSON *arguments, char ret[EXECUTION_ID_MAX + 1]);

/* A list's cursor in result tables: next_cursor; place NULL: there is no more. Arguments take no
 * longer ones than this. */
#define TOOL_CURSOR_MAX 8192
/* The argument of every tool that lists page by page. */
#define TOOL_CURSOR_ARG                                               \
    {                                                                 \
        .name = "cursor", .type = ARG_STRING, .max = TOOL_CURSOR_MAX, \
        .description = "next_cursor of the answer before."            \
    }
void tool_add_cursor(struct mcp_request *rq, cJSON *o, const char *place);

/* The argument that names an execution. */
#define EXECUTION_ID_ARG                                                                  \
    {                                                                                     \
        .name = "execution_id", .type = ARG_STRING, .flags = ARG_REQUIRED, .min = 1,      \
        .header = "Execution-Id", .description = "Of execute_code or execute_code_async." \
    }
/* The argument that shapes output. */
#define OUTPUT_ARG                                                         \
    {                                                                      \
        .name = "output", .type = ARG_OBJECT, .members = &shape_arguments, \
        .description = "Shape of the returned output."                     \
    }

/* ---- the tools; pack_arg: struct pack_exec ---- */
#define DECLARE_TOOL(name)                 \
    char *name##_describe(void *pack_arg); \
    void name##_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
DECLARE_TOOL(tool_execute_code);
DECLARE_TOOL(tool_execute_code_async);
DECLARE_TOOL(tool_get_execution_output);
DECLARE_TOOL(tool_get_execution_status);
DECLARE_TOOL(tool_send_stdin);
DECLARE_TOOL(tool_cancel_execution);
DECLARE_TOOL(tool_list_executions);
DECLARE_TOOL(tool_read_file);
DECLARE_TOOL(tool_write_file);
DECLARE_TOOL(tool_list_files);
