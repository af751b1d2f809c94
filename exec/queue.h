#pragma once
/*
 * Who may run next. Executions belong to a group: their MCP session, else their principal; those of
 * nobody in particular (no session, no authentication) share one group without a limit of its own.
 * Groups with pending executions take turns, so that one that queues a thousand does not keep
 * another waiting. Reactor thread.
 */
#include "exec/registry.h"

struct group {
    char *key;           /* owned */
    struct list pending; /* entry.queued, first come first served */
    struct list turn;    /* queue.turns while something is pending */
    unsigned active;     /* entries: pending, starting, running */
};

struct queue {
    struct map *groups; /* key -> group */
    struct list turns;  /* groups with pending entries, next one first */
    unsigned pending;
    unsigned running; /* starting and running */
};

void queue_init(struct queue *q);
void queue_deinit(struct queue *q);

/* How many of its group are active; 0 for one that has no limit. */
unsigned queue_group_active(struct queue *q, const char *principal, const char *session_id);
/* Puts a pending entry at the end of its group. */
void queue_push(struct queue *q, struct entry *e);
/* Takes the next one out of its group's line (it still counts as active): now starting. NULL: none
 * pending. */
struct entry *queue_pop(struct queue *q);
/* Back to the front of the line: it could not be handed over after all. */
void queue_unpop(struct queue *q, struct entry *e);
/* An entry that runs already (adopted at start-up): counts, but was never in line. */
void queue_adopt(struct queue *q, struct entry *e);
/* The entry has ended, from whatever phase it was in. */
void queue_leave(struct queue *q, struct entry *e);
/* 1 = next in line of its group. */
unsigned queue_position(const struct entry *e);
