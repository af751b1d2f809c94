#pragma once
/*
 * The system calls that a sandboxed command never needs, and that have let others out of theirs:
 * a filter for seccomp(2), made once. Any thread.
 */
#include <stddef.h>

#include "state/base/macro.h"

/* An array of struct sock_filter, which the caller frees; *ret_len in bytes. 0 or -errno. */
MUST_USE int sandbox_filter_make(void **ret, size_t *ret_len);
