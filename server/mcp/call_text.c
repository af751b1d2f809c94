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

char *call_outcome_text(const struct call *c, const struct config *config)
{
    struct buf b = {0};
    switch (c->outcome) {
    case CALL_OK:
    case CALL_E_CANCELLED:
        break; /* nobody is told */
    case CALL_E_NOT_FOUND:
        buf_append_str(&b, "Execution not found: no such execution_id, or it was removed some time "
                           "after its end (list_executions shows those there are)");
        break;
    case CALL_E_NOT_INTERACTIVE:
        buf_append_str(&b, "Execution is not interactive: start it with interactive=true");
        break;
    case CALL_E_COMPLETED:
        buf_append_str(&b, "Execution already completed");
        break;
    case CALL_E_SESSION_LIMIT:
        append_limit(&b, config);
        break;
    case CALL_E_PENDING_FULL:
        buf_append_str(&b, "Too many executions are waiting for their turn (limits.max_pending): "
                           "try again later");
        break;
    case CALL_E_WAITERS_FULL:
        buf_append_str(&b, "Too many calls are waiting (limits.max_waiters): try again without "
                           "waiting");
        break;
    case CALL_E_LOW_DISK:
        buf_append_str(&b, "The server is short of disk space for output: try again later");
        break;
    case CALL_E_DRAINING:
        buf_append_str(&b, "The server is shutting down and takes no new work: try again later");
        break;
    case CALL_E_KEEPER_AWAY:
        buf_append_str(&b, "The execution can't be reached at the moment (it is still waiting for "
                           "its turn, or its keeper is being restarted): try again");
        break;
    case CALL_E_KEY_REUSED:
        buf_append_str(&b, "idempotency_key was used before for another request: take a new key, "
                           "or repeat that request unchanged");
        break;
    case CALL_E_STDIN_FULL:
        buf_append_str(&b, "The command has not read its earlier input yet (limits.max_stdin): "
                           "nothing was written, try again later");
        break;
    case CALL_E_STDIN_CLOSED:
        buf_append_str(&b, "The command's standard input is closed: eof was sent, or it closed it");
        break;
    case CALL_E_TOO_BIG:
        buf_append_str(&b, "command, code and environment together are too large for one start: "
                           "put the bulk into a file");
        break;
    case CALL_E_INTERNAL:
        append_internal(&b, c);
        break;
    }
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
    case CALL_E_STDIN_FULL:
    case CALL_E_STDIN_CLOSED:
    case CALL_E_TOO_BIG:
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
