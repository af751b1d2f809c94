#include "server/mcp/pack_exec.h"

#include "server/mcp/pack_text.h"
#include "server/mcp/prompt_exec.h"
#include "server/mcp/resource_exec.h"
#include "server/mcp/tool.h"

#define TOOL(n)                                                              \
    {                                                                        \
        .name = #n, .describe = tool_##n##_describe, .call = tool_##n##_call \
    }

static const struct mcp_tool tools[] = {
    TOOL(execute_code),
    TOOL(execute_code_async),
    TOOL(get_execution_output),
    TOOL(get_execution_status),
    TOOL(send_stdin),
    TOOL(cancel_execution),
    TOOL(list_executions),
    /* the last ones: an operator may do without */
    TOOL(read_file),
    TOOL(write_file),
    TOOL(list_files),
};
#define N_FILE_TOOLS 3

struct mcp_pack *pack_exec_new(const struct config *c, struct reactor *r)
{
    struct pack_exec *p = xcalloc(1, sizeof(*p));
    struct mcp_pack *pack = xcalloc(1, sizeof(*pack));
    p->config = c;
    p->reactor = r;
    runtimes_init(&p->runtimes, c);
    *pack = (struct mcp_pack){.name = "exec",
                              .instructions = pack_exec_instructions,
                              .tools = tools,
                              .n_tools = ARRAY_LEN(tools) - (c->files_enabled ? 0 : N_FILE_TOOLS),
                              .prompts = prompt_exec_list,
                              .n_prompts = prompt_exec_count,
                              .resource_templates = resource_exec_templates,
                              .list_resources = resource_exec_list,
                              .read_resource = resource_exec_read,
                              .complete = resource_exec_complete,
                              .arg = p};
    return pack;
}

struct mcp_pack *pack_exec_free(struct mcp_pack *p)
{
    if (!p)
        return NULL;
    struct pack_exec *e = p->arg;
    runtimes_deinit(&e->runtimes);
    free(e);
    free(p);
    return NULL;
}
