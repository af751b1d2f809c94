#pragma once
/*
 * An upgrade in place: the keeper's state goes into a memfd, the descriptors that belong to it are
 * kept over an execve of the new program, which goes on where we stood. The commands notice
 * nothing: their parent, pipes and terminals stay. Clients are hung up on and come back.
 */
#include "exec/keeper/keeper.h"

/* Does not return unless it failed; then everything is as it was, except for the clients. */
void reexec(struct keeper *k, const char *program);
/* In the new program. 0 or -errno. */
MUST_USE int reexec_resume(struct keeper *k, int state_fd);
