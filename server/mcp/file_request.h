#pragma once
/* What the file tools share: whose workspace it is, the path in it, and what went wrong in words.
 * Home thread. */
#include "server/mcp/file_path.h"
#include "server/mcp/file_root.h"
#include "server/mcp/tool.h"

/* The argument that names a file or directory. */
#define FILE_PATH_ARG(flags_, description_)                                                    \
    {                                                                                          \
        .name = "path", .type = ARG_STRING, .flags = (flags_), .min = 1, .max = FILE_PATH_MAX, \
        .description = (description_)                                                          \
    }

struct file_request {
    struct exec_request er; /* first */
    struct file_root root;  /* owned; of the session's (or principal's) workspace */
    char path[FILE_PATH_MAX + 1];
};

/* Opens the workspace and reads the argument `path` ("" when there
 * is none). False: answered with an error; fr then holds nothing. rq is not referenced by it. */
bool file_request_open(struct file_request *fr, struct mcp_request *rq, const struct pack_exec *p,
                       const cJSON *arguments);
void file_request_close(struct file_request *fr);
/* Answers what is not FILE_OK. */
void file_request_refuse(struct file_request *fr, int outcome);
/* The text of that, about a path; malloc'd. */
char *file_outcome_text(int outcome, const char *path, const struct config *c);
