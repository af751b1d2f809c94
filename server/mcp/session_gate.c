#include "server/mcp/session_gate.h"

#include "exec/reactor.h"
#include "state/session_shared.h"

/* One question, with the way home of its call. */
struct gate {
    struct call_home home;
    struct home *thread; /* borrowed; NULL: nobody waits */
    struct mcp *core;    /* borrowed */
    struct exchange *x;  /* a reference; asking */
    void (*serve)(struct exchange *x, void *core);
    struct session_wait wait; /* telling */
};

static void on_home(void *arg)
{
    struct call *c = arg;
    c->on_done(c);
}

static void post(struct call_home *home, struct call *c)
{
    const struct gate *g = CONTAINER_OF(home, struct gate, home);
    if (g->thread)
        home_post(g->thread, on_home, c);
    else
        c->on_done(c);
}

/* ---- asking ---- */

static void refuse(struct exchange *x, enum call_outcome o)
{
    transport_refuse(x, 503, JSONRPC_REFUSED,
                     o == CALL_E_PENDING_FULL
                         ? "Too many sessions: try again later"
                         : "The session may be another replica's, and Redis can't be asked: try "
                           "again");
}

static void on_found(struct call *c)
{
    struct gate *g = c->arg;
    enum call_outcome o = c->outcome;
    call_free(c);
    if (!exchange_is_open(g->x))
        ;
    else if (o == CALL_OK || o == CALL_E_NOT_FOUND)
        g->serve(g->x, g->core); /* which finds it in the table, or does not */
    else
        refuse(g->x, o);
    exchange_unref(g->x);
    free(g);
}

bool session_gate_holds(const struct incoming *in, void (*serve)(struct exchange *x, void *core))
{
    if (!in->session_id || !in->core->reactor ||
        sessions_know(in->core->sessions, in->session_id) == SESSION_KNOWN)
        return false;
    struct gate *g = xcalloc(1, sizeof(*g));
    g->home.post = post;
    g->thread = exchange_home(in->x);
    g->core = in->core;
    g->x = exchange_ref(in->x);
    g->serve = serve;
    struct call *c = call_new(CALL_SESSION, &g->home, on_found, g);
    c->session.what = CALL_SESSION_FIND;
    memcpy(c->id, in->session_id, strlen(in->session_id) + 1); /* an id: sessions_know() looked */
    (void)reactor_submit(in->core->reactor, c);
    return true;
}

/* ---- telling ---- */

static void on_told(struct call *c)
{
    struct gate *g = c->arg;
    call_free(c);
    if (g->wait.fn)
        g->wait.fn(g->wait.arg);
    free(g);
}

void session_gate_tell(const struct mcp *core, enum call_session what, struct session *session,
                       const struct session_wait *wait)
{
    if (!core->reactor) {
        if (wait)
            wait->fn(wait->arg);
        return;
    }
    struct gate *g = xcalloc(1, sizeof(*g));
    g->home.post = post;
    if (wait) {
        g->thread = wait->home;
        g->wait = *wait;
    }
    struct call *c = call_new(CALL_SESSION, &g->home, on_told, g);
    c->session.what = what;
    c->session.session = session_ref(session);
    (void)reactor_submit(core->reactor, c);
}
