#pragma once
/*
 * An upgrade in place: the keeper's state goes into a memfd, the descriptors that belong to it are
 * kept over an execve of the new program, which goes on where we stood. The commands notice
 * nothing: their parent, pipes and terminals stay. Clients are hung up on and come back.
 */
#include "exec/keeper/keeper.h"

/* Of the state that is handed over: who changes what is walked adds one. A program goes on with its
 * own version only, and says so to --can-resume. */
#define REEXEC_VERSION 2u

/* Does not return unless it failed; then everything is as it was. */
void reexec(struct keeper *k, const char *program);
/* In the new program. 0 or -errno. */
MUST_USE int reexec_resume(struct keeper *k, int state_fd);
