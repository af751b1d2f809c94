#include "server/mcp/pack_exec.h"

#include "server/mcp/news_exec.h"
#include "server/mcp/pack_text.h"
#include "server/mcp/prompt_exec.h"
#include "server/mcp/resource_exec.h"
#include "server/mcp/resource_uri.h"
#include "server/mcp/task_exec.h"
#include "server/mcp/tool.h"

#define TOOL(n)                                                              \
    {                                                                        \
        .name = #n, .describe = tool_##n##_describe, .call = tool_##n##_call \
    }

/* What it starts may become a task. */
#define STARTER(n)                                                                                 \
    {                                                                                              \
        .name = #n, .describe = tool_##n##_describe, .call = tool_##n##_call, .task = MCP_TASK_MAY \
    }

static const struct mcp_tool tools[] = {
    STARTER(execute_code),
    STARTER(execute_code_async),
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

static bool complete(struct mcp_request *rq, const cJSON *params, void *pack_arg)
{
    return resource_exec_complete(rq, params, pack_arg) ||
           prompt_exec_complete(rq, params, pack_arg);
}

struct mcp_pack *pack_exec_new(const struct config *c, struct reactor *r)
{
    struct pack_exec *p = xcalloc(1, sizeof(*p));
    struct mcp_pack *pack = xcalloc(1, sizeof(*pack));
    p->config = c;
    p->reactor = r;
    runtimes_init(&p->runtimes, c);
    p->instructions = pack_exec_instructions(c);
    *pack = (struct mcp_pack){.name = "exec",
                              .instructions = p->instructions,
                              .tools = tools,
                              .n_tools = ARRAY_LEN(tools) - (c->files_enabled ? 0 : N_FILE_TOOLS),
                              .prompts = prompt_exec_list,
                              .n_prompts = prompt_exec_count,
                              .resource_prefix = RESOURCE_SCHEME,
                              .resource_templates = resource_exec_templates,
                              .list_resources = resource_exec_list,
                              .read_resource = resource_exec_read,
                              .complete = complete,
                              .tasks = &task_exec,
                              .screen = news_exec_screen,
                              .watch_resource = news_exec_watch_resource,
                              .resources_come_and_go = true,
                              .arg = p};
    return pack;
}

void pack_exec_attach(struct mcp_pack *p, struct mcp *core)
{
    struct pack_exec *e = p->arg;
    e->core = core;
    reactor_on_news(e->reactor, news_exec_tell, e);
    reactor_on_list_news(e->reactor, news_exec_tell_list, e);
}

struct mcp_pack *pack_exec_free(struct mcp_pack *p)
{
    if (!p)
        return NULL;
    struct pack_exec *e = p->arg;
    runtimes_deinit(&e->runtimes);
    free(e->instructions);
    free(e);
    free(p);
    return NULL;
}
