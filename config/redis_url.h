#pragma once
/*
 * Where Redis is, as one URL:
 *
 *   redis://[user:password@]host[:6379][/db]           plain
 *   rediss://…                                          TLS
 *   unix://[user:password@]/path[?db=n]                 a unix socket
 *   redis+sentinel://[…@]host[:26379],…/name[/db]       the primary that these sentinels name
 *   rediss+sentinel://…                                 the same over TLS, sentinels too
 *
 * User and password may be percent-encoded; an IPv6 address stands in brackets. Pure, any thread.
 */
#include <stdint.h>

#include "config/problem.h"

#define REDIS_URL_MAX           4096 /* bytes */
#define REDIS_URL_MAX_ENDPOINTS 16
#define REDIS_URL_MAX_DB        1000000u

enum redis_url_kind { REDIS_URL_TCP, REDIS_URL_UNIX, REDIS_URL_SENTINEL };

struct redis_endpoint {
    char *host; /* owned; a name or an address, without brackets */
    uint16_t port;
};

struct redis_url {
    enum redis_url_kind kind;
    bool is_tls;
    char *user, *password;           /* owned or NULL; a user has a password */
    struct redis_endpoint *endpoint; /* owned: n_endpoints; TCP has one, SENTINEL some */
    size_t n_endpoints;
    char *path;    /* owned: UNIX */
    char *service; /* owned: SENTINEL, the name of the primary */
    uint32_t db;
};

/* False: *ret_problem says what is wrong, without user and password; *ret is zeroed. */
MUST_USE bool redis_url_parse(const char *text, struct redis_url *ret,
                              struct config_problem *ret_problem);
/* Wipes the password. Zeroed afterwards. */
void redis_url_deinit(struct redis_url *u);
