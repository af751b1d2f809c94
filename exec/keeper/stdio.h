#pragma once
/* The descriptors 0, 1 and 2 of a command, and our ends of them, which do not block. Any thread. */
#include "exec/keeper_wire.h"
#include "state/base/macro.h"

/* Both ends of what becomes 0, 1 and 2. Of a terminal, one slave is there for all that use it. */
struct stdio {
    int ours[3], theirs[3]; /* owned; -1: none */
    int slave;              /* owned; -1: no terminal */
};
#define STDIO_NONE ((struct stdio){.ours = {-1, -1, -1}, .theirs = {-1, -1, -1}, .slave = -1})

/* Pipes, or a terminal; with a sandbox that makes the terminal, none of ours is there. 0 or -errno;
 * io begins as STDIO_NONE. */
MUST_USE int stdio_make(struct stdio *io, const struct keeper_spawn *s);
void stdio_deinit(struct stdio *io);
