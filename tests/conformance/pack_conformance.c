#include "tests/conformance/pack_conformance.h"

#include <string.h>

#include "tests/conformance/fixtures.h"

#define TOOLS_MAX   64
#define PROMPTS_MAX 16

/* A pack has its tools and prompts in one array each. */
struct fixtures {
    struct mcp_pack pack;
    struct mcp_tool tools[TOOLS_MAX];
    struct mcp_prompt prompts[PROMPTS_MAX];
};

static void add_tools(struct fixtures *f, const struct tool_set *set)
{
    assert(f->pack.n_tools + set->n <= TOOLS_MAX);
    memcpy(f->tools + f->pack.n_tools, set->tools, set->n * sizeof *set->tools);
    f->pack.n_tools += set->n;
}

static void add_prompts(struct fixtures *f, const struct prompt_set *set)
{
    assert(f->pack.n_prompts + set->n <= PROMPTS_MAX);
    memcpy(f->prompts + f->pack.n_prompts, set->prompts, set->n * sizeof *set->prompts);
    f->pack.n_prompts += set->n;
}

struct mcp_pack *pack_conformance_new(void)
{
    struct fixtures *f = xcalloc(1, sizeof *f);

    f->pack = (struct mcp_pack){
        .name = "conformance",
        .instructions = "Fixtures for the conformance suite.",
        .tools = f->tools,
        .prompts = f->prompts,
        .resource_templates = fixture_templates,
        .list_resources = fixture_list_resources,
        .read_resource = fixture_read_resource,
        .complete = fixture_complete,
        .tasks = &fixture_tasks,
        .tools_list_changed = true,
        .prompts_list_changed = true,
    };
    add_tools(f, &content_tools);
    add_tools(f, &live_tools);
    add_tools(f, &ask_tools);
    add_tools(f, &input_tools);
    add_tools(f, &task_tools);
    add_prompts(f, &content_prompts);
    add_prompts(f, &input_prompts);
    return &f->pack;
}

struct mcp_pack *pack_conformance_free(struct mcp_pack *p)
{
    if (p)
        free(CONTAINER_OF(p, struct fixtures, pack));
    return NULL;
}
