#pragma once
/* The keeper itself: what its parts share. One thread; everything lives until the process ends. */
#include "exec/keeper/clients.h"
#include "exec/keeper/loop.h"
#include "exec/keeper_wire.h"
#include "state/journal_format.h"

/* More would outgrow the descriptors that a process usually may have (six for each). */
#define KEEPER_EXECUTIONS_MAX 3000u

struct keeper {
    struct loop loop;
    const char *state_dir; /* absolute */
    const char *log_file;  /* NULL: standard error */
    char *cgroup_base;     /* NULL: none can be made */
    uint64_t open_files;   /* RLIMIT_NOFILE that our children get by default */
    int lock_fd;
    struct source listener, signals;
    struct clients clients;
    struct list children; /* struct child: all that have not ended */
    struct list ended;    /* struct child: freed after the turn */
    unsigned n_children;
    bool is_quitting; /* leave once nothing runs */
    bool is_stopping; /* TERM: and start nothing more */
    char read_buffer[JOURNAL_RECORD_MAX];
    char space[KEEPER_MESSAGE_MAX]; /* of the message that is handled */
};
