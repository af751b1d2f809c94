/* The list methods. Tools, prompts and templates are one page that never changes; resources are
 * asked of the packs, one after the other: our cursor is "<pack>:<the pack's own cursor>", signed.
 */
#include <stdio.h>
#include <string.h>

#include "server/mcp/methods.h"
#include "server/mcp/registry.h"

/* What the client sent, "" for the first page; NULL: answered with an error. */
static const char *need_cursor(struct mcp_request *rq)
{
    const cJSON *cursor = json_get(rq->message.params, "cursor");

    if (!cursor || cJSON_IsNull(cursor))
        return "";
    if (cJSON_IsString(cursor))
        return cursor->valuestring;
    request_refuse_params(rq, "params.cursor: not a cursor of this list");
    return NULL;
}

static void reply_page(struct mcp_request *rq, enum registry_text which)
{
    const char *cursor = need_cursor(rq);

    if (!cursor)
        return;
    if (*cursor)
        request_refuse_params(rq, "params.cursor: not a cursor of this list");
    else
        request_reply_text(rq, registry_text(rq->core->registry, rq->rev, which));
}

void method_list_tools(struct mcp_request *rq)
{
    reply_page(rq, REGISTRY_TOOLS);
}

void method_list_prompts(struct mcp_request *rq)
{
    reply_page(rq, REGISTRY_PROMPTS);
}

void method_list_templates(struct mcp_request *rq)
{
    reply_page(rq, REGISTRY_TEMPLATES);
}

/* The first pack from i on that lists resources; NULL: none. */
static const struct mcp_pack *find_lister(const struct registry *r, size_t *i)
{
    const struct mcp_pack *pack;

    while ((pack = registry_pack(r, *i)) && !pack->list_resources)
        (*i)++;
    return pack;
}

/* Splits what stands in our cursor. False: it has another form, of another version of us. */
static bool read_place(const char *place, size_t *ret_pack, const char **ret_inner)
{
    size_t pack = 0;
    const char *c = place;

    for (; *c >= '0' && *c <= '9' && c - place < 3; c++)
        pack = pack * 10 + (size_t)(*c - '0');
    if (c == place || *c != ':')
        return false;
    *ret_pack = pack;
    *ret_inner = c[1] ? c + 1 : NULL;
    return true;
}

void method_list_resources(struct mcp_request *rq)
{
    const char *cursor = need_cursor(rq);
    const char *inner = NULL;

    if (!cursor)
        return;
    CLEANUP(free_p) char *place = *cursor ? mcp_cursor_read(rq, cursor) : NULL;
    if (*cursor && (!place || !read_place(place, &rq->list_pack, &inner))) {
        request_refuse_params(rq, "params.cursor: not a cursor of this list");
        return;
    }
    const struct mcp_pack *pack = find_lister(rq->core->registry, &rq->list_pack);
    if (pack) {
        pack->list_resources(rq, inner, pack->arg);
    } else if (*cursor) {
        request_refuse_params(rq, "params.cursor: not a cursor of this list");
    } else {
        cJSON *result = cJSON_CreateObject();
        cJSON_AddArrayToObject(result, "resources");
        mcp_reply_result(rq, result);
    }
}

void adapt_list_resources(struct mcp_request *rq, cJSON *result)
{
    size_t next_pack = rq->list_pack;
    const char *inner = "";
    struct buf place = {0};
    cJSON *resource;

    cJSON_ArrayForEach(resource, json_get(result, "resources")) revision_strip(rq->rev, resource);
    if (!json_get_str(result, "nextCursor", &inner)) {
        next_pack++;
        if (!find_lister(rq->core->registry, &next_pack))
            return;
    }
    buf_printf(&place, "%zu:%s", next_pack, inner);
    CLEANUP(free_p) char *cursor = mcp_cursor_sign(rq, place.data);
    cJSON_DeleteItemFromObjectCaseSensitive(result, "nextCursor");
    cJSON_AddStringToObject(result, "nextCursor", cursor);
    buf_deinit(&place);
}
