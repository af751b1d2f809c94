#pragma once
/*
 * The uris of executions:
 *   exec://<id>/output?offset=&length=&stream=&from_event=
 *   exec://<id>/status
 *   exec://<id>/files/<path>?offset=&length=       path: percent-encoded where need be
 * Pure, any thread.
 */
#include <stdint.h>

#include "server/mcp/event_id.h"
#include "server/mcp/file_path.h"
#include "state/execution.h"

#define RESOURCE_SCHEME   "exec://"
#define RESOURCE_HELP_URI RESOURCE_SCHEME "help"

enum resource_kind { RESOURCE_OUTPUT = 1, RESOURCE_STATUS, RESOURCE_FILE };

struct resource_uri {
    enum resource_kind kind;
    char id[EXECUTION_ID_MAX + 1];
    uint64_t offset, length; /* bytes; length: UINT64_MAX when not given */
    uint8_t stream;          /* enum journal_type; 0: both */
    bool has_from_event;
    struct output_pos from_event;
    char path[FILE_PATH_MAX + 1]; /* of file_path_parse() */
};

/* False: it is no uri of an execution, or its query isn't one of the above. */
bool resource_uri_parse(const char *uri, struct resource_uri *ret);
/* Is it a uri whose changes are announced: the output or status of an execution, all of it? */
bool resource_uri_is_followed(const char *uri, struct resource_uri *ret);
/* The same of what is from `offset` on, malloc'd. */
char *resource_uri_print(const struct resource_uri *u, uint64_t offset);
/* exec://<id>/files/<path>, malloc'd; path is that of a file in its workspace. */
char *resource_uri_of_file(const char *id, const char *path);
