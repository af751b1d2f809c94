#pragma once
/* An execution's vocabulary: statuses, reasons, limits and how it ended. Values only, any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXECUTION_ID_MAX                                                     \
    64 /* characters, without the NUL: <replica>-<26 of [a-z2-7]> (130 bits) \
        */

/* Who asks when no authentication is configured. */
#define PRINCIPAL_ANONYMOUS "anonymous"

/* The contract's `status`. */
enum execution_status {
    EXECUTION_PENDING = 1, /* queued */
    EXECUTION_RUNNING,
    EXECUTION_COMPLETED, /* exited by itself, any code */
    EXECUTION_CANCELLED,
    EXECUTION_FAILED, /* could not be run, or the service failed */
    EXECUTION_TIMEOUT,
    EXECUTION_LOST, /* its replica or keeper died */
    EXECUTION_STATUS_MAX = EXECUTION_LOST
};

/* The contract's `reason`: why it ended. 0: it has not. */
enum execution_reason {
    REASON_NONE = 0,
    REASON_EXITED,
    REASON_SIGNALED,
    REASON_TIMEOUT,
    REASON_IDLE_TIMEOUT,
    REASON_CANCELLED,
    REASON_OOM,
    REASON_CPU_LIMIT,
    REASON_FILE_SIZE_LIMIT,
    REASON_OUTPUT_LIMIT,
    REASON_SPAWN_FAILED,
    REASON_SHUTDOWN,
    REASON_LOST,
    REASON_MAX = REASON_LOST
};

/* Whether a running execution that takes input waits for it: blocked reading its stdin or terminal,
 * with nothing left to read. */
enum execution_waiting {
    WAITING_NO = 0,
    WAITING_INPUT,
    WAITING_SECRET,  /* the same, and its terminal does not show what is typed: a password */
    WAITING_UNKNOWN, /* the kernel does not let the keeper see what its processes do */
    WAITING_MAX = WAITING_UNKNOWN
};
static inline bool waiting_is_for_input(enum execution_waiting w)
{
    return w == WAITING_INPUT || w == WAITING_SECRET;
}

const char *execution_waiting_name(enum execution_waiting w); /* "no", "input", "secret" … */
bool execution_waiting_from_name(const char *name, enum execution_waiting *ret);
const char *execution_status_name(enum execution_status s); /* "pending" … */
const char *execution_reason_name(enum execution_reason r); /* "exited" …; "none" for 0 */
bool execution_status_from_name(const char *name, enum execution_status *ret);
bool execution_reason_from_name(const char *name, enum execution_reason *ret);
/* The status that an end for this reason has. */
enum execution_status execution_status_of(enum execution_reason r);
static inline bool execution_status_is_final(enum execution_status s)
{
    return s >= EXECUTION_COMPLETED;
}

/* Limits of one execution, as enforced. 0 = none. */
struct execution_limits {
    uint64_t timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t kill_grace_ms;
    uint64_t max_output_bytes;
    uint64_t keep_output_bytes;
    uint64_t max_stdin_bytes;
    uint64_t max_memory_bytes;
    uint64_t max_cpu_ms;
    uint64_t max_file_bytes;
    uint64_t max_processes;
    uint64_t max_open_files;
};

/* The file `exit`: how it ended, written by the keeper (or by the server for what never ran). */
struct execution_exit {
    enum execution_reason reason;
    int exit_code;       /* what exit(3) gave, or the negative signal number */
    int term_signal;     /* 0: none */
    char error[200];     /* spawn_failed: step and reason, for people; else empty */
    uint64_t started_us; /* CLOCK_REALTIME; 0: never started */
    uint64_t ended_us;
    uint64_t wall_ms, user_ms, system_ms, max_rss_bytes;
    /* Of the whole tree, where its limits hold by cgroup; else 0. */
    uint64_t tree_cpu_ms;
    uint64_t max_memory_bytes, memory_peak_bytes; /* the limit, and the most it used */
    uint64_t oom_kills;                           /* processes killed at that limit */
    uint64_t max_processes, refused_forks;        /* the limit, and forks refused at it */
    uint64_t events;                              /* records in the index */
    uint64_t output_bytes;                        /* bytes written to output, both streams */
    uint64_t stdout_bytes, stderr_bytes;
    uint64_t processes_killed; /* left over and killed at the end */
};

/* Is its exit_code known? Not when it never ran or what ran it died. */
bool execution_exit_has_code(const struct execution_exit *x);
/* "SIGKILL", "SIGRTMIN+3"; NULL for 0. */
#define EXECUTION_SIGNAL_NAME_MAX 16
const char *execution_signal_name(int signo, char ret[EXECUTION_SIGNAL_NAME_MAX]);
