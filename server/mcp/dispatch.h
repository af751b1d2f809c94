#pragma once
/* The methods, each with its handler and the eras that know it. Constant; handlers run on the
 * request's home thread and answer once, at once or later. */
#include "server/mcp/request.h"

#define METHOD_LEGACY 1u
#define METHOD_MODERN 2u

struct mcp_method {
    const char *name;
    unsigned eras;
    void (*handle)(struct mcp_request *rq);
    const char *routed_by; /* the member of params that Mcp-Name repeats; NULL: none */
    enum mcp_cache cache;  /* of results */
    /* Changes a pack's result before it is decorated; NULL: nothing to change. */
    void (*adapt)(struct mcp_request *rq, cJSON *result);
    bool may_ask;   /* a result may be input_required */
    bool has_tasks; /* there only where tasks are offered */
};

/* The method a revision knows by this name, if the packs serve it; NULL: none. */
const struct mcp_method *method_find(const struct mcp *m, const struct mcp_revision *rev,
                                     const char *name);
/* Runs the handler, and parks the request when it has not answered. */
void dispatch(struct mcp_request *rq, const struct mcp_method *method);
