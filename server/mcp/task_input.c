#include "server/mcp/task_input.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "exec/keeper_wire.h"
#include "server/mcp/waiting_json.h"
#include "state/base/buf.h"

#define KEY_MAX 32

static void make_key(const struct execution_view *v, char ret[KEY_MAX])
{
    (void)snprintf(ret, KEY_MAX, "input-%" PRIu64, v->inputs);
}

enum task_input task_input_of(const struct mcp_request *rq, const struct config *c,
                              const struct execution_view *v)
{
    if (!execution_waits_for_input(v))
        return TASK_INPUT_NONE;
    bool is_asked = mcp_request_is_modern(rq) && mcp_request_client_has(rq, "elicitation") &&
                    (v->waiting == WAITING_INPUT || c->tasks_ask_secrets);
    return is_asked ? TASK_INPUT_ASKED : TASK_INPUT_TOLD;
}

const char *task_input_message(const struct execution_view *v)
{
    if (v->waiting == WAITING_SECRET)
        return "waits for input that its terminal does not show: send_stdin answers it";
    return "waits for input: send_stdin answers it";
}

static char *question(const struct config *c, const struct execution_view *v)
{
    CLEANUP(free_p) char *prompt = waiting_prompt(c->state_dir, v->id);
    struct buf b = {0};
    if (*prompt)
        buf_printf(&b, "The command asks: %s", prompt);
    else
        buf_append_str(&b, "The command waits for a line of input");
    return buf_steal(&b);
}

cJSON *task_input_requests(const struct config *c, const struct execution_view *v)
{
    char key[KEY_MAX];
    CLEANUP(free_p) char *message = question(c, v);
    cJSON *o = cJSON_CreateObject();
    make_key(v, key);
    cJSON *request = cJSON_AddObjectToObject(o, key);
    cJSON_AddStringToObject(request, "method", "elicitation/create");
    cJSON *params = cJSON_AddObjectToObject(request, "params");
    cJSON_AddStringToObject(params, "mode", "form");
    cJSON_AddStringToObject(params, "message", message);
    cJSON_AddItemToObject(
        params, "requestedSchema",
        cJSON_CreateRaw("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\","
                        "\"title\":\"Input\",\"description\":\"What to type, without the line "
                        "break at its end\"}},\"required\":[\"input\"]}"));
    return o;
}

/* An accepted form, with its line break; NULL: there is no text in it. */
static char *read_line(const cJSON *response, size_t *ret_len)
{
    const char *text;
    struct buf b = {0};
    if (!json_get_str(json_get(response, "content"), "input", &text))
        return NULL;
    buf_append_str(&b, text);
    if (b.len == 0 || b.data[b.len - 1] != '\n')
        buf_append_char(&b, '\n');
    *ret_len = b.len;
    return buf_steal(&b);
}

int task_input_take(const struct execution_view *v, const cJSON *responses, struct call *c,
                    const char **ret_error)
{
    char key[KEY_MAX];
    const char *action;
    make_key(v, key);
    const cJSON *response = json_get(responses, key);
    if (!response)
        return 0;
    *ret_error = "action: accept, decline or cancel is needed";
    if (!json_get_str(response, "action", &action))
        return -1;
    if (strcmp(action, "accept") == 0)
        c->input.data = read_line(response, &c->input.len);
    else if (strcmp(action, "decline") == 0 || strcmp(action, "cancel") == 0)
        c->input.eof = true; /* nobody will answer: the command reads the end of its input */
    else
        return -1;
    *ret_error = "content.input: a string is needed, of at most 64 KiB";
    if (!c->input.eof && (!c->input.data || c->input.len > KEEPER_STDIN_CHUNK_MAX))
        return -1;
    c->input.input_id = xstrdup(key);
    return 1;
}
