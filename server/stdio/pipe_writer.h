#pragma once
/*
 * Lines to a pipe that may be read slowly or not at all: a queue, and a thread that writes it. The
 * queue has no bound of its own; who fills it looks at pipe_writer_queued(). Any thread.
 */
#include <stddef.h>

#include "state/base/macro.h"

struct pipe_writer;

/* fd is borrowed and must outlive it. on_room, on the writer's thread: the queue fell below `mark`
 * again. on_broken, the same: nobody reads any more; what is queued and comes later is dropped. 0
 * or -errno. */
struct pipe_writer_events {
    size_t mark;
    void (*on_room)(void *arg);
    void (*on_broken)(void *arg);
    void *arg;
};
MUST_USE int pipe_writer_new(int fd, const struct pipe_writer_events *ev, struct pipe_writer **ret);
/* A line; the newline is added. */
void pipe_writer_line(struct pipe_writer *w, const char *text, size_t len);
/* Bytes that were not taken yet. */
size_t pipe_writer_queued(struct pipe_writer *w);
/* Waits at most so long until all of it is written, then ends the thread. */
void pipe_writer_stop(struct pipe_writer *w, unsigned ms);
struct pipe_writer *pipe_writer_free(struct pipe_writer *w); /* after the stop */
