#pragma once
/* Descriptors and small files. Every descriptor is CLOEXEC. Any thread. */
#include <stdbool.h>

#include <sys/types.h>

#include "state/base/macro.h"

void fd_closep(int *fd); /* for CLEANUP; -1 is legal, errno is kept */
/* All of it or -errno; EINTR and short writes are handled; not for non-blocking descriptors. */
MUST_USE int fd_write_all(int fd, const void *data, size_t len);
struct msghdr;
/* recvmsg(2) of a unix socket whose peer may have gone with something of ours unread: the kernel
 * tells that once, by ECONNRESET, and before what the peer sent until then. All that comes first.
 */
MUST_USE ssize_t fd_recvmsg(int fd, struct msghdr *m, int flags);
/* Replaces <dir>/<name> by way of a temporary file and rename. mode 0600. 0 or -errno. */
MUST_USE int file_replace(const char *dir, const char *name, const void *data, size_t len);
/* Reads a whole small file, NUL-terminated. -EFBIG when larger than max. Caller frees *ret. */
MUST_USE int file_read(const char *path, size_t max, char **ret, size_t *ret_len);
/* mkdir -p with mode 0700 for what it makes. 0 or -errno. */
MUST_USE int dir_make(const char *path);
/* Removes a directory of plain files and what is below it; never follows a link out of it. */
MUST_USE int dir_remove(const char *path);
/* As long as it is wanted, which another thread says. -ECANCELED: a part of it is left. */
MUST_USE int dir_remove_while(const char *path, const _Atomic bool *is_wanted);
