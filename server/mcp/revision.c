#include "server/mcp/revision.h"

#include <string.h>

#include "state/base/json.h"

#define PUBLIC_TTL_MS 3600000

static cJSON *implementation(const struct mcp_identity *who, bool has_title)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "name", who->name);
    if (has_title && who->title)
        cJSON_AddStringToObject(o, "title", who->title);
    cJSON_AddStringToObject(o, "version", who->version);
    return o;
}

static void add_capability(cJSON *o, const char *name, bool has_list_changed, bool has_subscribe)
{
    cJSON *capability = cJSON_AddObjectToObject(o, name);

    if (has_subscribe)
        cJSON_AddTrueToObject(capability, "subscribe");
    if (has_list_changed)
        cJSON_AddTrueToObject(capability, "listChanged");
}

static void add_tasks(cJSON *o, const struct mcp_revision *rev)
{
    if (rev->is_modern) { /* settings would be taken for another extension */
        cJSON_AddObjectToObject(cJSON_AddObjectToObject(o, "extensions"),
                                "io.modelcontextprotocol/tasks");
        return;
    }
    cJSON *tasks = cJSON_AddObjectToObject(o, "tasks");
    cJSON_AddObjectToObject(tasks, "list");
    cJSON_AddObjectToObject(tasks, "cancel");
    cJSON *tools = cJSON_AddObjectToObject(cJSON_AddObjectToObject(tasks, "requests"), "tools");
    cJSON_AddObjectToObject(tools, "call");
}

static cJSON *capabilities(const struct mcp_revision *rev, const struct mcp_identity *who)
{
    cJSON *o = cJSON_CreateObject();

    add_capability(o, "tools", who->tools_list_changed, false);
    add_capability(o, "resources",
                   who->resources_list_changed || (rev->is_modern && who->resources_come_and_go),
                   true);
    add_capability(o, "prompts", who->prompts_list_changed, false);
    add_capability(o, "logging", false, false);
    if (rev->has_completions)
        add_capability(o, "completions", false, false);
    if (revision_has_tasks(rev, who))
        add_tasks(o, rev);
    return o;
}

/* The result of initialize. */
static cJSON *hello_legacy(const struct mcp_revision *rev, const struct mcp_identity *who)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "protocolVersion", rev->name);
    cJSON_AddItemToObject(o, "capabilities", capabilities(rev, who));
    cJSON_AddItemToObject(o, "serverInfo", implementation(who, rev->has_title));
    if (who->instructions)
        cJSON_AddStringToObject(o, "instructions", who->instructions);
    return o;
}

/* The result of server/discover. */
static cJSON *hello_modern(const struct mcp_revision *rev, const struct mcp_identity *who)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddItemToObject(o, "supportedVersions", revision_names());
    cJSON_AddItemToObject(o, "capabilities", capabilities(rev, who));
    if (who->instructions)
        cJSON_AddStringToObject(o, "instructions", who->instructions);
    rev->decorate(who, o, MCP_CACHE_PUBLIC);
    return o;
}

static void decorate_modern(const struct mcp_identity *who, cJSON *result, enum mcp_cache cache)
{
    if (!json_get(result, "resultType"))
        cJSON_AddStringToObject(result, "resultType", "complete");
    if (cache != MCP_CACHE_NONE) {
        bool is_public = cache == MCP_CACHE_PUBLIC;
        cJSON_AddNumberToObject(result, "ttlMs", is_public ? PUBLIC_TTL_MS : 0);
        cJSON_AddStringToObject(result, "cacheScope", is_public ? "public" : "private");
    }
    cJSON *meta = cJSON_GetObjectItemCaseSensitive(result, "_meta");
    if (!meta)
        meta = cJSON_AddObjectToObject(result, "_meta");
    cJSON_AddItemToObject(meta, "io.modelcontextprotocol/serverInfo", implementation(who, true));
}

/* mcp.md 1.1 in rows. 2024-10-07 is a pre-release that clients still name in initialize. */
const struct mcp_revision mcp_revisions[MCP_REVISION_COUNT] = {
    {
        .name = "2024-10-07",
        .no_resource_code = -32002,
        .hello = hello_legacy,
    },
    {
        .name = "2024-11-05",
        .is_listed = true,
        .no_resource_code = -32002,
        .hello = hello_legacy,
    },
    {
        .name = "2025-03-26",
        .is_listed = true,
        .has_batch = true,
        .has_annotations = true,
        .has_completions = true,
        .has_progress_message = true,
        .no_resource_code = -32002,
        .hello = hello_legacy,
    },
    {
        .name = "2025-06-18",
        .is_listed = true,
        .has_annotations = true,
        .has_completions = true,
        .has_progress_message = true,
        .has_title = true,
        .has_structured = true,
        .has_resource_link = true,
        .has_elicitation = true,
        .no_resource_code = -32002,
        .hello = hello_legacy,
    },
    {
        .name = "2025-11-25",
        .is_listed = true,
        .has_annotations = true,
        .has_completions = true,
        .has_progress_message = true,
        .has_title = true,
        .has_structured = true,
        .has_resource_link = true,
        .has_elicitation = true,
        .has_icons = true,
        .has_experimental_tasks = true,
        .no_resource_code = -32002,
        .hello = hello_legacy,
    },
    {
        .name = "2026-07-28",
        .is_modern = true,
        .is_listed = true,
        .has_annotations = true,
        .has_completions = true,
        .has_progress_message = true,
        .has_title = true,
        .has_structured = true,
        .has_resource_link = true,
        .has_elicitation = true,
        .has_icons = true,
        .has_param_headers = true,
        .no_resource_code = -32602,
        .hello = hello_modern,
        .decorate = decorate_modern,
    },
};

const struct mcp_revision *revision_find(const char *name)
{
    for (size_t i = MCP_REVISION_COUNT; i-- > 0;) {
        if (strcmp(mcp_revisions[i].name, name) == 0)
            return &mcp_revisions[i];
    }
    return NULL;
}

const struct mcp_revision *revision_negotiate(const char *wanted)
{
    const struct mcp_revision *rev = wanted ? revision_find(wanted) : NULL;

    if (rev && !rev->is_modern)
        return rev;
    rev = revision_newest();
    while (rev->is_modern)
        rev--;
    return rev;
}

const struct mcp_revision *revision_oldest(void)
{
    const struct mcp_revision *rev = mcp_revisions;
    while (!rev->is_listed)
        rev++;
    return rev;
}

const struct mcp_revision *revision_newest(void)
{
    return &mcp_revisions[MCP_REVISION_COUNT - 1];
}

cJSON *revision_names(void)
{
    cJSON *names = cJSON_CreateArray();

    for (size_t i = MCP_REVISION_COUNT; i-- > 0;) {
        if (mcp_revisions[i].is_listed)
            cJSON_AddItemToArray(names, cJSON_CreateStringReference(mcp_revisions[i].name));
    }
    return names;
}

bool revision_has_tasks(const struct mcp_revision *rev, const struct mcp_identity *who)
{
    if (rev->is_modern)
        return who->has_tasks;
    return rev->has_experimental_tasks && who->has_experimental_tasks;
}

static void drop(cJSON *o, bool is_known, const char *key)
{
    if (!is_known)
        cJSON_DeleteItemFromObjectCaseSensitive(o, key);
}

/* 2025-03-26 has the title of a tool among its annotations. */
static void move_title(const struct mcp_revision *rev, cJSON *descriptor)
{
    cJSON *annotations = cJSON_GetObjectItemCaseSensitive(descriptor, "annotations");
    const char *title;

    if (rev->has_annotations && !rev->has_title && annotations &&
        json_get_str(descriptor, "title", &title))
        cJSON_AddStringToObject(annotations, "title", title);
}

void revision_strip(const struct mcp_revision *rev, cJSON *descriptor)
{
    cJSON *it;

    move_title(rev, descriptor);
    drop(descriptor, rev->has_title, "title");
    drop(descriptor, rev->has_title, "_meta");
    drop(descriptor, rev->has_structured, "outputSchema");
    drop(descriptor, rev->has_annotations, "annotations");
    drop(descriptor, rev->has_icons, "icons");

    cJSON *arguments = cJSON_GetObjectItemCaseSensitive(descriptor, "arguments"); /* of a prompt */
    cJSON_ArrayForEach(it, arguments) drop(it, rev->has_title, "title");

    const cJSON *schema = json_get(descriptor, "inputSchema"); /* of a tool */
    cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    cJSON_ArrayForEach(it, properties) drop(it, rev->has_param_headers, "x-mcp-header");
}
