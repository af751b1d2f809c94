#include "exec/keeper/procfs.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "state/base/macro.h"

/* One decimal number of an int's range, after blanks. */
static bool take_int(const char **text, int *ret)
{
    char *end;
    errno = 0;
    long v = strtol(*text, &end, 10);
    if (end == *text || errno || v < INT_MIN || v > INT_MAX)
        return false;
    *text = end;
    *ret = (int)v;
    return true;
}

static bool take_hex(const char **text, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(*text, &end, 16);
    if (end == *text || errno)
        return false;
    *text = end;
    *ret = v;
    return true;
}

/* The kernel's new_encode_dev(): minor, major, rest of the minor. */
static dev_t decode_device(int v)
{
    unsigned n = (unsigned)v;
    return makedev((n >> 8) & 0xfff, (n & 0xff) | ((n >> 12) & 0xfff00));
}

bool procfs_stat_parse(const char *text, struct procfs_stat *ret)
{
    /* The name before is in parentheses and may hold any character. */
    const char *p = strrchr(text, ')');
    struct procfs_stat s = {0};
    int terminal;

    if (!p || p[1] != ' ' || p[2] < 'A' || p[2] > 'z')
        return false;
    s.state = p[2];
    p += 3;
    if (!take_int(&p, &s.parent) || !take_int(&p, &s.group) || !take_int(&p, &s.session) ||
        !take_int(&p, &terminal) || !take_int(&p, &s.terminal_group))
        return false;
    s.terminal = decode_device(terminal);
    *ret = s;
    return true;
}

static enum procfs_call call_of(int number)
{
    static const struct {
        int number;
        enum procfs_call call;
    } calls[] = {
        {SYS_read, PROCFS_CALL_READ},          {SYS_readv, PROCFS_CALL_READ},
        {SYS_preadv2, PROCFS_CALL_READ},       {SYS_splice, PROCFS_CALL_READ},
        {SYS_tee, PROCFS_CALL_READ},           {SYS_ppoll, PROCFS_CALL_POLL},
        {SYS_pselect6, PROCFS_CALL_SELECT},    {SYS_epoll_pwait, PROCFS_CALL_EPOLL},
        {SYS_epoll_pwait2, PROCFS_CALL_EPOLL}, {SYS_restart_syscall, PROCFS_CALL_RESTART},
#ifdef SYS_poll /* newer architectures have only those above */
        {SYS_poll, PROCFS_CALL_POLL},          {SYS_select, PROCFS_CALL_SELECT},
        {SYS_epoll_wait, PROCFS_CALL_EPOLL},
#endif
    };

    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (calls[i].number == number)
            return calls[i].call;
    return PROCFS_CALL_OTHER;
}

/* "running", or number and six arguments, or -1 when it is asleep in no call; then stack and
 * instruction pointer. */
bool procfs_syscall_parse(const char *text, struct procfs_syscall *ret)
{
    static const char running[] = "running";
    struct procfs_syscall s = {0};
    int number;

    if (strncmp(text, running, sizeof(running) - 1) == 0) {
        *ret = s;
        return true;
    }
    if (!take_int(&text, &number))
        return false;
    s.call = call_of(number);
    if (number >= 0 && (!take_hex(&text, &s.args[0]) || !take_hex(&text, &s.args[1])))
        return false;
    *ret = s;
    return true;
}

bool procfs_switches_parse(const char *text, uint64_t *ret)
{
    static const char name[] = "\nvoluntary_ctxt_switches:";
    const char *p = strstr(text, name);
    char *end;

    if (!p)
        return false;
    p += sizeof(name) - 1;
    errno = 0;
    unsigned long long v = strtoull(p, &end, 10);
    if (end == p || errno)
        return false;
    *ret = v;
    return true;
}

/* "tfd:        0 events:       19 data: …", a line each. */
size_t procfs_epoll_parse(const char *text, int *ret_fds, size_t max)
{
    static const char name[] = "tfd:", events_name[] = " events:";
    size_t n = 0;

    for (const char *line = text; line; line = strchr(line, '\n')) {
        uint64_t events;
        int fd;
        line += *line == '\n';
        if (strncmp(line, name, sizeof(name) - 1) != 0)
            continue;
        const char *p = line + sizeof(name) - 1;
        if (!take_int(&p, &fd) || strncmp(p, events_name, sizeof(events_name) - 1) != 0)
            continue;
        p += sizeof(events_name) - 1;
        if (!take_hex(&p, &events) || !(events & (POLLIN | POLLRDNORM)))
            continue;
        if (n < max)
            ret_fds[n] = fd;
        n++;
    }
    return n;
}

pid_t procfs_children_next(const char **text)
{
    int pid;
    return take_int(text, &pid) && pid > 0 ? pid : 0;
}
