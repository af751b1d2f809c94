/* Input from the client in the era without server requests: a result says what is needed, and the
 * client repeats its request with the answers. */
#include <string.h>

#include "server/mcp/ask.h"
#include "server/mcp/dispatch.h"
#include "server/mcp/request_token.h"

/* How long a client may take to answer an input_required. */
#define STATE_TTL_MS 600000

/* Takes out what the client did not declare; *ret_missing: a capability that one needed. */
static void drop_undeclared(const struct mcp_request *rq, cJSON *requests, const char **ret_missing)
{
    cJSON *next;

    for (cJSON *it = requests ? requests->child : NULL; it; it = next) {
        const char *method = "";
        next = it->next;
        (void)json_get_str(it, "method", &method);
        const char *capability = ask_capability(method);
        assert(capability);
        if (!*capability || mcp_request_client_has(rq, capability))
            continue;
        *ret_missing = capability;
        cJSON_Delete(cJSON_DetachItemViaPointer(requests, it));
    }
}

void mcp_reply_input_required(struct mcp_request *rq, cJSON *input_requests, const char *state)
{
    CLEANUP(json_deletep) cJSON *requests = input_requests;
    const char *missing = NULL;

    assert(rq->rev->is_modern && rq->method->may_ask && (requests || state));
    drop_undeclared(rq, requests, &missing);
    if (missing && !requests->child) {
        request_fail_capability(rq, missing);
        return;
    }
    cJSON *result = cJSON_CreateObject();
    cJSON_AddStringToObject(result, "resultType", "input_required");
    if (requests)
        cJSON_AddItemToObject(result, "inputRequests", TAKE_PTR(requests));
    if (state)
        cJSON_AddStringToObject(result, "requestState", state);
    mcp_reply_result(rq, result);
}

const cJSON *mcp_input_response(const struct mcp_request *rq, const char *key)
{
    return json_get(json_get(rq->message.params, "inputResponses"), key);
}

const char *mcp_request_state(const struct mcp_request *rq)
{
    const char *state = NULL;

    (void)json_get_str(rq->message.params, "requestState", &state);
    return state;
}

char *mcp_state_sign(const struct mcp_request *rq, const char *payload)
{
    struct state_binding to = request_binding(rq);
    return state_token_make(&to, payload, STATE_TTL_MS);
}

char *mcp_state_verify(const struct mcp_request *rq)
{
    struct state_binding to = request_binding(rq);
    const char *state = mcp_request_state(rq);

    return state ? state_token_read(&to, state) : NULL;
}
