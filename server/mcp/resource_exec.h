#pragma once
/* Executions as resources: exec://<id>/output, exec://<id>/status, and exec://help. */
#include "server/mcp/exec_request.h"

extern const char resource_exec_templates[]; /* JSON */
void resource_exec_list(struct mcp_request *rq, const char *cursor, void *pack_arg);
bool resource_exec_read(struct mcp_request *rq, const char *uri, void *pack_arg);
bool resource_exec_complete(struct mcp_request *rq, const cJSON *params, void *pack_arg);

/* exec://<id>/<what>?offset=&length=&stream= */
enum resource_kind { RESOURCE_OUTPUT = 1, RESOURCE_STATUS };
struct resource_uri {
    enum resource_kind kind;
    char id[EXECUTION_ID_MAX + 1];
    uint64_t offset, length; /* bytes of the output; length: UINT64_MAX when not given */
    uint8_t stream;          /* enum journal_type; 0: both */
};
/* False: it is no uri of an execution, or its query isn't one of the above. */
bool resource_uri_parse(const char *uri, struct resource_uri *ret);
/* Is it a uri whose changes are announced: the output or status of an execution, all of it? */
bool resource_uri_is_followed(const char *uri, struct resource_uri *ret);
