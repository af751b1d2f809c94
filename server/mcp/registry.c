#include "server/mcp/registry.h"

#include <ctype.h>
#include <string.h>

#include "state/base/buf.h"
#include "state/base/map.h"

#define PARAM_PREFIX "mcp-param-"

struct registry {
    const struct mcp_pack **packs; /* the array is owned, the packs are borrowed */
    size_t n_packs;
    const struct mcp_pack *task_pack; /* borrowed; NULL: none */
    struct mcp_identity who;
    struct map *tools;                               /* name -> registry_tool, owned */
    struct map *prompts;                             /* name -> registry_prompt, owned */
    char *texts[MCP_REVISION_COUNT][REGISTRY_TEXTS]; /* owned */
};

static cJSON *parse(const char *text)
{
    cJSON *v = NULL;
    size_t error_at;
    enum json_error e = json_parse(text, strlen(text), &v, &error_at);

    assert(e == JSON_OK);
    return v;
}

static cJSON *describe_tool(const struct mcp_pack *pack, const struct mcp_tool *tool)
{
    CLEANUP(free_p) char *text = tool->describe(pack->arg);
    cJSON *descriptor = parse(text);

    assert(cJSON_IsObject(json_get(descriptor, "inputSchema")));
    return descriptor;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_|~`", *s))
            return false;
    }
    return true;
}

/* Clients drop a tool whose annotations break these rules. */
static void add_param(struct registry_tool *t, const cJSON *property, const char *name)
{
    const char *type = "";
    struct buf header = {0};

    (void)json_get_str(property, "type", &type);
    assert(!strcmp(type, "string") || !strcmp(type, "integer") || !strcmp(type, "boolean"));
    assert(is_token(name));
    buf_append_str(&header, PARAM_PREFIX);
    for (const char *c = name; *c; c++)
        buf_append_char(&header, (char)tolower((unsigned char)*c));
    for (size_t i = 0; i < t->n_params; i++)
        assert(strcmp(t->params[i].header, header.data) != 0);

    t->params = realloc(t->params, (t->n_params + 1) * sizeof *t->params);
    if (!t->params)
        abort();
    t->params[t->n_params++] = (struct registry_param){
        .argument = xstrdup(property->string),
        .header = buf_steal(&header),
    };
}

static void add_tool(struct registry *r, const struct mcp_pack *pack, const struct mcp_tool *tool)
{
    struct registry_tool *t = xcalloc(1, sizeof *t);
    CLEANUP(json_deletep) cJSON *descriptor = describe_tool(pack, tool);
    const cJSON *property;
    const char *name;

    t->tool = tool;
    t->pack_arg = pack->arg;
    cJSON_ArrayForEach(property, json_get(json_get(descriptor, "inputSchema"), "properties"))
    {
        if (json_get_str(property, "x-mcp-header", &name))
            add_param(t, property, name);
    }
    void *old = map_set(r->tools, tool->name, t);
    assert(!old);
}

static void add_prompt(struct registry *r, const struct mcp_pack *pack,
                       const struct mcp_prompt *prompt)
{
    struct registry_prompt *p = xcalloc(1, sizeof *p);

    p->prompt = prompt;
    p->pack_arg = pack->arg;
    p->descriptor = parse(prompt->descriptor);
    void *old = map_set(r->prompts, prompt->name, p);
    assert(!old);
}

/* taskSupport: a client without tasks is never told that it must have them. */
static cJSON *list_tools(const struct mcp_pack *pack)
{
    cJSON *items = cJSON_CreateArray();
    for (size_t i = 0; i < pack->n_tools; i++) {
        cJSON *item = describe_tool(pack, &pack->tools[i]);
        if (pack->tools[i].task != MCP_TASK_NEVER)
            cJSON_AddStringToObject(cJSON_AddObjectToObject(item, "execution"), "taskSupport",
                                    "optional");
        cJSON_AddItemToArray(items, item);
    }
    return items;
}

static cJSON *list_prompts(const struct mcp_pack *pack)
{
    cJSON *items = cJSON_CreateArray();
    for (size_t i = 0; i < pack->n_prompts; i++)
        cJSON_AddItemToArray(items, parse(pack->prompts[i].descriptor));
    return items;
}

static cJSON *list_templates(const struct mcp_pack *pack)
{
    return pack->resource_templates ? parse(pack->resource_templates) : cJSON_CreateArray();
}

/* One page: all packs' items in their order, as the revision knows them. */
static char *list_text(const struct registry *r, const struct mcp_revision *rev, const char *key,
                       cJSON *(*list)(const struct mcp_pack *pack))
{
    CLEANUP(json_deletep) cJSON *result = cJSON_CreateObject();
    cJSON *all = cJSON_AddArrayToObject(result, key);

    for (size_t i = 0; i < r->n_packs; i++) {
        CLEANUP(json_deletep) cJSON *items = list(r->packs[i]);
        cJSON *item;
        while ((item = cJSON_DetachItemFromArray(items, 0))) {
            revision_strip(rev, item);
            if (rev->is_modern || !revision_has_tasks(rev, &r->who))
                cJSON_DeleteItemFromObjectCaseSensitive(item, "execution");
            cJSON_AddItemToArray(all, item);
        }
    }
    if (rev->decorate)
        rev->decorate(&r->who, result, MCP_CACHE_PUBLIC);
    return json_print(result);
}

static void build_texts(struct registry *r)
{
    for (size_t i = 0; i < MCP_REVISION_COUNT; i++) {
        const struct mcp_revision *rev = &mcp_revisions[i];
        CLEANUP(json_deletep) cJSON *hello = rev->hello(rev, &r->who);
        r->texts[i][REGISTRY_HELLO] = json_print(hello);
        r->texts[i][REGISTRY_TOOLS] = list_text(r, rev, "tools", list_tools);
        r->texts[i][REGISTRY_PROMPTS] = list_text(r, rev, "prompts", list_prompts);
        r->texts[i][REGISTRY_TEMPLATES] = list_text(r, rev, "resourceTemplates", list_templates);
    }
}

static void sum_up(struct registry *r)
{
    struct buf instructions = {0};

    for (size_t i = 0; i < r->n_packs; i++) {
        const struct mcp_pack *pack = r->packs[i];
        r->who.tools_list_changed |= pack->tools_list_changed;
        r->who.prompts_list_changed |= pack->prompts_list_changed;
        r->who.resources_list_changed |= pack->resources_list_changed;
        r->who.resources_come_and_go |= pack->resources_come_and_go;
        assert(!pack->tasks || !r->task_pack);
        if (pack->tasks)
            r->task_pack = pack;
        if (!pack->instructions)
            continue;
        if (instructions.len > 0)
            buf_append_char(&instructions, '\n');
        buf_append_str(&instructions, pack->instructions);
    }
    r->who.has_tasks = r->task_pack;
    r->who.has_experimental_tasks &= r->who.has_tasks;
    r->who.instructions = instructions.len > 0 ? buf_steal(&instructions) : NULL;
}

struct registry *registry_new(const struct mcp_pack *const *packs, size_t n_packs,
                              const struct mcp_identity *who)
{
    struct registry *r = xcalloc(1, sizeof *r);

    r->packs = xcalloc(n_packs + 1, sizeof *r->packs);
    while (r->n_packs < n_packs) {
        r->packs[r->n_packs] = packs[r->n_packs];
        r->n_packs++;
    }
    r->who = *who;
    r->tools = map_new();
    r->prompts = map_new();
    for (size_t i = 0; i < n_packs; i++) {
        for (size_t k = 0; k < packs[i]->n_tools; k++)
            add_tool(r, packs[i], &packs[i]->tools[k]);
        for (size_t k = 0; k < packs[i]->n_prompts; k++)
            add_prompt(r, packs[i], &packs[i]->prompts[k]);
    }
    sum_up(r);
    build_texts(r);
    return r;
}

static void free_tool(const char *name, void *value, void *arg)
{
    struct registry_tool *t = value;

    for (size_t i = 0; i < t->n_params; i++) {
        free(t->params[i].argument);
        free(t->params[i].header);
    }
    free(t->params);
    free(t);
}

static void free_prompt(const char *name, void *value, void *arg)
{
    struct registry_prompt *p = value;

    cJSON_Delete(p->descriptor);
    free(p);
}

struct registry *registry_free(struct registry *r)
{
    if (!r)
        return NULL;
    map_each(r->tools, free_tool, NULL);
    map_each(r->prompts, free_prompt, NULL);
    map_free(r->tools);
    map_free(r->prompts);
    for (size_t i = 0; i < MCP_REVISION_COUNT; i++) {
        for (size_t k = 0; k < REGISTRY_TEXTS; k++)
            free(r->texts[i][k]);
    }
    free(r->who.instructions);
    free(r->packs);
    free(r);
    return NULL;
}

const struct mcp_identity *registry_identity(const struct registry *r)
{
    return &r->who;
}

const char *registry_text(const struct registry *r, const struct mcp_revision *rev,
                          enum registry_text which)
{
    return r->texts[rev - mcp_revisions][which];
}

const struct registry_tool *registry_tool(const struct registry *r, const char *name)
{
    return map_find(r->tools, name);
}

const struct registry_prompt *registry_prompt(const struct registry *r, const char *name)
{
    return map_find(r->prompts, name);
}

const struct mcp_pack *registry_task_pack(const struct registry *r)
{
    return r->task_pack;
}

const struct mcp_pack *registry_pack(const struct registry *r, size_t i)
{
    return i < r->n_packs ? r->packs[i] : NULL;
}
