#pragma once
/*
 * The file of the log: appends lines, renames it to <file>.<UTC time> when it would grow beyond
 * max_bytes and removes renamed ones that are too old. log.c is the only user and holds its mutex.
 */
#include <stdbool.h>

#include "state/base/macro.h"

struct log_file;

/* 0 or -errno. The parameters are those of struct log_options. */
MUST_USE int log_file_open(const char *path, size_t max_bytes, unsigned keep_days,
                           struct log_file **ret);
struct log_file *log_file_close(struct log_file *f);
/* The file of its name may be another one by now. 0 or -errno: it stays with the old one. */
MUST_USE int log_file_reopen(struct log_file *f);
/* One whole line. 0 or -errno: the line is lost, the next is tried anew. */
MUST_USE int log_file_write(struct log_file *f, const char *line, size_t len);
/* Whether the line before the last one was lost too. */
bool log_file_was_failing(const struct log_file *f);
