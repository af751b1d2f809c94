#include "exec/queue.h"

#include <stdio.h>
#include <string.h>

void queue_init(struct queue *q)
{
    memset(q, 0, sizeof(*q));
    q->groups = map_new();
    list_init(&q->turns);
}

static void group_free(const char *key, void *value, void *arg)
{
    struct group *g = value;
    free(g->key);
    free(g);
}

void queue_deinit(struct queue *q)
{
    map_each(q->groups, group_free, NULL);
    map_free(q->groups);
    memset(q, 0, sizeof(*q));
}

static bool has_own_group(const char *principal, const char *session_id)
{
    return session_id || strcmp(principal, PRINCIPAL_ANONYMOUS) != 0;
}

static char *group_key(const char *principal, const char *session_id)
{
    char *key = NULL;
    int n = session_id ? asprintf(&key, "s:%s", session_id) : asprintf(&key, "p:%s", principal);
    if (n < 0)
        abort();
    return key;
}

unsigned queue_group_active(struct queue *q, const char *principal, const char *session_id)
{
    if (!has_own_group(principal, session_id))
        return 0;
    CLEANUP(free_p) char *key = group_key(principal, session_id);
    const struct group *g = map_find(q->groups, key);
    return g ? g->active : 0;
}

static struct group *group_join(struct queue *q, struct entry *e)
{
    char *key = group_key(e->principal, e->session_id);
    struct group *g = map_find(q->groups, key);
    if (g) {
        free(key);
    } else {
        g = xcalloc(1, sizeof(*g));
        g->key = key;
        list_init(&g->pending);
        map_set(q->groups, g->key, g);
    }
    g->active++;
    e->group = g;
    return g;
}

void queue_push(struct queue *q, struct entry *e)
{
    struct group *g = group_join(q, e);
    list_append(&g->pending, &e->queued);
    if (!list_is_linked(&g->turn))
        list_append(&q->turns, &g->turn);
    q->pending++;
}

struct entry *queue_pop(struct queue *q)
{
    struct list *turn = list_first(&q->turns);
    if (!turn)
        return NULL;
    struct group *g = CONTAINER_OF(turn, struct group, turn);
    struct entry *e = CONTAINER_OF(list_first(&g->pending), struct entry, queued);
    list_remove(&e->queued);
    list_remove(&g->turn);
    if (!list_is_empty(&g->pending))
        list_append(&q->turns, &g->turn);
    q->pending--;
    q->running++;
    e->phase = ENTRY_STARTING;
    return e;
}

static void list_prepend(struct list *head, struct list *l)
{
    list_append(head->next, l);
}

void queue_unpop(struct queue *q, struct entry *e)
{
    struct group *g = e->group;
    list_prepend(&g->pending, &e->queued);
    list_remove(&g->turn);
    list_prepend(&q->turns, &g->turn);
    q->pending++;
    q->running--;
    e->phase = ENTRY_PENDING;
}

void queue_adopt(struct queue *q, struct entry *e)
{
    group_join(q, e);
    q->running++;
}

void queue_leave(struct queue *q, struct entry *e)
{
    struct group *g = e->group;
    if (e->phase == ENTRY_PENDING) {
        list_remove(&e->queued);
        if (list_is_empty(&g->pending))
            list_remove(&g->turn);
        q->pending--;
    } else {
        q->running--;
    }
    e->group = NULL;
    if (--g->active == 0) {
        map_remove(q->groups, g->key);
        group_free(NULL, g, NULL);
    }
}

unsigned queue_position(const struct entry *e)
{
    unsigned n = 0;
    list_for_each (l, &e->group->pending) {
        n++;
        if (l == &e->queued)
            break;
    }
    return n;
}
