#pragma once
/*
 * The files of sessions, <state_dir>/sessions/<id>.json, for session.c. A file is written once; its
 * modification time says when the session was last seen. Any thread; blocks on the disk.
 */
#include <dirent.h>

#include "state/session.h"

struct session_files {
    char *dir; /* owned */
    int dirfd;
};

/* Makes the directory. 0 or -errno; session_files_deinit() is legal after both. */
MUST_USE int session_files_init(struct session_files *f, const char *state_dir);
void session_files_deinit(struct session_files *f);
/* A stream over the directory; NULL and errno. */
DIR *session_files_list(const struct session_files *f);

/* 0 or -errno; -EILSEQ: a string is not UTF-8 and would not come back as it is. */
MUST_USE int session_file_write(const struct session_files *f, const struct session *s);
/* Fills in a zeroed session, also half of it when it fails. -EBADMSG: not a session's file. */
MUST_USE int session_file_read(const struct session_files *f, const char *name,
                               struct session *ret);
/* Takes over last_seen_ms. Without effect on a file that is gone. */
void session_file_touch(const struct session_files *f, const struct session *s);
void session_file_remove(const struct session_files *f, const struct session *s);
