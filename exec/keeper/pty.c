#include "exec/keeper/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>

#include <sys/ioctl.h>

#include "state/base/fd.h"

#define CTRL_D '\004'

int pty_open(int *ret_master, int *ret_slave)
{
    const struct winsize size = {.ws_row = 24, .ws_col = 80};
    CLEANUP(fd_closep) int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    if (master < 0 || unlockpt(master) < 0 || ioctl(master, TIOCSWINSZ, &size) < 0)
        return -errno;
    /* By the master, not by name: /dev/pts of our mount namespace may be another one's. */
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return -errno;
    *ret_master = TAKE_FD(master);
    *ret_slave = slave;
    return 0;
}

char pty_eof_char(int master)
{
    struct termios t;
    if (tcgetattr(master, &t) < 0)
        return CTRL_D;
    return (char)t.c_cc[VEOF];
}
