#pragma once
/*
 * Whether an interactive execution waits for input. Looked at when it has been silent for a moment
 * (no output, no input), then again and again, since a process may come to its question without a
 * word; told when two looks saw the same thread wait for it. So it is known about 80 ms after the
 * last output, or 150 ms after a silent process began to wait.
 *
 *   output, input ──► QUIET_MS ──► look ──► somebody waits ──► look again ──► told
 *         ▲                          │ ▲                                       │
 *         │                          └─┘ every LOOK_MS                         │ every RECHECK_MS
 *         └────────────────────────────────────────────────────────────────────┘
 *
 * What all looks together cost is bounded: so many threads a millisecond, see waiting.c. With more
 * to look at it only takes longer. One thread.
 */
#include "exec/keeper/loop.h"
#include "exec/keeper/reader.h"
#include "state/execution.h"

struct child;

struct waiting {
    struct timer look;
    enum execution_waiting told;
    uint64_t quiet_ms;         /* CLOCK_MONOTONIC: of the last output or input */
    enum reader_outcome found; /* by the last look */
    struct reader reader;
    uint64_t found_ms; /* since when it is so */
    struct reader fed; /* who waited when there was input; it may not know of it yet */
    uint64_t fed_ms;
    dev_t dev, terminal; /* of our input; dev 0: not asked yet. terminal 0: a pipe */
    ino_t ino;
};

/* What looks may cost, of all executions together. */
struct waiting_budget {
    uint64_t at_ms;
    int64_t left; /* threads */
};

/* It runs, with an input that can be written to (else it is never looked at). */
void waiting_start(struct child *c);
/* There was output, or a signal: nobody waits until that is seen again. */
void waiting_moved(struct child *c);
/* There was input: the same, and who waited has to wake up first. */
void waiting_fed(struct child *c);
void waiting_stop(struct child *c);
