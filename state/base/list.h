#pragma once
/* An intrusive doubly linked list. The owner of the head owns the order, not the members. */
#include <stdbool.h>

#include "state/base/macro.h"

struct list {
    struct list *next, *prev; /* borrowed; a head points to itself when empty */
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
/* A zeroed or removed link is not linked. */
static inline bool list_is_linked(const struct list *l)
{
    return l->next && l->next != l;
}
static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}
static inline void list_append(struct list *head, struct list *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}
/* Legal on a link that is in no list. */
static inline void list_remove(struct list *l)
{
    if (!l->next)
        return;
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->next = l->prev = NULL;
}
static inline struct list *list_first(struct list *head)
{
    return list_is_empty(head) ? NULL : head->next;
}
/* Moves all members to `to`, which must be empty. */
static inline void list_move_all(struct list *from, struct list *to)
{
    if (list_is_empty(from))
        return;
    to->next = from->next;
    to->prev = from->prev;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}
#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
#define list_for_each_safe(it, tmp, head) \
    for (struct list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)
