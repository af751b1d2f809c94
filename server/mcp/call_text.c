/* What clients read when the reactor refuses a call. Existing clients know the first words. */
#include <errno.h>

#include "server/mcp/exec_request.h"
#include "state/base/buf.h"

static void append_limit(struct buf *b, const struct config *c)
{
    buf_printf(b,
               "Maximum %u concurrent executions per session: wait for one to end or cancel one "
               "(list_executions shows them)",
               c->max_per_session);
}

static void append_internal(struct buf *b, const struct call *c)
{
    buf_append_str(b, "The server failed to do this");
    if (c->error < 0)
        buf_printf(b, ": %s", strerror(-c->error));
}

/* It is another server's, or may be. */
static void append_peer(struct buf *b, const struct call *c)
{
    if (c->outcome == CALL_E_REDIS_AWAY && c->op == CALL_START)
        buf_append_str(b, "Nothing was started: the store that the servers share (Redis) can't be "
                          "asked whether idempotency_key was used before. Try again");
    else if (c->outcome == CALL_E_REDIS_AWAY)
        buf_append_str(b, "The store that the servers share (Redis) can't be asked at the moment, "
                          "and this execution is not one of this server's: try again");
    else if (c->outcome == CALL_E_OWNER_AWAY)
        buf_append_str(b, "The server that runs this execution shows no life at the moment, so "
                          "nothing was done: try again; if it stays away the status will be lost");
    else if (c->outcome == CALL_E_OWNER_SILENT)
        buf_append_str(b, "The server that runs this execution did not take the request in time "
                          "(redis.command_timeout), so nothing was done: try again");
    else
        buf_append_str(b, "The server that runs this execution did not answer: whether it was "
                          "done is not known (get_execution_status and get_execution_output show "
                          "it; input with an input_id can be sent again safely)");
}

/* Those that depend on nothing. */
static const char *const texts[] = {
    [CALL_E_NOT_FOUND] = "Execution not found: no such execution_id, or it was removed some time "
                         "after its end (list_executions shows those there are)",
    [CALL_E_NOT_INTERACTIVE] = "Execution is not interactive: start it with interactive=true",
    [CALL_E_COMPLETED] = "Execution already completed",
    [CALL_E_PENDING_FULL] = "Too many executions are waiting for their turn (limits.max_pending): "
                            "try again later",
    [CALL_E_WAITERS_FULL] = "Too many calls are waiting (limits.max_waiters): try again without "
                            "waiting",
    [CALL_E_LOW_DISK] = "The server is short of disk space for output: try again later",
    [CALL_E_DRAINING] = "The server is shutting down and takes no new work: try again later",
    [CALL_E_KEEPER_AWAY] = "The execution can't be reached at the moment (it is still waiting for "
                           "its turn, or its keeper is being restarted): try again",
    [CALL_E_KEY_BUSY] = "Another request with this idempotency_key is being started, or its server "
                        "went down over that: try again",
    [CALL_E_KEY_REUSED] = "idempotency_key was used before for another request: take a new key, "
                          "or repeat that request unchanged",
    [CALL_E_STDIN_FULL] = "The command has not read its earlier input yet (limits.max_stdin): "
                          "nothing was written, try again later",
    [CALL_E_STDIN_CLOSED] = "The command's standard input is closed: eof was sent, or it closed it",
    [CALL_E_TOO_BIG] = "command, code and environment together are too large for one start: "
                       "put the bulk into a file",
};

char *call_outcome_text(const struct call *c, const struct config *config)
{
    struct buf b = {0};
    size_t outcome = c->outcome;
    if (c->outcome == CALL_E_SESSION_LIMIT)
        append_limit(&b, config);
    else if (c->outcome == CALL_E_INTERNAL)
        append_internal(&b, c);
    else if (outcome < ARRAY_LEN(texts) && texts[outcome])
        buf_append_str(&b, texts[outcome]);
    else if (c->outcome != CALL_OK && c->outcome != CALL_E_CANCELLED) /* nobody is told */
        append_peer(&b, c);
    return buf_steal(&b);
}

/* Nothing was begun, and that for a reason that holds for this replica alone. */
static bool is_of_this_replica(const struct call *c)
{
    switch (c->outcome) {
    case CALL_E_DRAINING:
        return true;
    case CALL_E_KEEPER_AWAY:
    case CALL_E_LOW_DISK:
    case CALL_E_PENDING_FULL:
        return c->op == CALL_START;
    case CALL_OK:
    case CALL_E_CANCELLED:
    case CALL_E_NOT_FOUND:
    case CALL_E_NOT_INTERACTIVE:
    case CALL_E_COMPLETED:
    case CALL_E_SESSION_LIMIT:
    case CALL_E_WAITERS_FULL:
    case CALL_E_KEY_REUSED:
    case CALL_E_KEY_BUSY:
    case CALL_E_STDIN_FULL:
    case CALL_E_STDIN_CLOSED:
    case CALL_E_TOO_BIG:
    case CALL_E_REDIS_AWAY:
    case CALL_E_OWNER_AWAY:
    case CALL_E_OWNER_SILENT:
    case CALL_E_OWNER_UNSURE:
    case CALL_E_INTERNAL:
        break;
    }
    return false;
}

void exec_request_refuse(struct exec_request *er, const struct call *c)
{
    CLEANUP(free_p) char *text = call_outcome_text(c, er->pack->config);
    if (!is_of_this_replica(c) || !mcp_reply_elsewhere(er->rq, text))
        mcp_reply_tool_error(er->rq, "%s", text);
}
