#pragma once
/*
 * Who waits for input: the thread, among those of an execution, that is asleep in a call which
 * waits for the execution's stdin (its pipe, or the terminal under whatever name). Told by what
 * the kernel says of each thread, never by what was printed. One thread; nothing here waits; what a
 * look costs is bounded by READER_THREADS_MAX.
 *
 * What counts:
 *   reads      asleep in read(2) or the like on our input
 *   watches    asleep in poll, select or epoll with our input in the set, and nothing else in it
 *              that somebody outside could answer
 *   has others the same with sockets in the set: what comes next may come from there, so that the
 *              caller wants more silence before it believes that input is waited for
 *   relays     the same for a child of its own, whose terminal is in the set (script, sudo,
 * rlwrap): then that child has to read What does not: a process of which a thread runs (it is
 * busy), one that is stopped, and one that is not in the foreground of the terminal.
 */
#include "exec/keeper/tree.h"

#define READER_PROCESSES_MAX 64u
#define READER_THREADS_MAX   256u

struct reader_query {
    const struct tree *tree; /* borrowed */
    dev_t dev;               /* our input: fstat(2) of the pipe or of the terminal's slave */
    ino_t ino;
    dev_t terminal; /* its number; 0: it is a pipe */
    pid_t foreground, session;
};

enum reader_outcome {
    READER_NONE = 0, /* nobody waits for our input */
    READER_FOUND,
    READER_UNKNOWN /* some could not be looked at, or there are too many */
};
struct reader {
    pid_t pid, tid;
    bool has_others;
    uint64_t switches; /* how often it went to sleep: while it stays, it has taken nothing */
};

/* *ret_cost: how many threads were looked at. */
MUST_USE enum reader_outcome reader_find(const struct reader_query *q, struct reader *ret,
                                         unsigned *ret_cost);
