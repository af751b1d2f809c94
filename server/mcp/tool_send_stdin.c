/* send_stdin: input for an interactive execution. */
#include "server/mcp/tool.h"

#define INPUT_MAX_BYTES 65536 /* what one message to the keeper carries */

static const struct arg argument_rows[] = {
    EXECUTION_ID_ARG,
    {.name = "input_data",
     .type = ARG_STRING,
     .max = INPUT_MAX_BYTES,
     .description = "What to write; a newline is added if it has none at its end. May be left out "
                    "with eof."},
    {.name = "newline",
     .type = ARG_BOOLEAN,
     .default_json = "true",
     .description = "false: no newline is added."},
    {.name = "eof",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Then close stdin: the command reads end of file."},
    {.name = "input_id",
     .type = ARG_STRING,
     .min = 1,
     .max = 64,
     .is_valid = arg_is_visible_ascii,
     .pattern = ARG_VISIBLE_ASCII_PATTERN,
     .form = "1 to 64 visible ASCII characters",
     .description = "A repeat with the same id is not written again."},
};
static const struct arg_set arguments_set = {.args = argument_rows, .n = ARRAY_LEN(argument_rows)};

static const struct arg result_rows[] = {
    {.name = "success", .type = ARG_BOOLEAN, .flags = ARG_REQUIRED},
    {.name = "error", .type = ARG_STRING},
    {.name = "bytes_written", .type = ARG_INTEGER},
    {.name = "repeated", .type = ARG_BOOLEAN},
    {.name = "message", .type = ARG_STRING},
};
static const struct arg_set result = {
    .args = result_rows, .n = ARRAY_LEN(result_rows), .is_open = true};

static const struct tool tool = {
    .name = "send_stdin",
    .title = "Write to stdin",
    .description = "Writes to the stdin of an execution that was started with interactive=true. "
                   "Then read the reaction with get_execution_output (wait: until it asks again).",
    .arguments = &arguments_set,
    .result = &result,
    .is_destructive = true,
    .is_open_world = true};

struct send_stdin {
    struct exec_request er; /* first */
    size_t len;
};

char *tool_send_stdin_describe(void *pack_arg)
{
    return tool_describe(&tool, ((const struct pack_exec *)pack_arg)->config);
}

static void reply_failure(struct exec_request *er, const struct call *c)
{
    CLEANUP(free_p) char *text = call_outcome_text(c, er->pack->config);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddFalseToObject(o, "success");
    cJSON_AddStringToObject(o, "error", text);
    mcp_reply_tool(er->rq, NULL, o, NULL, true);
}

static void on_written(struct exec_request *er, struct call *c)
{
    const struct send_stdin *s = (const struct send_stdin *)er;
    if (c->outcome != CALL_OK) {
        reply_failure(er, c);
    } else {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddTrueToObject(o, "success");
        cJSON_AddNumberToObject(o, "bytes_written", c->repeated ? 0 : (double)s->len);
        if (c->repeated) {
            cJSON_AddTrueToObject(o, "repeated");
            cJSON_AddStringToObject(o, "message",
                                    "input_id was known, so nothing was written: other input "
                                    "takes another input_id");
        }
        mcp_reply_tool(er->rq, NULL, o, NULL, false);
    }
    call_free(c);
    exec_request_end(er);
}

/* What is to be written, with its newline. */
static void take_input(struct call *c, const cJSON *arguments)
{
    const char *data = arg_str(arguments, "input_data");
    const char *input_id = arg_str(arguments, "input_id");
    struct buf b = {0};
    if (data)
        buf_append_str(&b, data);
    if (data && arg_bool(arguments, "newline", true) && (b.len == 0 || b.data[b.len - 1] != '\n'))
        buf_append_char(&b, '\n');
    c->input.len = b.len;
    c->input.data = buf_steal(&b);
    c->input.eof = arg_bool(arguments, "eof", false);
    c->input.input_id = input_id ? xstrdup(input_id) : NULL;
}

void tool_send_stdin_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;
    if (!tool_check(&tool, p, rq, arguments))
        return;
    if (!arg_str(arguments, "input_data") && !arg_bool(arguments, "eof", false))
        return mcp_reply_tool_error(rq,
                                    "input_data is required, unless eof is true: what to write");
    struct send_stdin *s = xcalloc(1, sizeof(*s));
    exec_request_init(&s->er, rq, p, NULL);
    struct call *c = exec_request_call(&s->er, CALL_STDIN);
    tool_read_id(arguments, c->id);
    take_input(c, arguments);
    s->len = c->input.len;
    if (s->len > INPUT_MAX_BYTES) {
        call_free(c);
        mcp_reply_tool_error(rq,
                             "input_data with its newline is more than %d bytes: send it in parts",
                             INPUT_MAX_BYTES);
        return exec_request_end(&s->er);
    }
    exec_request_send(&s->er, c, on_written);
}
