#include "server/mcp/prompt_exec.h"

#include "server/mcp/arguments.h"
#include "server/mcp/jsonrpc.h"
#include "state/base/buf.h"

#define COMMAND_ARGUMENT                                                                  \
    "\"arguments\":[{\"name\":\"command\",\"title\":\"Command\",\"description\":\"Shell " \
    "command to run\",\"required\":true}]"

static void reply(struct mcp_request *rq, const char *description, const char *text)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "description", description);
    cJSON *message = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "messages"), message);
    cJSON_AddStringToObject(message, "role", "user");
    cJSON *content = cJSON_AddObjectToObject(message, "content");
    cJSON_AddStringToObject(content, "type", "text");
    cJSON_AddStringToObject(content, "text", text);
    mcp_reply_result(rq, o);
}

/* The command between what is said before and after it. */
static void reply_with_command(struct mcp_request *rq, const cJSON *arguments,
                               const char *const words[3])
{
    CLEANUP(buf_deinit) struct buf b = {0};
    const char *command = arg_str(arguments, "command");
    if (!command || !*command)
        return mcp_reply_error(rq, JSONRPC_INVALID_PARAMS, "argument command is required", NULL);
    buf_printf(&b, "%s\n\n%s\n\n%s", words[1], command, words[2]);
    reply(rq, words[0], b.data);
}

static void get_run_and_wait(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    static const char *const words[] = {
        "Run a command and report its result", "Run this command with execute_code:",
        "Use output {\"format\":\"text\"}. Judge by exit_code, not by the text alone. If the "
        "answer "
        "has status running, go on with get_execution_output (wait true) until it has ended. Then "
        "say in a few sentences what came out, with the lines of the output that show it."};
    reply_with_command(rq, arguments, words);
}

static void get_long_job(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    static const char *const words[] = {
        "Start a long job and follow it", "Start this command with execute_code_async:",
        "Give it a timeout_seconds that is surely enough. Then call get_execution_output with "
        "wait_ms 30000 and last_event_id = next_event_id of the answer before, until status is "
        "neither pending nor running. Use output.grep or output.tail_lines if there is much "
        "output. Tell me about milestones only, and at the end how it ended (status, exit_code, "
        "reason). If it hangs, ask me before cancel_execution."};
    reply_with_command(rq, arguments, words);
}

static void get_interactive_session(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    static const char *const words[] = {
        "Talk to an interactive program",
        "Start this program with execute_code_async and interactive true (pty true if it wants a "
        "terminal):",
        "Before each input wait for its prompt: get_execution_output with until (a regular "
        "expression for the prompt), wait_ms and last_event_id. Send one line at a time with "
        "send_stdin. When we are done, end it by its own command or by send_stdin with eof true; "
        "cancel_execution is the last resort."};
    reply_with_command(rq, arguments, words);
}

const struct mcp_prompt prompt_exec_list[] = {
    {"run_and_wait",
     "{\"name\":\"run_and_wait\",\"title\":\"Run a command\",\"description\":\"Runs a command and "
     "reports its result\"," COMMAND_ARGUMENT "}",
     get_run_and_wait},
    {"long_job",
     "{\"name\":\"long_job\",\"title\":\"Follow a long job\",\"description\":\"Starts a command in "
     "the background and follows it to its end\"," COMMAND_ARGUMENT "}",
     get_long_job},
    {"interactive_session",
     "{\"name\":\"interactive_session\",\"title\":\"Interactive program\",\"description\":\"Talks "
     "to a program by its prompt\"," COMMAND_ARGUMENT "}",
     get_interactive_session},
};
const size_t prompt_exec_count = ARRAY_LEN(prompt_exec_list);
