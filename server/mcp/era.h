#pragma once
/*
 * Which protocol an HTTP request speaks, all revisions on one path. The body decides, the header
 * only confirms; nothing is remembered from earlier requests. A pure function of what was seen;
 * any thread.
 */
#include <stdbool.h>

enum era_method { ERA_GET, ERA_POST, ERA_DELETE, ERA_OTHER };

enum era_body {
    ERA_BODY_NONE, /* GET, DELETE */
    ERA_BODY_BATCH,
    ERA_BODY_REQUEST,
    ERA_BODY_NOTIFICATION,
    ERA_BODY_RESPONSE,
};

struct era_input {
    enum era_method method;
    bool has_session;    /* an Mcp-Session-Id header */
    bool has_channel;    /* ?sessionId= in the query */
    bool accepts_stream; /* Accept has text/event-stream (or anything) */
    const char *version; /* MCP-Protocol-Version header; NULL: absent */
    enum era_body body;
    bool has_claim;         /* params._meta has …/protocolVersion; of a batch: any element has */
    bool is_empty;          /* batch without elements */
    const char *rpc_method; /* request: its method */
};

enum era {
    ERA_SESSION_STREAM,      /* row 1: the GET stream of a session */
    ERA_CHANNEL_OPEN,        /* row 2: HTTP+SSE begins */
    ERA_METHOD_NOT_ALLOWED,  /* row 3 */
    ERA_SESSION_END,         /* row 4 */
    ERA_CHANNEL_MESSAGE,     /* row 5: HTTP+SSE, whatever the body is */
    ERA_LEGACY_BATCH,        /* row 6 */
    ERA_LEGACY_RESPONSE,     /* row 7 */
    ERA_LEGACY_NOTIFICATION, /* row 8 */
    ERA_MODERN_NOTIFICATION, /* row 9: accepted and dropped */
    ERA_MODERN_REQUEST,      /* rows 10 and 12 */
    ERA_LEGACY_INITIALIZE,   /* row 11 */
    ERA_LEGACY_REQUEST,      /* row 13 */
    ERA_REFUSED,             /* 400 with the code and message of the verdict */
};

struct era_verdict {
    enum era era;
    int code;            /* ERA_REFUSED: JSON-RPC error code */
    const char *message; /* ERA_REFUSED: static */
};

struct era_verdict era_classify(const struct era_input *in);
