#pragma once
/*
 * A thread that measures directories, since a walk over many files takes as long as it likes. One
 * request at a time: paths go in, bytes come out. Never follows a link or leaves the file system.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/base/macro.h"

struct measurer;

struct measured {
    char *path; /* owned */
    uint64_t bytes;
};

MUST_USE int measurer_new(struct measurer **ret); /* 0 or -errno */
struct measurer *measurer_free(struct measurer *m);
/* Takes the array and its strings. False, and nothing taken: the last one is still under way. */
MUST_USE bool measurer_ask(struct measurer *m, struct measured *v, size_t n);
/* True once for each request: the array, with its bytes filled in, is the caller's. */
MUST_USE bool measurer_take(struct measurer *m, struct measured **ret_v, size_t *ret_n);
void measured_free(struct measured *v, size_t n);
/* What it does for one, in the caller's thread; gives up when *is_wanted becomes false. */
uint64_t measurer_walk(const char *path, const _Atomic bool *is_wanted);
