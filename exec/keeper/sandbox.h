#pragma once
/*
 * One bubblewrap sandbox, seen from outside: bwrap, and in it mcp-exec-init (exec/init/init_wire.h)
 * at the other end of a socket. It takes one command in its life. Owned by the keeper's list; freed
 * after the turn in which its last process was reaped. One thread; nothing here waits.
 *
 *   PREPARED ──► BUSY ──► DYING      prepared without a command, see pool.h
 *       └───────────────────►        DYING: told to leave, and killed if it does not; then its
 *                                    groups are removed
 */
#include "exec/keeper/keeper.h"
#include "exec/keeper/spawn.h"

struct codec;
struct rusage;
struct stdio;

enum sandbox_phase { SANDBOX_PREPARED = 1, SANDBOX_BUSY, SANDBOX_DYING };

struct sandbox {
    struct list link;
    struct keeper *keeper; /* borrowed */
    enum sandbox_phase phase;
    struct child *child;    /* BUSY: borrowed, whose command it runs */
    struct source control;  /* init */
    struct source messages; /* what bwrap says, until init is there; it only speaks of trouble */
    char said[160];         /* of that */
    size_t said_len;
    pid_t bwrap, init;    /* 0: not known yet, or reaped */
    int init_fd;          /* owned: a pidfd, since bwrap reaps it; -1 */
    pid_t command;        /* as CHILD told; 0: not yet */
    bool is_ready;        /* init is there */
    bool is_alone;        /* ENDED or GONE: nobody but init is left */
    bool is_ended;        /* ENDED came */
    int listener_fd;      /* owned; -1: none */
    struct cgroup cgroup; /* owned; BUSY: the child's tree has it */
    unsigned held;        /* CGROUP_BIT()s: limits that hold for its tree */
    struct buf key;       /* what it was made from, see pool.h */
    struct timer timer;   /* PREPARED: it is too old; DYING: the next look */
    uint64_t dying_ms;
};

/* Starts bwrap; name: of its groups. NULL, and what went wrong. */
struct sandbox *sandbox_new(struct keeper *k, const char *name, const struct keeper_sandbox *s,
                            const struct execution_limits *l, struct spawn_error *ret_error);
/* Hands the command over; from now on it is the child's, which hears child_sandbox_…(). 0 or
 * -errno: then nothing was handed over. */
MUST_USE int sandbox_start(struct sandbox *s, struct child *c, const struct keeper_spawn *spawn,
                           const struct stdio *io);
/* It is the child's, which hears how it ends. */
void sandbox_give(struct sandbox *s, struct child *c);
/* One signal to the command's process group, or to all processes in there. */
void sandbox_signal_group(struct sandbox *s, int signo);
void sandbox_signal_all(struct sandbox *s, int signo);
void sandbox_finish(struct sandbox *s); /* KILL to what is left; GONE comes */
/* KILL to bwrap and init from outside, and so to all in there, when init does not answer. */
void sandbox_kill(struct sandbox *s);
/* The child lets go of it: it is ended. */
void sandbox_let_die(struct sandbox *s);

/* A process of ours was reaped: whether it was one of a sandbox. */
bool sandbox_reaped(struct keeper *k, pid_t pid);
/* After the turn. */
void sandbox_free_dead(struct keeper *k);
void sandbox_let_all_die(struct keeper *k); /* those that nobody uses */

/* Over an upgrade. Those that are not BUSY go on as DYING ones. */
void sandbox_walk(struct sandbox *s, struct codec *c);
struct sandbox *sandbox_resume(struct keeper *k); /* an empty one, to be walked */
void sandbox_continue(struct sandbox *s);         /* after that */
void sandbox_set_kept(const struct sandbox *s, void (*set_kept)(int fd, bool is_kept),
                      bool is_kept);

/* For sandbox_start.c. */
void sandbox_on_control(struct source *s, uint32_t events);
void sandbox_on_messages(struct source *s, uint32_t events);
