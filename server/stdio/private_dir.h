#pragma once
/*
 * A state directory for one server that a client runs over its pipes: below $XDG_RUNTIME_DIR, else
 * $TMPDIR, else /tmp, so that several clients of a user need not agree on anything. It goes with
 * its server; what a server that was killed left behind goes with the next one. Any thread.
 */
#include "state/base/macro.h"

/* 0 and *ret (malloc'd, exists, 0700); -errno. */
MUST_USE int private_dir_make(char **ret);
void private_dir_remove(const char *dir);
