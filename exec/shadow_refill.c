/*
 * What Redis no longer has of an execution's output, its owner still does: pieces are asked for,
 * the one just before what is here first, until a reader's place is reached or the owner, too, has
 * nothing older. An owner that is gone for good can't be asked: then the reader is told how many
 * bytes are missing, as it is behind a hole of retention.
 */
#include <errno.h>

#include "exec/peer_command.h"
#include "exec/peers_impl.h"
#include "state/base/log.h"

/* Where this call's reader begins; events before 1 carry no bytes. */
static uint64_t begin_of(const struct call *c)
{
    return c->after_events > 1 ? c->after_events : 0;
}

bool shadow_is_behind(const struct shadow *sh, const struct call *c)
{
    const struct shadow_file *f = sh->file;
    return c->reads_output && f->index_fd >= 0 && begin_of(c) < f->first_event &&
           sh->owner_first < f->first_event && f->first_offset > 0;
}

static void settle(struct shadow *sh)
{
    struct list calls;
    list_init(&calls);
    list_move_all(&sh->behind, &calls);
    shadow_settle_all(sh, &calls);
}

static void give_up(struct shadow *sh, enum call_outcome o)
{
    list_for_each_safe (l, next, &sh->behind) {
        list_remove(l);
        sh->peers->n_calls--;
        service_answer(CONTAINER_OF(l, struct call, link), o, NULL);
    }
}

void shadow_refill(struct shadow *sh)
{
    uint64_t down_to = sh->file->first_event;
    if (sh->is_refilling || list_is_empty(&sh->behind))
        return;
    list_for_each (l, &sh->behind) {
        uint64_t begin = begin_of(CONTAINER_OF(l, struct call, link));
        down_to = begin < down_to ? begin : down_to;
    }
    sh->is_refilling = peer_command_refill(sh, sh->file->first_event, down_to);
    if (!sh->is_refilling)
        give_up(sh, CALL_E_REDIS_AWAY);
}

/* The lines of an answer as the events just before those that are here. */
static bool read_lines(const struct shadow *sh, const struct peer_text *data,
                       struct shadow_events *v)
{
    CLEANUP(buf_deinit) struct buf bytes = {0};
    const char *p = data->data, *end = data->data + data->len, *newline;
    uint64_t number = 0;
    for (; p < end; p = newline + 1, number++) {
        struct record_event e;
        newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline || !record_event_read(p, (size_t)(newline - p), &bytes, &e) ||
            (v->n > 0 && e.number != number))
            return false;
        number = e.number;
        shadow_events_add(v, &e.record, e.data);
    }
    return v->n > 0 && number == sh->file->first_event;
}

static int take(struct shadow *sh, const struct peer_text *data)
{
    CLEANUP(shadow_events_deinit) struct shadow_events v = {0};
    if (!read_lines(sh, data, &v) || !shadow_make_room(sh->peers, sh, v.bytes.len + v.records.len))
        return -ENODATA;
    int r = shadow_file_prepend(sh->file, &v);
    shadow_count_size(sh);
    return r;
}

void shadow_refilled(struct shadow *sh, const struct peer_message *m, enum call_outcome o)
{
    sh->is_refilling = false;
    if (!sh->entry)
        return shadow_free_forgotten(sh);
    bool is_gone = o == CALL_E_OWNER_AWAY || o == CALL_E_NOT_FOUND;
    if (!m && !is_gone)
        return give_up(sh, o);
    if (o == CALL_OK)
        sh->owner_first = m->first;
    if (o != CALL_OK || m->data.len == 0 || take(sh, &m->data) < 0) {
        /* Nothing more will come: what is missing is said. */
        LOG_INFO("output_behind_mirror_gone", LOG_STR("exec", sh->entry->id),
                 LOG_STR("owner", call_outcome_name(o)),
                 LOG_U64("first_event", sh->file->first_event));
        sh->owner_first = sh->file->first_event;
    }
    settle(sh);
}
