#pragma once
/*
 * What mcp-execd and mcp-exec-keeper say to each other over <state_dir>/keeper.sock, a unix
 * SEQPACKET socket: one packet is one message. Values and pure functions, any thread.
 *
 *    0      4      8
 *    +------+------+------------------------+     u32 and u64 in host byte order; a string is its
 *    | type | size | fields, by type        |     length with NUL (0: none), then the bytes
 *    +------+------+------------------------+     size: of the whole packet
 *
 *    server                                     keeper
 *      HELLO min max program              →
 *                                         ←     HELLO min max program      both go on with the
 *      LIST                               →                                highest both know
 *                                         ←     RUNNING id totals, for each execution
 *                                         ←     LIST_END host              events from here on
 *      SPAWN id dir cwd argv env limits   →
 *            sandbox
 *                                         ←     STARTED id totals, or ENDED id
 *                                         ←     LISTENER id, and a descriptor: of one that may use
 *                                               the egress proxy; when it starts, and in a list
 *      STDIN id token bytes eof input_id  →
 *                                         ←     STDIN_DONE token result
 *      KILL id mode signo reason          →
 *                                         ←     GREW id totals             coalesced; also: waits
 *                                         ←     ENDED id                   the file exit is there
 *      NOTE id type text                  →                                goes into the journal
 *      QUIT                               →                                ends once nothing runs
 *      UPGRADE path                       →                                execve, hangs up
 *                                         ←     ERROR text                 then hangs up
 *
 * HELLO, UPGRADE and ERROR keep their form in every version: a server that finds a keeper it can't
 * talk to can still ask it to become one that it can.
 */
#include <sys/types.h>

#include "state/base/buf.h"
#include "state/execution.h"
#include "state/journal_format.h"

#define KEEPER_VERSION_MIN 3u
#define KEEPER_VERSION_MAX 3u

/* A packet: arguments and environment of one start together must fit. Linux allows twice
 * net.core.wmem_max (212,992 by default) for a unix socket's buffer, see unix(7), socket(7). */
#define KEEPER_MESSAGE_MAX     (256u * 1024)
#define KEEPER_STDIN_CHUNK_MAX (64u * 1024)
#define KEEPER_FILTER_MAX      (32u * 1024) /* BPF_MAXINSNS instructions */
#define KEEPER_SOCKET_NAME     "keeper.sock"
#define KEEPER_LOCK_NAME       "keeper.lock"

enum keeper_message_type {
    KEEPER_HELLO = 1,
    KEEPER_ERROR,
    KEEPER_UPGRADE,
    KEEPER_LIST,
    KEEPER_RUNNING,
    KEEPER_LIST_END,
    KEEPER_SPAWN,
    KEEPER_STARTED,
    KEEPER_GREW,
    KEEPER_ENDED,
    KEEPER_STDIN,
    KEEPER_STDIN_DONE,
    KEEPER_KILL,
    KEEPER_QUIT,
    KEEPER_LISTENER,
    KEEPER_NOTE,
    KEEPER_MESSAGE_TYPE_MAX = KEEPER_NOTE
};

enum keeper_kill_mode {
    KEEPER_KILL_LADDER = 1, /* TERM to the tree, KILL after the execution's kill_grace_ms */
    KEEPER_KILL_NOW,        /* KILL to the tree */
    KEEPER_KILL_SIGNAL      /* one signal to the command's process group; not an end by itself */
};

/* How a stdin write went. */
enum keeper_stdin_result {
    KEEPER_STDIN_OK = 0,
    KEEPER_STDIN_REPEAT, /* this input_id was written before: nothing done, a success */
    KEEPER_STDIN_FULL,   /* max_stdin_bytes are queued already: nothing was taken */
    KEEPER_STDIN_CLOSED, /* eof was sent, or the command closed its stdin */
    KEEPER_STDIN_GONE    /* no such execution runs */
};

struct keeper_running {
    pid_t pid;
    uint64_t started_us; /* CLOCK_REALTIME */
    uint64_t events, output_bytes, last_output_us;
    enum execution_waiting waiting;
    uint64_t inputs; /* how often something was written to its stdin */
};

/* How one is isolated; made by exec/sandbox.h. */
struct keeper_sandbox {
    char **wrap;           /* NULL-terminated: bwrap's absolute path and its arguments; empty: none,
                              and the rest means nothing */
    char **checks;         /* NULL-terminated; as in state/spec_sandbox.h */
    const char *init;      /* absolute path of mcp-exec-init, which bwrap runs */
    const char *workspace; /* absolute; of the host */
    const char *stage;     /* absolute; where wrap finds the workspace when uid is not ours */
    const void *filter;    /* of system calls: an array of struct sock_filter */
    size_t filter_len;     /* bytes */
    const char *passwd;    /* what /etc/passwd and /etc/group are in there, for wrap to bind */
    const char *group;
    uint64_t uid; /* user and group that it runs as; 0: ours */
    bool wants_listener;
    /* Prepared ones: whether it may be one, how many are kept, for how long. */
    bool can_pool;
    uint64_t pool_max, pool_idle_ms;
};

/* What the keeper needs to know to start one. */
struct keeper_spawn {
    const char *dir; /* of the journal, absolute */
    const char *cwd; /* absolute */
    char **argv;     /* NULL-terminated, argv[0] an absolute path */
    char **env;      /* NULL-terminated NAME=VALUE */
    bool is_interactive;
    bool is_pty;
    struct execution_limits limits;
    struct keeper_sandbox sandbox;
};

struct keeper_input {
    uint64_t token; /* comes back in STDIN_DONE */
    const void *data;
    size_t len;
    bool is_eof;
    const char *input_id; /* may be NULL */
};

struct keeper_kill {
    enum keeper_kill_mode mode;
    int signo;
    enum execution_reason reason;
};

/* What the keeper can do on its machine. */
struct keeper_host {
    /* Whether these limits hold for the tree of a command, by cgroups. */
    bool memory, processes, cpu;
};

/* Something of an execution that its clients are to know: an event with a note. */
struct keeper_note {
    enum journal_type type; /* JOURNAL_LIMIT_MET or JOURNAL_VIOLATION */
    const char *text;       /* a JSON object, at most JOURNAL_NOTE_MAX bytes */
};

/* A decoded message borrows its strings from the packet; the arrays argv, env, wrap and checks are
 * its own, and so is the descriptor that came with it. */
struct keeper_message {
    enum keeper_message_type type;
    char id[EXECUTION_ID_MAX + 1]; /* all that concern one execution */
    union {
        struct {
            uint32_t min, max;
            const char *program; /* its version, for logs */
        } hello;
        const char *text;              /* ERROR: what; UPGRADE: path of the program */
        struct keeper_running running; /* RUNNING, STARTED, GREW */
        struct keeper_spawn spawn;
        struct keeper_input input;
        struct {
            uint64_t token;
            enum keeper_stdin_result result;
        } input_done;
        struct keeper_kill kill;
        struct keeper_host host; /* LIST_END */
        struct keeper_note note;
        int listener_fd; /* LISTENER: beside the packet, packets.h; -1: none came */
    };
};

/* Appends the packet to `out`. 0; or nothing is appended: -E2BIG, or -EINVAL (a field that decoding
 * would refuse). */
MUST_USE int keeper_message_encode(const struct keeper_message *m, struct buf *out);
/* 0 or -EBADMSG; *ret is the caller's (keeper_message_deinit). */
MUST_USE int keeper_message_decode(const void *data, size_t len, struct keeper_message *ret);
void keeper_message_deinit(struct keeper_message *m);
/* The highest version that we and [min, max] know; 0: none. */
uint32_t keeper_version_common(uint32_t min, uint32_t max);

struct codec;
/* For all that keep limits: the wire and the keeper's own state over an upgrade. */
void keeper_limits_walk(struct codec *c, struct execution_limits *l);
