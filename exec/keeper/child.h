#pragma once
/*
 * One execution while it runs. Owned by the keeper's list; one thread.
 *
 *   STARTING   its sandbox is being made, which then starts the command
 *   RUNNING    the command runs: its output goes to the journal, its limits are watched
 *   DRAINING   the command ended; its pipes are read to their end, 100 ms at most
 *   SWEEPING   what is left of its tree is killed, until nobody is there
 *   FINISHING  last records and the file exit are written; on a full disk, until they can be
 *
 * Why it ended is decided once: by us (timeout, cancelled, a limit …) before the command ended, or
 * else by how it ended (child_end.c).
 */
#include "exec/keeper/input.h"
#include "exec/keeper/journal_writer.h"
#include "exec/keeper/keeper.h"
#include "exec/keeper/tree.h"
#include "exec/keeper/waiting.h"

struct rusage;
struct sandbox;
struct spawned;

enum child_phase {
    CHILD_STARTING = 1,
    CHILD_RUNNING,
    CHILD_DRAINING,
    CHILD_SWEEPING,
    CHILD_FINISHING
};

struct stream {
    struct source source;
    struct timer flush;  /* a piece of a line waits for its rest */
    struct child *child; /* borrowed: it holds us */
    enum journal_type type;
};

struct child {
    struct list link;
    struct keeper *keeper; /* borrowed */
    char id[EXECUTION_ID_MAX + 1];
    char *dir; /* owned: of the journal */
    enum child_phase phase;
    struct execution_limits limits;
    unsigned held; /* CGROUP_BIT()s of those that hold for the tree */
    struct stream streams[JOURNAL_STREAMS];
    struct input input;
    struct journal_writer journal;
    struct tree tree;
    struct waiting waiting;
    struct sandbox *sandbox; /* borrowed from the keeper, until we let go of it; NULL: none */
    char *cwd, *program;     /* owned; with a sandbox: what its failures are about */
    unsigned sandbox_killed; /* processes in there that had to be killed */
    unsigned sandbox_kills;  /* how often that was asked for */
    struct timer limit;      /* the next of timeout and idle timeout */
    struct timer ladder;     /* KILL after TERM, and again until it worked */
    struct timer step;       /* the next step of a phase */
    struct timer look;       /* the next look at what its tree uses */
    uint64_t look_ms;        /* from the look before it */
    uint64_t started_ms, active_ms, phase_ms; /* CLOCK_MONOTONIC */
    enum execution_reason reason;             /* as decided; 0: not yet */
    int error;                                /* errno of a start that failed */
    bool has_reason_record, has_exit_record;  /* written */
    uint32_t grew;                            /* bit n: client n was not told yet */
    struct execution_exit exit;
};

/* As asked by a client: starts it, and tells all clients STARTED or ENDED. */
void child_spawn(struct keeper *k, const char *id, const struct keeper_spawn *s);
struct child *child_find(struct keeper *k, const char *id);
struct child *child_find_pid(struct keeper *k, pid_t pid); /* whose command is that process */
struct child *child_free(struct child *c);
void child_get_totals(const struct child *c, struct keeper_running *ret);
enum keeper_stdin_result child_write_stdin(struct child *c, const struct keeper_input *i);
void child_kill(struct child *c, const struct keeper_kill *k);
/* An event with a note, while its journal is open. */
void child_note(struct child *c, enum journal_type type, const char *text);
/* The command was reaped. */
void child_main_ended(struct child *c, int status, const struct rusage *usage);

/* What its sandbox tells, child_sandbox.c. */
void child_sandbox_started(struct child *c, pid_t pid, int terminal_fd); /* takes it; -1: none */
void child_sandbox_failed(struct child *c, int step, int error);
void child_sandbox_ended(struct child *c, int status, const struct rusage *usage, unsigned killed);
void child_sandbox_gone(struct child *c, unsigned killed);  /* nobody is left in there */
void child_sandbox_lost(struct child *c, const char *said); /* it ended without a word of init */

/* Between child.c, child_start.c, child_end.c and reexec.c. */
struct child *child_new(struct keeper *k, const char *id, const char *dir);
MUST_USE int child_watch(struct child *c); /* its descriptors; 0 or -errno */
void child_watch_limits(struct child *c);
void child_look_at_limits(struct child *c); /* child_limits.c: from now on, now and then */
void child_count_limits(struct child *c);   /* for the last time */
void child_note_system_call(struct child *c);
void child_on_readable(struct source *s, uint32_t events);
bool child_take_output(struct stream *s); /* one read; false: nothing is there now */
void child_flush(struct stream *s, bool is_end);
void child_stop_timers(struct child *c);
bool child_is_only(const struct child *c); /* no other execution is here */
bool child_has_open_streams(const struct child *c);
void child_fail(struct child *c, enum execution_reason reason, const char *what, int r);
/* r: what a function of the journal returned. A full journal or disk ends the execution. */
void child_check_journal(struct child *c, int r);
void child_decide(struct child *c, enum execution_reason reason); /* the first one counts */
void child_sweep(struct child *c);
/* After an upgrade: goes on where it stood. kill_ms: the time of the ladder's next step; 0: none.
 */
void child_continue(struct child *c, uint64_t kill_ms);
void child_continue_timers(struct child *c, uint64_t kill_ms);
/* In a sandbox; the rest comes by child_sandbox_…(). */
void child_begin_sandboxed(struct child *c, const struct keeper_spawn *s);
void child_sandbox_await(struct child *c);  /* STARTING: not for ever */
void child_run(struct child *c, pid_t pid); /* the command runs, the descriptors are there */
void child_end_unstarted(struct child *c, enum execution_reason reason, int error,
                         const char *text);
bool child_sandbox_sweep(struct child *c, uint64_t ago_ms); /* nobody is left in there */
void child_sandbox_kill(struct child *c);                   /* KILL to all in there */
void child_sandbox_let_go(struct child *c);                 /* without one it does nothing */
void child_sweep_now(struct child *c);                      /* SWEEPING: look again */
