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

/* The argument that names another workspace than the session's. */
#define FILE_EXECUTION_ARG                                                             \
    {                                                                                  \
        .name = "execution_id", .type = ARG_STRING, .min = 1, .max = EXECUTION_ID_MAX, \
        .header = "Execution-Id",                                                      \
        .description = "The workspace of this execution, instead of the session's."    \
    }

struct file_request;
typedef void file_request_fn(struct file_request *fr);

struct file_request {
    struct exec_request er; /* first */
    const cJSON *arguments; /* borrowed from the request */
    struct file_root root;  /* owned; of the workspace */
    char path[FILE_PATH_MAX + 1];
    file_request_fn *on_open;
};

/* Begins a request that was allocated zeroed; on_free calls file_request_close(). Opens the
 * workspace and reads the argument `path` ("" when there is none), then calls on_open; or answers
 * what is wrong and ends the request. */
void file_request_begin(struct file_request *fr, const cJSON *arguments, file_request_fn *on_open);
void file_request_close(struct file_request *fr);
/* Adds `note` where other replicas have workspaces of this caller too. */
#define FILE_NOTE_ROW                      \
    {                                      \
        .name = "note", .type = ARG_STRING \
    }
void file_request_add_note(const struct file_request *fr, cJSON *o);
/* Answers what is wrong, or goes wrong, and ends the request. */
void file_request_refuse(struct file_request *fr, int outcome);
/* The text of that, about a path; malloc'd. */
char *file_outcome_text(int outcome, const char *path, const struct config *c);
