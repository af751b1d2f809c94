#include "server/mcp/exec_request.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/mcp/waiting_json.h"
#include "state/base/clock.h"

/* How often a waiting client hears that there is progress. */
#define PROGRESS_MS 1000u
/* An answer so much before its time is on time: the reactor's timers follow a coarse clock. */
#define EARLY_MS 50u

static void send_call(struct exec_request *er, struct call *c);

static void on_killed(struct call *c)
{
    struct exec_request *er = c->arg;
    call_free(c);
    exec_request_end(er);
}

/* The request was cancelled while the reactor did not hold a call of it: what it started goes on,
 * and nobody else knows its id. */
static void kill_started(struct exec_request *er)
{
    struct call *c = exec_request_call(er, CALL_CANCEL);
    memcpy(c->id, er->started_id, sizeof(c->id));
    c->on_done = on_killed;
    (void)reactor_submit(er->pack->reactor, c);
}

static void end_cancelled(struct exec_request *er)
{
    if (er->owns_execution && er->started_id[0])
        kill_started(er);
    else
        exec_request_end(er);
}

bool call_is_due(const struct call *c)
{
    if (c->outcome != CALL_OK || execution_status_is_final(c->view.status))
        return true;
    bool waits = execution_waits_for_input(&c->view);
    switch (c->until) {
    case CALL_UNTIL_NOTHING:
        return true;
    case CALL_UNTIL_GREW:
        return waits || c->view.events > c->after_events;
    case CALL_UNTIL_ENDED:
        return waits;
    case CALL_UNTIL_OVER:
        return false;
    }
    return true;
}

static void report_progress(struct exec_request *er, const struct call *c)
{
    char message[96];
    uint64_t ms = clock_mono_ms() - er->begun_ms;
    (void)snprintf(message, sizeof(message), "%s, %" PRIu64 " bytes of output, %.1f s",
                   execution_status_name(c->view.status), c->view.output_bytes, (double)ms / 1000);
    mcp_progress(er->rq, (double)ms, -1, message);
}

/* A slice of the wait is over and nothing came: the next one. */
static void wait_on(struct exec_request *er, struct call *done)
{
    struct call *c = exec_request_call(er, CALL_WAIT);
    memcpy(c->id, done->view.id, sizeof(c->id));
    c->until = done->until;
    c->after_events = done->after_events;
    c->reads_output = done->reads_output;
    report_progress(er, done);
    call_free(done);
    send_call(er, c);
}

/* What the execution that we own is called, as long as somebody must end it. */
static void note_started(struct exec_request *er, const struct call *c)
{
    if (c->outcome == CALL_E_CANCELLED || execution_status_is_final(c->view.status))
        er->started_id[0] = '\0'; /* the reactor ended it, or it has ended */
    else if (c->outcome == CALL_OK)
        memcpy(er->started_id, c->view.id, sizeof(er->started_id));
}

static void on_done(struct call *c)
{
    struct exec_request *er = c->arg;
    uint64_t now = clock_mono_ms();
    er->serial = 0;
    er->is_repeated = er->is_repeated || (c->op == CALL_START && c->repeated);
    note_started(er, c);
    if (er->is_cancelled) {
        call_free(c);
        return end_cancelled(er);
    }
    /* An answer before its time means that the server is going: it is passed on as it is. */
    if (er->is_waiting && !call_is_due(c) && now + EARLY_MS >= c->deadline_ms &&
        now + EARLY_MS < er->deadline_ms)
        return wait_on(er, c);
    er->on_answer(er, c);
}

static void on_home(void *arg)
{
    struct call *c = arg;
    c->on_done(c);
}

/* On the reactor's thread. */
static void post(struct call_home *home, struct call *c)
{
    const struct exec_request *er = CONTAINER_OF(home, struct exec_request, home);
    home_post(er->thread, on_home, c);
}

static void on_cancel(void *arg)
{
    struct exec_request *er = arg;
    er->is_cancelled = true;
    if (er->serial)
        reactor_cancel_call(er->pack->reactor, er->serial, er->owns_execution);
}

void exec_request_init(struct exec_request *er, struct mcp_request *rq,
                       const struct pack_exec *pack, exec_request_fn *on_free)
{
    er->home.post = post;
    er->thread = mcp_request_home(rq);
    er->rq = mcp_request_ref(rq);
    er->pack = pack;
    er->on_free = on_free;
    er->begun_ms = clock_mono_ms();
    mcp_request_on_cancel(rq, on_cancel, er);
}

void exec_request_end(struct exec_request *er)
{
    if (!er->is_cancelled)
        mcp_request_on_cancel(er->rq, NULL, NULL);
    mcp_request_unref(er->rq);
    if (er->on_free)
        er->on_free(er);
    else
        free(er);
}

struct call *exec_request_call(struct exec_request *er, enum call_op op)
{
    const char *session = mcp_request_session(er->rq);
    struct call *c = call_new(op, &er->home, on_done, er);
    c->principal = xstrdup(mcp_request_principal(er->rq));
    c->session_id = session ? xstrdup(session) : NULL;
    return c;
}

static void send_call(struct exec_request *er, struct call *c)
{
    c->deadline_ms = er->deadline_ms;
    uint64_t slice_end = clock_mono_ms() + PROGRESS_MS;
    if (mcp_request_wants_progress(er->rq) && slice_end < c->deadline_ms)
        c->deadline_ms = slice_end;
    er->serial = reactor_submit(er->pack->reactor, c);
}

void exec_request_send(struct exec_request *er, struct call *c, exec_answer_fn *on_answer)
{
    er->on_answer = on_answer;
    er->deadline_ms = c->deadline_ms;
    er->is_waiting = (c->op == CALL_START || c->op == CALL_WAIT) && c->until != CALL_UNTIL_NOTHING;
    send_call(er, c);
}

static void on_turn(void *arg)
{
    struct exec_request *er = arg;
    if (er->is_cancelled)
        end_cancelled(er);
    else
        er->on_turn(er);
}

void exec_request_yield(struct exec_request *er, exec_request_fn *turn)
{
    er->on_turn = turn;
    home_post(er->thread, on_turn, er);
}
