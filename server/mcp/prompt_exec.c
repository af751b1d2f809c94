#include "server/mcp/prompt_exec.h"

#include "server/mcp/arguments.h"
#include "server/mcp/jsonrpc.h"
#include "state/base/buf.h"

#define COMMAND_ARGUMENT(of) \
    "{\"name\":\"command\",\"title\":\"Command\",\"description\":\"" of "\",\"required\":true}"

static void reply(struct mcp_request *rq, const char *description, const struct buf *text)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "description", description);
    cJSON *message = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "messages"), message);
    cJSON_AddStringToObject(message, "role", "user");
    cJSON *content = cJSON_AddObjectToObject(message, "content");
    cJSON_AddStringToObject(content, "type", "text");
    cJSON_AddStringToObject(content, "text", text->data);
    mcp_reply_result(rq, o);
}

/* NULL: there is none, and the request was answered so. */
static const char *need_command(struct mcp_request *rq, const cJSON *arguments)
{
    const char *command = arg_str(arguments, "command");
    if (command && *command)
        return command;
    mcp_reply_error(rq, JSONRPC_INVALID_PARAMS, "argument command is required", NULL);
    return NULL;
}

/* An argument that may be left out: NULL, also for "", which forms send. */
static const char *optional(const cJSON *arguments, const char *name)
{
    const char *value = arg_str(arguments, name);
    return value && *value ? value : NULL;
}

static void get_run_and_wait(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const char *command = need_command(rq, arguments);
    const char *question = optional(arguments, "question");
    CLEANUP(buf_deinit) struct buf b = {0};
    if (!command)
        return;
    buf_printf(&b, "Run this command with execute_code:\n\n%s\n\n", command);
    buf_append_str(&b, "Use output {\"format\":\"text\"}. Judge by exit_code, not by the text "
                       "alone. If the answer has status running, go on with get_execution_output "
                       "(wait true) until it has ended. ");
    if (question)
        buf_printf(&b, "Then answer from its output, with the lines that show it: %s", question);
    else
        buf_append_str(&b, "Then say in a few sentences what came out, with the lines of the "
                           "output that show it.");
    reply(rq, "Run a command and report its result", &b);
}

static void get_long_job(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const char *command = need_command(rq, arguments);
    const char *until = optional(arguments, "until");
    CLEANUP(buf_deinit) struct buf b = {0};
    if (!command)
        return;
    buf_printf(&b, "Start this command with execute_code_async:\n\n%s\n\n", command);
    buf_append_str(&b, "Give it a timeout_seconds that is surely enough. Then call "
                       "get_execution_output with wait_ms 30000 and last_event_id = next_event_id "
                       "of the answer before, until status is neither pending nor running. ");
    if (until)
        buf_printf(&b,
                   "Give these calls until, a regular expression for this, and tell me when it is "
                   "there: %s. ",
                   until);
    buf_append_str(&b, "Use output.grep or output.tail_lines if there is much output. Tell me "
                       "about milestones only, and at the end how it ended (status, exit_code, "
                       "reason). If it hangs, ask me before cancel_execution.");
    reply(rq, "Start a long job and follow it", &b);
}

static void get_interactive_session(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const char *command = need_command(rq, arguments);
    const char *goal = optional(arguments, "goal");
    CLEANUP(buf_deinit) struct buf b = {0};
    if (!command)
        return;
    buf_printf(&b,
               "Start this program with execute_code_async and interactive true (pty true if it "
               "wants a terminal):\n\n%s\n\n",
               command);
    buf_append_str(&b,
                   "Before each input wait for the program: get_execution_output with wait true "
                   "and last_event_id ends when waiting_for_input is true, and prompt is the line "
                   "it printed last; where waiting_for_input is null, use until, a regular "
                   "expression for its prompt. Send one line at a time with send_stdin. Never send "
                   "a password that I did not give you. When we are done, end it by its own "
                   "command or by send_stdin with eof true; cancel_execution is the last resort.");
    if (goal)
        buf_printf(&b, "\n\nWhat to do with it: %s", goal);
    reply(rq, "Talk to an interactive program", &b);
}

const struct mcp_prompt prompt_exec_list[] = {
    {"run_and_wait",
     "{\"name\":\"run_and_wait\",\"title\":\"Run a command\",\"description\":\"Runs a command and "
     "reports its result\",\"arguments\":[" COMMAND_ARGUMENT(
         "Shell command to run") ",{\"name\":\"question\",\"title\":\"Question\",\"description\":"
                                 "\"What its output is to "
                                 "answer\"}]}",
     get_run_and_wait},
    {"long_job",
     "{\"name\":\"long_job\",\"title\":\"Follow a long job\",\"description\":\"Starts a command in "
     "the background and follows it to its end\",\"arguments\":[" COMMAND_ARGUMENT(
         "Shell command to run") ",{\"name\":\"until\",\"title\":\"Milestone\",\"description\":"
                                 "\"What to look out for in its "
                                 "output, e.g. that it listens\"}]}",
     get_long_job},
    {"interactive_session",
     "{\"name\":\"interactive_session\",\"title\":\"Interactive program\",\"description\":\"Talks "
     "to a program by its prompt\",\"arguments\":[" COMMAND_ARGUMENT(
         "Program to talk to") ",{\"name\":\"goal\",\"title\":\"Goal\",\"description\":\"What to "
                               "do with it\"}]}",
     get_interactive_session},
};
const size_t prompt_exec_count = ARRAY_LEN(prompt_exec_list);
