#pragma once
/*
 * A person's word before a command is run, where the operator's rules want one.
 *
 *   2026-07-28   the call is answered with input_required and a requestState, signed, that is good
 *                for some minutes, this principal and these arguments; the client repeats the call
 *                with the answer, on whatever replica. However often it repeats it, one start comes
 *                of it: the state's nonce is its idempotency key.
 *   before       elicitation/create on the stream of the call, which waits for the answer.
 *
 * A client that can't be asked is refused. Home thread.
 */
#include "server/mcp/pack.h"
#include "state/spec.h"

enum confirm_verdict {
    CONFIRM_GO,       /* start it */
    CONFIRM_ANSWERED, /* the request has its answer: asked, refused or wrong */
    CONFIRM_WAIT      /* on_answer is called later, once */
};

struct confirm {
    struct mcp_request *rq;
    const struct config *config;
    struct exec_spec *spec;                       /* may get an idempotency key */
    const cJSON *arguments;                       /* of the call */
    void (*on_answer)(void *arg, bool may_start); /* false: the request has its answer */
    void *arg;
    char *rule; /* owned while it waits; the caller sets NULL */
};

/* c stays where it is until the verdict, or on_answer. */
enum confirm_verdict confirm_ask(struct confirm *c);
void confirm_deinit(struct confirm *c);
