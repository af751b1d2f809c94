#include "exec/init/report.h"

#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

void report_send(const struct init_report *r, int fd)
{
    union control control = {0};
    struct iovec data = {.iov_base = (void *)(uintptr_t)r, .iov_len = sizeof(*r)};
    struct msghdr m = {.msg_iov = &data, .msg_iovlen = 1};

    if (fd >= 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(fd));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    if (sendmsg(INIT_CONTROL_FD, &m, MSG_NOSIGNAL) < 0)
        _exit(1); /* nobody is there to tell: all of it ends */
}

_Noreturn void report_failure(int step, int error)
{
    const struct init_report r = {.event = INIT_FAILED, .step = step, .error = error};
    report_send(&r, -1);
    _exit(1);
}
