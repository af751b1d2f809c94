#pragma once
/*
 * What files of /proc/<pid> say of a thread, taken apart: proc(5). Pure, any thread. Bytes that are
 * not what the kernel writes give false, never a guess.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

/* /proc/<pid>/stat. */
struct procfs_stat {
    char state; /* R running, S asleep, D asleep for good, T stopped, Z dead … */
    pid_t parent, group, session;
    dev_t terminal; /* controlling; 0: none */
    pid_t terminal_group;
};
bool procfs_stat_parse(const char *text, struct procfs_stat *ret);

/* /proc/<pid>/syscall: which call the thread is asleep in, as far as it may wait for input. */
enum procfs_call {
    PROCFS_CALL_NONE = 0, /* it runs */
    PROCFS_CALL_OTHER,    /* asleep in one that waits for something else */
    PROCFS_CALL_READ,     /* args[0]: the descriptor */
    PROCFS_CALL_POLL,     /* args[0], args[1]: address and number of struct pollfd */
    PROCFS_CALL_SELECT,   /* args[0], args[1]: number, address of the set to read from */
    PROCFS_CALL_EPOLL,    /* args[0]: the descriptor */
    PROCFS_CALL_RESTART   /* an interrupted one goes on: args are its, which one wchan tells */
};
struct procfs_syscall {
    enum procfs_call call;
    uint64_t args[2];
};
bool procfs_syscall_parse(const char *text, struct procfs_syscall *ret);

/* /proc/<pid>/status: how often the thread went to sleep by itself. */
bool procfs_switches_parse(const char *text, uint64_t *ret);

/* /proc/<pid>/fdinfo/<epoll>: descriptors that are watched for input. At most `max`; the number of
 * those that there are. */
size_t procfs_epoll_parse(const char *text, int *ret_fds, size_t max);
/* /proc/<pid>/task/<tid>/children: the next process id, or 0 at the end (or at what is none). */
pid_t procfs_children_next(const char **text);
