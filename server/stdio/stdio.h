#pragma once
/*
 * MCP over two pipes, for a client that runs us: each line that comes in is an exchange, as a POST
 * is over HTTP, and what answers it goes out as lines. One client, one legacy session at most.
 *
 *   reader thread ──line──► home thread: exchanges ──► core ──► lines ──► writer thread
 *        ▲                       │
 *        └────── next, please ───┘   not while the client leaves too much unread
 *
 * Memory is bounded: one line under way (server.max_body), STDIO_REQUESTS_MAX requests, and of what
 * goes out server.max_stream_buffer and the answers of those requests.
 */
#include "config/config.h"
#include "server/exchange.h"

#define STDIO_REQUESTS_MAX 100u

struct stdio;

struct stdio_options {
    const struct config *config;                   /* borrowed, outlives it */
    int in_fd, out_fd;                             /* borrowed, outlive it */
    void (*handle)(struct exchange *x, void *arg); /* serves every exchange, on the home's thread */
    void *arg;
    /* The client is gone: its end of the pipes is closed, and requests under way had a moment.
     * Once; on a thread of ours. */
    void (*on_end)(void *arg);
    void *end_arg;
};

struct stdio *stdio_new(const struct stdio_options *o);
MUST_USE int stdio_start(struct stdio *s); /* 0 or -errno */
unsigned stdio_open_requests(
    const struct stdio *s); /* any thread; long-lived streams not counted */
/* Reads no more; what still waits for an answer is told that its client went. What was answered
 * gets a moment to leave. */
void stdio_stop(struct stdio *s);
struct stdio *stdio_free(struct stdio *s); /* nobody may hold an exchange afterwards */
