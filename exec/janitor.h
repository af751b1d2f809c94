#pragma once
/*
 * The janitor: a thread that removes directories, since unlinking a large file blocks for as long
 * as the file system likes. What is to go is renamed into <state_dir>/trash first: from that moment
 * it is gone for everybody, also after a crash.
 */
#include "state/base/macro.h"

struct janitor;

/* Starts by emptying what an earlier server left in the trash. 0 or -errno. */
MUST_USE int janitor_new(const char *state_dir, struct janitor **ret);
/* Joins at once; what is left in the trash stays for the next. */
struct janitor *janitor_free(struct janitor *j);
/* Moves <state_dir>/<folder>/<name> into the trash and wakes the thread. One caller thread. 0 or
 * -errno. */
MUST_USE int janitor_discard(struct janitor *j, const char *folder, const char *name);
