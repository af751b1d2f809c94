#pragma once
/* The small files of a cgroup, of either version. One thread; nothing here waits. */
#include <stdbool.h>

#include "state/base/macro.h"

/* <dir>/<name>, malloc'd. */
char *cgroup_path(const char *dir, const char *name);
/* 0 or -errno. */
MUST_USE int cgroup_write(const char *dir, const char *file, const char *text);
MUST_USE int cgroup_write_u64(const char *dir, const char *file, uint64_t v);
bool cgroup_has_writable(const char *dir, const char *file);
/* A file of one number; "max" is UINT64_MAX. False: there is none. */
bool cgroup_read_u64(const char *dir, const char *file, uint64_t *ret);
/* The number behind the key in a file of lines "key number". */
bool cgroup_read_key(const char *dir, const char *file, const char *key, uint64_t *ret);
/* Whether the word is in a file of words, as cgroup.controllers. */
bool cgroup_has_word(const char *dir, const char *file, const char *word);
