#pragma once
/*
 * The HTTP server as main.c sees it: h2o loops that accept on TCP and a unix socket and hand
 * exchanges to routes. HTTP/1.1 only.
 */
#include "config/config.h"
#include "server/exchange.h"

struct http;

/* Decides who asks. Returns a malloc'd principal, or NULL: refuse with 401 and the challenge set.
 */
struct authenticator {
    char *(*check)(void *arg, const struct exchange *x, const char **ret_challenge);
    void *arg;
    bool is_open; /* nobody is asked for anything: the principal is "anonymous" */
};

struct http_options {
    const struct config *config;         /* borrowed, outlives the server */
    const struct exchange_route *routes; /* n_routes, copied; what they name outlives the server */
    size_t n_routes;
    struct authenticator auth;
};

/* Binds. 0; -errno with *ret_error (malloc'd, names the address and the way out) when one can't be
 * had. */
MUST_USE int http_new(const struct http_options *o, struct http **ret, char **ret_error);
MUST_USE int http_start(struct http *h);  /* threads run */
uint16_t http_port(const struct http *h); /* the real one when 0 was asked for */
/* Stops accepting and turns keep-alive off; requests under way go on. Any thread. */
void http_drain(struct http *h);
unsigned http_open_requests(const struct http *h); /* any thread */
/* A load balancer asks, and has connections open. Any thread. */
bool http_has_balancer(const struct http *h);
/* Joins the threads. What waits for a reply is cut and told so; finished replies get a second to
 * leave. */
void http_stop(struct http *h);
/* Runs what was still posted to its homes; nobody may post or hold an exchange afterwards. */
struct http *http_free(struct http *h);
