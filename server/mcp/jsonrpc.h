#pragma once
/*
 * JSON-RPC 2.0 messages as MCP narrows them: what a tree is, and the texts of answers. Ids are kept
 * as the raw token of the text and echoed as they came. Pure; any thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "state/base/buf.h"
#include "state/base/json.h"

enum jsonrpc_code {
    JSONRPC_PARSE_ERROR = -32700,
    JSONRPC_INVALID_REQUEST = -32600,
    JSONRPC_METHOD_NOT_FOUND = -32601,
    JSONRPC_INVALID_PARAMS = -32602,
    JSONRPC_INTERNAL_ERROR = -32603,
    /* refusals of HTTP requests before 2026-07-28, as the official servers number them */
    JSONRPC_REFUSED = -32000,
    JSONRPC_SESSION_NOT_FOUND = -32001,
    /* 2026-07-28 */
    JSONRPC_HEADER_MISMATCH = -32020,
    JSONRPC_MISSING_CAPABILITY = -32021,
    JSONRPC_UNSUPPORTED_VERSION = -32022,
};

enum jsonrpc_kind { JSONRPC_INVALID, JSONRPC_REQUEST, JSONRPC_NOTIFICATION, JSONRPC_RESPONSE };

struct jsonrpc_message {
    enum jsonrpc_kind kind;
    cJSON *tree;      /* owned */
    const char *text; /* borrowed: what the tree was parsed from */
    size_t len;
    struct json_span id; /* in text; len 0: none, or none that may be echoed */
    const char *method;  /* borrowed from tree; NULL in a response */
    const cJSON *params; /* borrowed from tree; NULL when absent, any type */
};

/* Looks at one message; the tree is taken. */
struct jsonrpc_message jsonrpc_read(cJSON *tree, const char *text, size_t len);
void jsonrpc_message_deinit(struct jsonrpc_message *m);
/* The raw token of params.<key> or, with an inner key, of params.<key>.<inner>, as NUL-terminated
 * copy; NULL when absent or neither string nor integer. */
char *jsonrpc_raw_param(const struct jsonrpc_message *m, const char *key, const char *inner);
/* A name for the id that a raw token spells: equal for equal ids of the same type. malloc'd. */
char *jsonrpc_id_key(const char *raw, size_t len);

/* The texts, malloc'd, one line. id: raw token; NULL: it could not be read and is left out. */
char *jsonrpc_result(const char *id, const char *result);
char *jsonrpc_error(const char *id, int code, const char *message, cJSON *data); /* data taken */
/* An error about this message, with its id if that may be echoed. */
char *jsonrpc_error_about(const struct jsonrpc_message *m, int code, const char *message);
char *jsonrpc_notification(const char *method, cJSON *params); /* params taken */
