#include "exec/keeper/stdio.h"

#include <errno.h>
#include <fcntl.h>

#include "exec/keeper/pty.h"
#include "state/base/fd.h"

void stdio_deinit(struct stdio *io)
{
    for (int i = 0; i < 3; i++) {
        fd_closep(&io->ours[i]);
        if (io->theirs[i] != io->slave)
            fd_closep(&io->theirs[i]);
    }
    fd_closep(&io->slave);
}

static int make_pipe(int *ret_ours, int *ret_theirs, bool is_stdin)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *ret_ours = fds[is_stdin ? 1 : 0];
    *ret_theirs = fds[is_stdin ? 0 : 1];
    return fcntl(*ret_ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int make_stdin(struct stdio *io, const struct keeper_spawn *s)
{
    if (!s->is_interactive) {
        io->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return io->theirs[0] < 0 ? -errno : 0;
    }
    if (!s->is_pty)
        return make_pipe(&io->ours[0], &io->theirs[0], true);
    io->theirs[0] = io->slave;
    io->ours[0] = fcntl(io->ours[1], F_DUPFD_CLOEXEC, 3);
    return io->ours[0] < 0 ? -errno : 0;
}

static int make_nothing(struct stdio *io)
{
    for (int i = 0; i < 3; i++) {
        io->theirs[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (io->theirs[i] < 0)
            return -errno;
    }
    return 0;
}

int stdio_make(struct stdio *io, const struct keeper_spawn *s)
{
    int r;

    if (s->is_pty && s->sandbox.wrap && s->sandbox.wrap[0])
        return make_nothing(io);
    if (s->is_pty) {
        r = pty_open(&io->ours[1], &io->slave);
        io->theirs[1] = io->theirs[2] = io->slave;
    } else {
        r = make_pipe(&io->ours[1], &io->theirs[1], false);
        if (r == 0)
            r = make_pipe(&io->ours[2], &io->theirs[2], false);
    }
    return r < 0 ? r : make_stdin(io, s);
}
