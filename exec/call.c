#include "exec/call.h"

#include <string.h>

struct call *call_new(enum call_op op, struct call_home *home, void (*on_done)(struct call *),
                      void *arg)
{
    struct call *c = xcalloc(1, sizeof(*c));
    c->op = op;
    c->home = home;
    c->on_done = on_done;
    c->arg = arg;
    return c;
}

struct call *call_free(struct call *c)
{
    if (!c)
        return NULL;
    exec_spec_free(c->spec);
    free(c->principal);
    free(c->session_id);
    free(c->input.data);
    free(c->input.input_id);
    session_unrefp(&c->session.session);
    for (size_t i = 0; c->records && i < c->n_views; i++)
        record_deinit(&c->records[i]);
    free(c->records);
    free(c->views);
    free(c);
    return NULL;
}

const char *call_outcome_name(enum call_outcome o)
{
    switch (o) {
    case CALL_OK:
        return "ok";
    case CALL_E_NOT_FOUND:
        return "not_found";
    case CALL_E_NOT_INTERACTIVE:
        return "not_interactive";
    case CALL_E_COMPLETED:
        return "completed";
    case CALL_E_SESSION_LIMIT:
        return "session_limit";
    case CALL_E_PENDING_FULL:
        return "pending_full";
    case CALL_E_WAITERS_FULL:
        return "waiters_full";
    case CALL_E_LOW_DISK:
        return "low_disk";
    case CALL_E_DRAINING:
        return "draining";
    case CALL_E_KEEPER_AWAY:
        return "keeper_away";
    case CALL_E_KEY_REUSED:
        return "key_reused";
    case CALL_E_STDIN_FULL:
        return "stdin_full";
    case CALL_E_STDIN_CLOSED:
        return "stdin_closed";
    case CALL_E_TOO_BIG:
        return "too_big";
    case CALL_E_KEY_BUSY:
        return "key_busy";
    case CALL_E_REDIS_AWAY:
        return "redis_away";
    case CALL_E_OWNER_AWAY:
        return "owner_away";
    case CALL_E_OWNER_SILENT:
        return "owner_silent";
    case CALL_E_OWNER_UNSURE:
        return "owner_unsure";
    case CALL_E_CANCELLED:
        return "cancelled";
    case CALL_E_INTERNAL:
        return "internal";
    }
    return "unknown";
}
