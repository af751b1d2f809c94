#pragma once
/*
 * Finds the keeper's socket, or starts a keeper. Reactor thread; libevent watches the keeper that
 * we started, so that it is reaped when it ends before us.
 */
#include <stdbool.h>

#include <sys/types.h>

#include <event2/event.h>

#include "state/base/macro.h"

struct keeper_launch {
    struct event_base *base; /* borrowed */
    char *state_dir, *program;
    bool is_tied;   /* it is to end with us */
    char *log_file; /* NULL: the keeper logs to our standard error */
    pid_t child;    /* that we started and did not reap yet; 0: none */
    int child_fd;
    struct event *child_ended;
};

void keeper_launch_init(struct keeper_launch *l, struct event_base *base, const char *state_dir,
                        const char *program, const char *log_file);
/* The keeper stays; one that is tied is ended first, and waited for. */
void keeper_launch_deinit(struct keeper_launch *l);
/* A connected, non-blocking socket. 0; -ENOENT, -ECONNREFUSED: no keeper is there; -errno. */
MUST_USE int keeper_launch_connect(const struct keeper_launch *l, int *ret_fd);
/* Starts one, unless one that we started still is there. */
void keeper_launch_start(struct keeper_launch *l);
