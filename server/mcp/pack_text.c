#include "server/mcp/pack_text.h"

#include "config/profile.h"
#include "state/base/buf.h"

#define RUN                                                                                       \
    "Runs commands and code as processes on this server. execute_code waits and returns output "  \
    "and "                                                                                        \
    "exit code; what takes longer goes on in the background under its execution_id. For long "    \
    "work "                                                                                       \
    "use execute_code_async and poll get_execution_output with last_event_id = next_event_id of " \
    "the answer before. output {\"format\":\"text\"} returns plain text; tail_lines and grep "    \
    "keep "                                                                                       \
    "large output short. "
#define FILES "write_file, read_file and list_files work in the directory that commands start in. "
#define TALK                                                                                 \
    "A program started with interactive takes send_stdin when waiting_for_input is true. A " \
    "command "                                                                               \
    "that exits non-zero is a successful call: look at exit_code."

#define SANDBOX                                                                             \
    "Commands run in a sandbox: what they write in the directory that they start in stays " \
    "for the next one, /tmp does not, and what they leave running ends with them. "
#define ALONE "None reaches a port of another. "

static const char *network_text(enum config_network network)
{
    switch (network) {
    case CONFIG_NETWORK_NONE:
        return ALONE "They have no network. ";
    case CONFIG_NETWORK_PROXY:
        return ALONE "Their network is a proxy (http_proxy) to permitted hosts. ";
    case CONFIG_NETWORK_HOST:
        return "";
    }
    return "";
}

char *pack_exec_instructions(const struct config *c)
{
    const struct config_profile *p =
        c->sandbox_profile ? config_profile_find(c, c->sandbox_profile) : NULL;
    struct buf b = {0};

    buf_append_str(&b, RUN);
    if (c->files_enabled)
        buf_append_str(&b, FILES);
    if (p && p->isolation != CONFIG_ISOLATION_NONE) {
        buf_append_str(&b, SANDBOX);
        buf_append_str(&b, network_text(p->network));
    }
    buf_append_str(&b, TALK);
    return buf_steal(&b);
}

#define HELP_RUN                                                                                   \
    "How to use this server\n"                                                                     \
    "\n"                                                                                           \
    "Run and wait        execute_code {\"command\":\"make "                                        \
    "test\",\"output\":{\"format\":\"text\"}}\n"                                                   \
    "Run code            execute_code {\"language\":\"python\",\"code\":\"print(6*7)\"}\n"         \
    "Start in background execute_code_async {\"command\":\"make all\"} returns an execution_id\n"  \
    "Poll                get_execution_output {\"execution_id\":id,\"wait_ms\":10000}, then the "  \
    "same "                                                                                        \
    "with\n"                                                                                       \
    "                    last_event_id = next_event_id of the answer before: nothing is lost or "  \
    "repeated\n"                                                                                   \
    "Wait for the end    get_execution_output {\"execution_id\":id,\"wait\":true}\n"               \
    "Wait for a line     get_execution_output {\"execution_id\":id,\"until\":\"Listening on\"}\n"  \
    "Large output        output {\"tail_lines\":50}, {\"grep\":\"error\",\"context\":3}, "         \
    "{\"strip_ansi\":true,\"dedupe\":true}\n"                                                      \
    "Talk to a program   execute_code_async with interactive (or pty); get_execution_output with " \
    "wait ends\n"                                                                                  \
    "                    when waiting_for_input is true; then send_stdin, and with eof at the "    \
    "end\n"
#define HELP_FILES                                                                        \
    "Files               write_file {\"path\":\"a.py\",\"content\":\"...\"}, read_file, " \
    "list_files: in the\n"                                                                \
    "                    directory that commands start in; images come back as images\n"
#define HELP_REST                                                                                  \
    "Stop                cancel_execution {\"execution_id\":id}; {\"signal\":\"INT\"} is Ctrl-C\n" \
    "Look back           list_executions, get_execution_status; resources exec://<id>/output "     \
    "and\n"                                                                                        \
    "                    exec://<id>/status, and exec://<id>/files/<path>\n"                       \
    "Retry safely        the same idempotency_key never starts a second execution\n"               \
    "\n"                                                                                           \
    "status: pending, running, then completed (exited by itself, whatever the code), cancelled,\n" \
    "timeout, failed (could not be run, or a limit ended it) or lost (what ran it died).\n"

const char pack_exec_help[] = HELP_RUN HELP_FILES HELP_REST;
const char pack_exec_help_no_files[] = HELP_RUN HELP_REST;
