#pragma once
/*
 * What mcp-exec-keeper and mcp-exec-init say to each other over a unix SEQPACKET socket pair, which
 * init finds as descriptor 3. Host byte order: both are of one build, on one machine. Constants and
 * structs only; one packet is one of these structs.
 *
 *    keeper                              init, process 1 of the sandbox
 *                                  ←     READY     (listener)
 *      START (0, 1, 2)             →
 *                                  ←     CHILD                from the command's process itself,
 *                                                             before its exec: whose pid it is says
 *                                                             the socket (SCM_CREDENTIALS)
 *                                  ←     STARTED (terminal)   or FAILED, then init leaves
 *      GROUP signo, ALL signo      →
 *                                  ←     ENDED status usage   the command alone; what it left
 *                                                             behind lives on, unless is_alone
 *      FINISH                      →                          KILL to what is left
 *                                  ←     GONE killed          nobody is left
 *
 * START may be sent before READY comes. In brackets: descriptors, SCM_RIGHTS. Who sees the other
 * hang up leaves, and the whole sandbox with it. So init stays behind when all others are gone: its
 * end, which takes the namespaces apart, comes when the keeper has time for it.
 */
#include <stdint.h>

enum {
    INIT_CONTROL_FD = 3,   /* the socket */
    INIT_PROGRAM_FD = 4,   /* the program itself, for bwrap to run: no path of it is mounted */
    INIT_FILTER_FD = 5,    /* bwrap's --seccomp */
    INIT_PASSWD_FD = 6,    /* bwrap's --ro-bind-data */
    INIT_GROUP_FD = 7,     /* the same */
    INIT_PROXY_PORT = 3128 /* where the listener is, on 127.0.0.1 */
};

#define INIT_ARG_LISTEN  "listen"      /* argv[1]: make the listener */
#define INIT_MESSAGE_MAX (264u * 1024) /* a start: KEEPER_MESSAGE_MAX and its head */
#define INIT_STRINGS_MAX (60u * 1024)  /* arguments and variables together */
#define INIT_LIMITS_MAX  8u

enum init_op { INIT_START = 1, INIT_GROUP, INIT_ALL, INIT_FINISH };

struct init_limit {
    int32_t resource; /* RLIMIT_… */
    uint32_t padding;
    uint64_t soft, hard;
};

/* START goes on with strings, each with its NUL: the directory, n_argv arguments, n_env variables,
 * n_checks of "<device>:<inode>:<path>". */
struct init_request {
    uint32_t op;
    int32_t signo;
    uint32_t n_argv, n_env;
    /* A terminal is made, of the sandbox's own /dev/pts so that it has a name in there. It becomes
     * 1 and 2 instead of what came, 0 too if is_interactive, and the controlling one. */
    uint32_t is_pty, is_interactive;
    uint32_t n_limits;
    uint32_t n_checks; /* of what must be found at paths */
    struct init_limit limits[INIT_LIMITS_MAX];
};

enum init_event { INIT_READY = 1, INIT_CHILD, INIT_STARTED, INIT_FAILED, INIT_ENDED, INIT_GONE };

/* Of the child, and how a failure is called. */
enum init_step {
    INIT_STEP_MESSAGE = 0, /* what came was no start */
    INIT_STEP_FORK,
    INIT_STEP_SESSION,
    INIT_STEP_DESCRIPTORS,
    INIT_STEP_TERMINAL,
    INIT_STEP_LIMITS,
    INIT_STEP_DIRECTORY,
    INIT_STEP_SIGNALS,
    INIT_STEP_EXEC,
    INIT_STEP_LISTENER,
    INIT_STEP_CHECK /* something else is there than was looked at */
};

struct init_report {
    uint32_t event;
    int32_t step, error; /* FAILED: enum init_step, errno */
    int32_t status;      /* ENDED: of wait(2) */
    uint32_t is_alone;   /* ENDED: nobody else is left; GONE need not be asked for */
    uint32_t killed;     /* ENDED, GONE: processes besides the command that we had to kill */
    uint64_t user_us, system_us, max_rss_bytes; /* ENDED */
};
