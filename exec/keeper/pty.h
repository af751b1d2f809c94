#pragma once
/* Terminals for commands that want one: pty(7). Any thread. */
#include "state/base/macro.h"

/* A new terminal of 80 x 24. The master does not block. 0 or -errno. */
MUST_USE int pty_open(int *ret_master, int *ret_slave);
/* The character that stands for the end of input, tty_ioctl(4) and termios(3) VEOF. */
char pty_eof_char(int master);
