#pragma once
/*
 * A workspace as a place that nothing leads out of. Commands own what is in it and may change it at
 * any moment, so paths are never checked and then used: the kernel resolves them below a directory
 * (openat2(2), RESOLVE_BENEATH), and what was opened is looked at afterwards. On kernels without
 * it each component is opened by itself and no symbolic link is followed.
 *
 * Nothing here blocks on what a command makes: pipes, sockets and devices are refused before they
 * are opened for reading.
 */
#include <stdbool.h>

#include <sys/stat.h>

#include "state/base/macro.h"

enum file_outcome {
    FILE_OK = 0,
    FILE_MORE,            /* call again */
    FILE_E_MISSING,       /* nothing of that name */
    FILE_E_OUTSIDE,       /* a symbolic link that leads out of the workspace */
    FILE_E_LINK,          /* a symbolic link where none is followed */
    FILE_E_NOT_DIRECTORY, /* a component, or the whole, is none */
    FILE_E_IS_DIRECTORY,
    FILE_E_SPECIAL,   /* neither file nor directory */
    FILE_E_DENIED,    /* its permissions */
    FILE_E_FOREIGN,   /* a hard link to a file of another user */
    FILE_E_CHANGED,   /* it is being changed all the time */
    FILE_E_TOO_BIG,   /* files.max_file */
    FILE_E_FULL,      /* sandbox.workspace_quota, or no room on the disk */
    FILE_E_GONE,      /* the whole workspace, with its session */
    FILE_E_ELSEWHERE, /* on another replica */
    FILE_E_FAR        /* the line is too far into the file to look for it */
};

struct file_root {
    int fd; /* owned; O_PATH */
    uid_t uid;
    gid_t gid; /* who owns what is in it */
};

/* may_be_link: the operator named it. FILE_OK, another outcome or -errno. */
MUST_USE int file_root_open(const char *home, bool may_be_link, struct file_root *ret);
void file_root_close(struct file_root *root);

/* path: of file_path_parse(). A directory, for reading its names. */
MUST_USE int file_open_directory(const struct file_root *root, const char *path, int *ret_fd);
/* A regular file, for reading. */
MUST_USE int file_open_regular(const struct file_root *root, const char *path, int *ret_fd,
                               struct stat *ret_stat);
/* Whose is it, and what? Follows links as the above do. */
MUST_USE int file_stat(const struct file_root *root, const char *path, struct stat *ret);
/* What an errno of one of the above means; itself, negative, when nothing of ours. */
int file_outcome_of(int error);

/* Tests: as if the kernel had no openat2(). */
void file_root_without_openat2(bool is_without);
