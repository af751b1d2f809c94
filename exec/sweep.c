/*
 * What an earlier server left: every journal below the state directory becomes an entry again.
 * Those with a file exit have ended. Those that began count as running until the keeper has said
 * what runs (service_keeper.c): nobody may end them here. The others wait in line, oldest first.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exec/service.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "state/base/id.h"
#include "state/base/log.h"
#include "state/journal.h"
#include "state/shadow_file.h"

struct found {
    struct entry *entry;
    uint64_t ended_us;
    enum execution_reason reason;
};

struct sweep {
    struct found *ended; /* owned */
    size_t n_ended, cap;
    unsigned open, bad;
};

static void remember_ended(struct sweep *w, struct entry *e, const struct execution_exit *x)
{
    if (w->n_ended == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 64;
        w->ended = realloc(w->ended, w->cap * sizeof(*w->ended));
        if (!w->ended)
            abort();
    }
    w->ended[w->n_ended++] =
        (struct found){.entry = e, .ended_us = x->ended_us, .reason = x->reason};
}

static void sweep_one(struct service *s, struct sweep *w, const char *id)
{
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, id);
    CLEANUP(exec_spec_freep) struct exec_spec *spec = NULL;
    if (shadow_file_is(dir)) { /* of another replica's: it is copied again when it is asked for */
        DISREGARD(janitor_discard(s->janitor, "executions", id));
        return;
    }
    int r = exec_spec_read(dir, &spec);
    if (r < 0 || strcmp(spec->id, id) != 0) {
        /* Died between mkdir and rename: it was never accepted. */
        LOG_WARN("journal_without_spec", LOG_STR("exec", id), LOG_ERRNO(r));
        DISREGARD(janitor_discard(s->janitor, "executions", id));
        w->bad++;
        return;
    }
    struct entry *e = registry_load(&s->registry, spec);
    struct execution_exit x;
    if (journal_read_exit(dir, &x) == 0) {
        registry_set_size(&s->registry, e, x.events, x.output_bytes);
        e->started_us = x.started_us;
        service_look_back(s, e);
        remember_ended(w, e, &x);
    }
}

/* False: it has not begun. */
static bool take_begun(struct service *s, struct entry *e)
{
    CLEANUP(journal_closep) struct journal *j = NULL;
    struct journal_record first;
    size_t n = 0;
    if (journal_open(s->config->state_dir, e->id, &j) < 0)
        return false;
    if (journal_records(j, 0, &first, 1, &n) == 0 && n == 1)
        e->started_us = first.time_us;
    registry_set_size(&s->registry, e, journal_events(j), journal_output_bytes(j));
    e->phase = ENTRY_RUNNING;
    e->status = EXECUTION_RUNNING;
    return true;
}

static void settle_open(struct service *s, struct sweep *w)
{
    list_for_each (l, &s->registry.by_age) {
        struct entry *e = CONTAINER_OF(l, struct entry, by_age);
        if (e->phase == ENTRY_ENDED)
            continue;
        w->open++;
        if (take_begun(s, e))
            queue_adopt(&s->queue, e);
        else
            queue_push(&s->queue, e);
    }
}

static int by_end(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return (x->ended_us > y->ended_us) - (x->ended_us < y->ended_us);
}

static void settle_ended(struct service *s, struct sweep *w)
{
    uint64_t now_us = clock_real_us(), now_ms = clock_mono_ms();
    if (w->n_ended)
        qsort(w->ended, w->n_ended, sizeof(*w->ended), by_end);
    for (size_t i = 0; i < w->n_ended; i++) {
        uint64_t ago_ms =
            now_us > w->ended[i].ended_us ? (now_us - w->ended[i].ended_us) / 1000 : 0;
        uint64_t ttl = s->config->retention_ttl_ms;
        registry_set_ended(&s->registry, w->ended[i].entry, execution_status_of(w->ended[i].reason),
                           now_ms + (ago_ms < ttl ? ttl - ago_ms : 0));
    }
}

int sweep_state_dir(struct service *s)
{
    CLEANUP(free_p) char *path = NULL;
    if (asprintf(&path, "%s/executions", s->config->state_dir) < 0)
        abort();
    int r = dir_make(path);
    if (r < 0)
        return r;
    DIR *d = opendir(path);
    if (!d)
        return -errno;
    struct sweep w = {0};
    struct dirent *entry;
    while ((entry = readdir(d)))
        if (id_is_valid(entry->d_name))
            sweep_one(s, &w, entry->d_name);
    closedir(d);
    registry_sort(&s->registry);
    settle_ended(s, &w);
    settle_open(s, &w);
    free(w.ended);
    if (w.n_ended || w.open || w.bad)
        LOG_INFO("state_swept", LOG_U64("ended", w.n_ended), LOG_U64("open", w.open),
                 LOG_U64("discarded", w.bad));
    return 0;
}
