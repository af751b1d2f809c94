#include "server/mcp/request_token.h"

#include <stdio.h>

/* Room for "cursor " and every method that lists. */
#define PURPOSE_MAX 64

struct state_binding request_binding(const struct mcp_request *rq)
{
    struct state_binding to = {
        .key = rq->core->state_key,
        .key_len = sizeof rq->core->state_key,
        .principal = mcp_request_principal(rq),
        .method = rq->message.method,
        .target = "",
    };

    if (!json_get_str(rq->message.params, "name", &to.target))
        (void)json_get_str(rq->message.params, "uri", &to.target);
    return to;
}

/* No requestState may pass for a cursor, nor the other way round: no method has a blank. */
static struct state_binding cursor_binding(const struct mcp_request *rq, char purpose[PURPOSE_MAX])
{
    struct state_binding to = request_binding(rq);

    (void)snprintf(purpose, PURPOSE_MAX, "cursor %s", to.method);
    to.method = purpose;
    return to;
}

char *mcp_cursor_sign(const struct mcp_request *rq, const char *place)
{
    char purpose[PURPOSE_MAX];
    struct state_binding to = cursor_binding(rq, purpose);

    return state_token_make(&to, place, STATE_TOKEN_FOREVER);
}

char *mcp_cursor_read(const struct mcp_request *rq, const char *cursor)
{
    char purpose[PURPOSE_MAX];
    struct state_binding to = cursor_binding(rq, purpose);

    return state_token_read(&to, cursor);
}
