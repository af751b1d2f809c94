#pragma once
/*
 * The directories <state_dir>/workspaces/<session id>, in which a session's commands run. One goes
 * once the session is gone and nothing of it waits or runs any more; that of a principal when it
 * was not used for sandbox.workspace_ttl. Reactor thread.
 */
#include <dirent.h>

#include "exec/service.h"
#include "state/session.h"

struct workspaces {
    DIR *pass;        /* owned; NULL: between two passes */
    uint64_t next_ms; /* CLOCK_MONOTONIC: the next pass begins */
};

void workspaces_deinit(struct workspaces *w);
/* About once a second. A pass over all of them each minute, some hundred at a time. */
void workspaces_tick(struct workspaces *w, struct service *s, struct sessions *sessions);
