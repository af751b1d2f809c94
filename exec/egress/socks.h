#pragma once
/*
 * SOCKS version 5 (RFC 1928), with user name and password (RFC 1929). Each function looks at what
 * has come so far and says how much of it was its message. Pure, any thread.
 *
 *    client                      proxy
 *      5 n methods         →
 *                          ←     5 method
 *      1 user password     →                       with method SOCKS_PASSWORD
 *                          ←     1 0
 *      5 1 0 address port  →
 *                          ←     5 reply 0 1 0.0.0.0 0
 */
#include "exec/egress/host.h"

#define SOCKS_VERSION 5

enum socks_outcome {
    SOCKS_OK = 0,
    SOCKS_MORE, /* has not come as a whole */
    SOCKS_BAD
};

enum socks_method { SOCKS_NO_AUTH = 0, SOCKS_PASSWORD = 2, SOCKS_NO_METHOD = 0xff };

enum socks_reply {
    SOCKS_SUCCEEDED = 0,
    SOCKS_FAILURE = 1,
    SOCKS_NOT_ALLOWED = 2,
    SOCKS_NO_NETWORK = 3,
    SOCKS_NO_HOST = 4,
    SOCKS_REFUSED = 5,
    SOCKS_NO_COMMAND = 7,
    SOCKS_NO_ADDRESS_TYPE = 8
};

/* method: whether the client offers it, else SOCKS_NO_METHOD. */
MUST_USE enum socks_outcome socks_greeting(const char *data, size_t len, enum socks_method method,
                                           size_t *ret_used, enum socks_method *ret_method);
/* Borrowed from data. */
MUST_USE enum socks_outcome socks_password(const char *data, size_t len, size_t *ret_used,
                                           const char **ret_password, size_t *ret_password_len);

struct socks_request {
    enum socks_reply refusal; /* SOCKS_SUCCEEDED: none, and the rest counts */
    enum host_kind kind;
    char host[HOST_NAME_MAX_LEN + 1]; /* HOST_BAD: "?" */
    unsigned port;
};
MUST_USE enum socks_outcome socks_request(const char *data, size_t len, size_t *ret_used,
                                          struct socks_request *ret);

#define SOCKS_REPLY_LEN 10
void socks_write_reply(enum socks_reply r, char to[SOCKS_REPLY_LEN]);
