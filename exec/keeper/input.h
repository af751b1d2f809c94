#pragma once
/*
 * The stdin of one execution: a bounded queue in front of a pipe or a terminal. What is written
 * with an input_id is written once: the last INPUT_IDS_MAX ids are remembered. One thread.
 */
#include "exec/keeper/loop.h"
#include "exec/keeper_wire.h"
#include "state/base/buf.h"

struct codec;

#define INPUT_IDS_MAX     64
#define INPUT_DEFAULT_MAX (1024u * 1024) /* bytes queued, of an execution without a limit */

struct input {
    struct source source; /* the writing end; idle when there is none, or it is closed */
    struct loop *loop;    /* borrowed */
    struct buf queue;     /* what the pipe did not take yet */
    uint64_t max_bytes;
    bool is_pty;
    bool is_pending;             /* its descriptor comes later: all that is written waits */
    bool is_eof;                 /* asked for; done once the queue is empty */
    uint64_t count;              /* of what was written: pieces */
    bool is_line_begin;          /* nothing was written since the last newline */
    uint64_t ids[INPUT_IDS_MAX]; /* hashes, 0: none; a ring */
    uint32_t next_id;
};

/* Takes fd (-1: the command has no stdin), which must not block; input_watch() comes next. */
void input_init(struct input *in, int fd, bool is_pty, uint64_t max_bytes);
MUST_USE int input_watch(struct input *in, struct loop *l); /* 0 or -errno, then it is closed */
void input_deinit(struct input *in);
enum keeper_stdin_result input_write(struct input *in, const struct keeper_input *i);

/* Its state over an upgrade, the descriptor included. */
void input_walk(struct input *in, struct codec *c);
