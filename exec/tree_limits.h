#pragma once
/*
 * Limits that this machine can't hold for all processes of a command together, since the keeper
 * finds no cgroup controller that it may use: they hold for each process by itself then. Never
 * silently: what the configuration sets is told in /health/ready, what a call asked for by an event
 * of its execution; with limits.require_tree neither is started. Pure, any thread.
 */
#include "config/config.h"
#include "exec/keeper_wire.h"

enum tree_limit { TREE_MEMORY = 1u << 0, TREE_PROCESSES = 1u << 1, TREE_CPU = 1u << 2 };
#define TREE_LIMITS 3

/* Those that the keeper can hold: enum tree_limit. */
unsigned tree_limits_of_host(const struct keeper_host *h);
/* Those that are set, but that the host can't hold. */
unsigned tree_limits_missing(unsigned host, const struct execution_limits *l);
/* Those of the configuration: limits.*, or what the profile in force says instead. */
void tree_limits_configured(const struct config *c, struct execution_limits *ret);
/* Those that are not the configuration's own, but tighter. */
unsigned tree_limits_asked(const struct config *c, const struct execution_limits *l);
/* "max_memory_mb holds for … ; …": for people, of those named; nothing when there are none. */
void tree_limits_describe(unsigned limits, struct buf *to);
/* The same as a note (journal_format.h). */
void tree_limits_note(unsigned limits, struct buf *to);
