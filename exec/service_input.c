/* Stdin calls: checked here, carried out by the keeper, answered when it says how that went. */
#include "exec/service.h"

static enum call_outcome check_input(const struct service *s, const struct entry *e)
{
    if (e->phase == ENTRY_ENDED)
        return CALL_E_COMPLETED;
    if (!e->interactive)
        return CALL_E_NOT_INTERACTIVE;
    if (e->phase == ENTRY_PENDING || !s->is_attached)
        return CALL_E_KEEPER_AWAY;
    if (s->stdin_count >= s->config->max_waiters)
        return CALL_E_WAITERS_FULL;
    return CALL_OK;
}

void service_stdin(struct service *s, struct call *c, struct entry *e)
{
    enum call_outcome o = check_input(s, e);
    if (o != CALL_OK)
        return service_answer(c, o, e);
    int r = keeper_client_stdin(s->keeper, c->id, c->serial, c->input.data, c->input.len,
                                c->input.eof, c->input.input_id);
    if (r < 0)
        return service_answer(c, CALL_E_KEEPER_AWAY, e);
    list_append(&s->stdin_calls, &c->link);
    s->stdin_count++;
}

static enum call_outcome outcome_of(enum keeper_stdin_result result)
{
    switch (result) {
    case KEEPER_STDIN_OK:
    case KEEPER_STDIN_REPEAT:
        return CALL_OK;
    case KEEPER_STDIN_FULL:
        return CALL_E_STDIN_FULL;
    case KEEPER_STDIN_CLOSED:
        return CALL_E_STDIN_CLOSED;
    case KEEPER_STDIN_GONE:
        return CALL_E_COMPLETED;
    }
    return CALL_E_INTERNAL;
}

/* Nobody who was answered is told that the execution still waits for that: the keeper's totals come
 * a moment later. */
void service_note_input(struct service *s, const char *id)
{
    struct entry *e = registry_find(&s->registry, id);
    if (!e || e->phase != ENTRY_RUNNING)
        return; /* it ended, or was a copy that is gone */
    bool has_waited = waiting_is_for_input(e->waiting);
    e->inputs++;
    e->waiting = WAITING_NO;
    if (has_waited)
        service_changed(s, e, NEWS_WAITS);
}

/* The keeper answers in the order it was asked, so the call is nearly always the first. */
void service_stdin_done(struct service *s, uint64_t token, enum keeper_stdin_result result)
{
    list_for_each (l, &s->stdin_calls) {
        struct call *c = CONTAINER_OF(l, struct call, link);
        if (c->serial != token)
            continue;
        list_remove(&c->link);
        s->stdin_count--;
        c->repeated = result == KEEPER_STDIN_REPEAT;
        if (result == KEEPER_STDIN_OK)
            service_note_input(s, c->id);
        service_answer(c, outcome_of(result), NULL);
        return;
    }
}

void service_stdin_fail_all(struct service *s)
{
    list_for_each_safe (l, next, &s->stdin_calls) {
        struct call *c = CONTAINER_OF(l, struct call, link);
        list_remove(&c->link);
        s->stdin_count--;
        service_answer(c, CALL_E_KEEPER_AWAY, NULL);
    }
}
