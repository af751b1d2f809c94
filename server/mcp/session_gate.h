#pragma once
/*
 * Sessions that other replicas may have made, and what they are to know of ours. Where there are no
 * others, all of it is done at once. On the home thread of what it is about.
 */
#include "exec/call.h"
#include "server/mcp/transport.h"

/* The session that the request names has to be asked for first: true, and serve(x, core) is called
 * once that is done, or the request is refused. */
bool session_gate_holds(const struct incoming *in, void (*serve)(struct exchange *x, void *core));

/* Who waits until the others can know, or can't be told: fn(arg), on `home`. */
struct session_wait {
    struct home *home;
    void (*fn)(void *arg);
    void *arg;
};
/* wait NULL: nobody does. */
void session_gate_tell(const struct mcp *core, enum call_session what, struct session *session,
                       const struct session_wait *wait);
