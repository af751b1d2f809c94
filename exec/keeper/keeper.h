#pragma once
/* The keeper itself: what its parts share. One thread; everything lives until the process ends. */
#include "exec/keeper/cgroup_host.h"
#include "exec/keeper/clients.h"
#include "exec/keeper/loop.h"
#include "exec/keeper/pool.h"
#include "exec/keeper/waiting.h"
#include "exec/keeper_wire.h"
#include "state/journal_format.h"

/* What one holds: two pipes that we read, one that we write, output and index; of its sandbox the
 * socket, the pidfd and the listener; one to spare. So
 * many are left for the rest, so that accept(2) never runs out of them. */
#define KEEPER_FDS_EACH 9u
#define KEEPER_FDS_REST 64u
/* A prepared sandbox: the same of its own, and what bwrap says until it is there. */
#define KEEPER_FDS_PREPARED 4u

static inline uint64_t keeper_fds_needed(uint64_t running, uint64_t prepared)
{
    return running * KEEPER_FDS_EACH + prepared * KEEPER_FDS_PREPARED + KEEPER_FDS_REST;
}

struct keeper {
    struct loop loop;
    const char *state_dir; /* absolute */
    const char *log_file;  /* NULL: standard error */
    struct cgroup_host cgroups;
    uint64_t open_files;   /* RLIMIT_NOFILE that our children get by default */
    uint64_t max_children; /* as many as there are descriptors for */
    int lock_fd;
    struct source listener, signals;
    struct clients clients;
    struct list children; /* struct child: all that have not ended */
    struct list ended;    /* struct child: freed after the turn */
    unsigned n_children;
    struct waiting_budget waiting_budget;
    char *sandbox_mark;         /* owned; PROC_SANDBOX_MARK=…; NULL: a probe's have none */
    struct list sandboxes;      /* struct sandbox: all that have processes */
    struct list dead_sandboxes; /* freed after the turn */
    struct pool pool;
    bool is_reserved; /* room for ends on a full disk is set aside, see reserve.h */
    bool is_quitting; /* leave once nothing runs */
    bool is_stopping; /* TERM: and start nothing more */
    char read_buffer[JOURNAL_RECORD_MAX];
    char space[KEEPER_MESSAGE_MAX]; /* of the message that is handled */
};
