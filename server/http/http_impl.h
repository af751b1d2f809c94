#pragma once
/* The server object from the inside. Written before its threads start, read by all of them; what
 * changes is atomic. */
#include <stdatomic.h>

#include "server/http/home.h"
#include "server/http/http.h"

struct bound {
    int fd; /* owned; -1: closed */
    bool is_unix;
};

struct http {
    const struct config *config;   /* borrowed from http_new() */
    struct exchange_route *routes; /* owned; what they name is borrowed */
    size_t n_routes;
    struct authenticator auth;

    h2o_globalconf_t h2o;
    h2o_hostconf_t *tcp_hosts[2], *unix_hosts[2]; /* h2o's lists end with NULL; owned by h2o */

    struct bound bound[HTTP_LISTENERS_MAX];
    size_t n_bound;
    uint16_t port;
    char *unix_path; /* owned; NULL: none was made */
    dev_t unix_device;
    ino_t unix_inode;

    struct home *homes; /* owned */
    unsigned n_homes;
    unsigned max_connections; /* what configuration and descriptors allow */
    atomic_uint n_connections, n_open, n_streams;
    atomic_bool has_balancer; /* one was seen */
};
