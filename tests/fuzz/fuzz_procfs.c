/* Files of /proc: whatever they hold is taken apart within bounds. The first byte says which. */
#include <string.h>

#include "exec/keeper/procfs.h"
#include "state/base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void parse_epoll(const char *text)
{
    int all[64], first[1] = {-1};
    size_t n = procfs_epoll_parse(text, all, ARRAY_LEN(all));
    must(procfs_epoll_parse(text, first, 1) == n);
    if (n > 0)
        must(first[0] == all[0]);
}

static void parse_children(const char *text)
{
    const char *rest = text;
    size_t len = strlen(text);
    while (procfs_children_next(&rest) > 0)
        must(rest > text && rest <= text + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct procfs_stat stat;
    struct procfs_syscall call;
    uint64_t switches;

    if (size == 0)
        return 0;
    CLEANUP(free_p) char *text = xstrndup((const char *)data + 1, size - 1);
    switch (data[0]) {
    case '0':
        if (procfs_stat_parse(text, &stat))
            must(stat.state != '\0' && stat.terminal != (dev_t)-1);
        break;
    case '1':
        if (procfs_syscall_parse(text, &call))
            must(call.call <= PROCFS_CALL_RESTART);
        break;
    case '2':
        parse_epoll(text);
        break;
    case '4':
        (void)procfs_switches_parse(text, &switches);
        break;
    default:
        parse_children(text);
        break;
    }
    return 0;
}
