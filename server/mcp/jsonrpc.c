#include "server/mcp/jsonrpc.h"

#include <math.h>
#include <string.h>

#include "state/base/json_text.h"

static bool is_id(const cJSON *v)
{
    return cJSON_IsString(v) || (cJSON_IsNumber(v) && trunc(v->valuedouble) == v->valuedouble);
}

/* An error response may lack the id: the other side could not read ours. */
static bool is_response(const cJSON *tree, const cJSON *id)
{
    const cJSON *result = json_get(tree, "result");
    const cJSON *error = json_get(tree, "error");

    if (result)
        return !error && is_id(id);
    return cJSON_IsObject(error) && (!id || cJSON_IsNull(id) || is_id(id));
}

struct jsonrpc_message jsonrpc_read(cJSON *tree, const char *text, size_t len)
{
    struct jsonrpc_message m = {.tree = tree, .text = text, .len = len};
    const cJSON *id = json_get(tree, "id");
    const cJSON *method = json_get(tree, "method");
    const char *version;

    if (is_id(id))
        m.id = json_top_member(text, len, "id");
    if (!json_get_str(tree, "jsonrpc", &version) || strcmp(version, "2.0") != 0)
        return m;
    if (!method) {
        m.kind = is_response(tree, id) ? JSONRPC_RESPONSE : JSONRPC_INVALID;
    } else if (cJSON_IsString(method) && !json_get(tree, "result") && !json_get(tree, "error")) {
        m.method = method->valuestring;
        m.params = json_get(tree, "params");
        if (!id)
            m.kind = JSONRPC_NOTIFICATION;
        else if (is_id(id))
            m.kind = JSONRPC_REQUEST;
    }
    return m;
}

void jsonrpc_message_deinit(struct jsonrpc_message *m)
{
    cJSON_Delete(m->tree);
    *m = (struct jsonrpc_message){0};
}

char *jsonrpc_raw_param(const struct jsonrpc_message *m, const char *key, const char *inner)
{
    const cJSON *v = json_get(m->params, key);
    if (inner)
        v = json_get(v, inner);
    if (!is_id(v))
        return NULL;

    struct json_span at = json_top_member(m->text, m->len, "params");
    const char *text = m->text + at.offset;
    size_t len = at.len;
    at = json_top_member(text, len, key);
    if (inner) {
        text += at.offset;
        len = at.len;
        at = json_top_member(text, len, inner);
    }
    return xstrndup(text + at.offset, at.len);
}

char *jsonrpc_id_key(const char *raw, size_t len)
{
    CLEANUP(json_deletep) cJSON *v = NULL;
    size_t error_at;

    /* Only a string can be spelt in several ways. */
    if (memchr(raw, '\\', len) && json_parse(raw, len, &v, &error_at) == JSON_OK)
        return json_print(v);
    return xstrndup(raw, len);
}

static void begin(struct buf *b, const char *id)
{
    buf_append_str(b, "{\"jsonrpc\":\"2.0\",");
    if (id) {
        buf_append_str(b, "\"id\":");
        buf_append_str(b, id);
        buf_append_char(b, ',');
    }
}

char *jsonrpc_result(const char *id, const char *result)
{
    struct buf b = {0};

    begin(&b, id);
    buf_append_str(&b, "\"result\":");
    buf_append_str(&b, result);
    buf_append_char(&b, '}');
    return buf_steal(&b);
}

char *jsonrpc_error(const char *id, int code, const char *message, cJSON *data)
{
    CLEANUP(json_deletep) cJSON *owned = data;
    struct buf b = {0};

    begin(&b, id);
    buf_printf(&b, "\"error\":{\"code\":%d,\"message\":", code);
    json_text_str(&b, message, strlen(message));
    if (owned) {
        CLEANUP(free_p) char *text = json_print(owned);
        buf_append_str(&b, ",\"data\":");
        buf_append_str(&b, text);
    }
    buf_append_str(&b, "}}");
    return buf_steal(&b);
}

char *jsonrpc_error_about(const struct jsonrpc_message *m, int code, const char *message)
{
    CLEANUP(free_p) char *id = NULL;

    if (m->id.len > 0)
        id = xstrndup(m->text + m->id.offset, m->id.len);
    return jsonrpc_error(id, code, message, NULL);
}

char *jsonrpc_notification(const char *method, cJSON *params)
{
    CLEANUP(json_deletep) cJSON *owned = params;
    CLEANUP(free_p) char *text = json_print(owned);
    struct buf b = {0};

    buf_printf(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":%s}", method, text);
    return buf_steal(&b);
}
