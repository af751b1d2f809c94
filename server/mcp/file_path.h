#pragma once
/* Paths within a workspace, as clients write them: relative to it, or absolute as a command sees
 * them. Pure, any thread. */
#include <stdbool.h>
#include <stddef.h>

#define FILE_PATH_MAX       4000 /* bytes; with a workspace before it still below PATH_MAX */
#define FILE_NAME_MAX       255
#define FILE_DEPTH_MAX      64           /* components; a walk holds a descriptor for each */
#define FILE_WORKSPACE_NAME "/workspace" /* what a sandbox calls it */

/*
 * The path from `home` on, without empty and "." components; "" is the workspace itself.
 * home: where the workspace is outside of a sandbox; NULL: not known.
 * False, and *ret_why in words for the client, when it can't be a path in there.
 */
bool file_path_parse(const char *text, const char *home, char ret[FILE_PATH_MAX + 1],
                     const char **ret_why);
/* The order of a listing: a directory, then what is in it, then its siblings. Like strcmp(). */
int file_path_compare(const char *a, const char *b);
/* The last component. */
const char *file_path_name(const char *path);
