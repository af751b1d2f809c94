#include "server/mcp/tool.h"

#include "state/base/id.h"

static void add_annotations(cJSON *o, const struct tool *t)
{
    cJSON *a = cJSON_AddObjectToObject(o, "annotations");
    cJSON_AddBoolToObject(a, "readOnlyHint", t->is_read_only);
    cJSON_AddBoolToObject(a, "destructiveHint", t->is_destructive);
    cJSON_AddBoolToObject(a, "idempotentHint", t->is_idempotent);
    cJSON_AddBoolToObject(a, "openWorldHint", t->is_open_world);
}

char *tool_describe(const struct tool *t, const struct config *c)
{
    CLEANUP(json_deletep) cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", t->name);
    cJSON_AddStringToObject(o, "title", t->title);
    cJSON_AddStringToObject(o, "description", t->description);
    cJSON_AddItemToObject(o, "inputSchema", arguments_schema(t->arguments, c));
    cJSON_AddItemToObject(o, "outputSchema", arguments_schema(t->result, c));
    add_annotations(o, t);
    return json_print(o);
}

void tool_refuse(struct mcp_request *rq, char *taken_text)
{
    CLEANUP(free_p) char *text = taken_text;
    mcp_reply_tool_error(rq, "%s", text);
}

bool tool_check(const struct tool *t, const struct pack_exec *p, struct mcp_request *rq,
                const cJSON *arguments)
{
    char *error = arguments_check(t->arguments, p->config, arguments);
    if (error)
        tool_refuse(rq, error);
    return !error;
}

void tool_add_cursor(struct mcp_request *rq, cJSON *o, const char *place)
{
    CLEANUP(free_p) char *cursor = place ? mcp_cursor_sign(rq, place) : NULL;
    json_add_str_or_null(o, "next_cursor", cursor);
}

void tool_read_id(const cJSON *arguments, char ret[EXECUTION_ID_MAX + 1])
{
    const char *id = arg_str(arguments, "execution_id");
    ret[0] = '\0';
    if (id && id_is_valid(id))
        memcpy(ret, id, strlen(id) + 1);
}
