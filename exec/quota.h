#pragma once
/*
 * sandbox.workspace_quota: workspaces in which commands run are measured every two seconds, by a
 * thread. Where one holds too much and still grows, what runs there is ended with reason
 * file_size_limit. What only removes is left alone, so that there is a way back. A single file is
 * held at once, by RLIMIT_FSIZE. Reactor thread.
 */
#include "exec/measurer.h"
#include "exec/service.h"

struct quota {
    struct measurer *measurer; /* owned; NULL: there is no quota */
    uint64_t next_ms;          /* CLOCK_MONOTONIC */
};

MUST_USE int quota_init(struct quota *q, const struct config *c); /* 0 or -errno */
void quota_deinit(struct quota *q);
void quota_tick(struct quota *q, struct service *s); /* about once a second */
