#pragma once
/*
 * What replicas say to each other on the streams `replica:<rid>:commands`: an entry is one message,
 * its fields are the members below that are not empty, by name. A command goes to the stream of
 * the replica that runs the execution, its answer to that of who asked.
 *
 *   op       id, from   fields
 *   stdin    of the     exec, principal, ttl_ms, data, eof, input_id
 *   cancel   command,   exec, principal, ttl_ms, force, signo
 *   refill   who sends  exec, principal, ttl_ms, before, down_to
 *   answer              outcome, repeated, was_running, status; of a refill: data, first
 *
 * What is read may have been written by anybody who reaches Redis. Pure, any thread.
 */
#include "state/base/id.h"
#include "state/execution.h"
#include "state/redis.h"

enum peer_op { PEER_STDIN = 1, PEER_CANCEL, PEER_REFILL, PEER_ANSWER };

#define PEER_ID_MAX       63
#define PEER_DATA_MAX     (4u << 20)
#define PEER_NAME_MAX     64u
#define PEER_OUTCOME_MAX  24u
#define PEER_INPUT_ID_MAX 64u

struct peer_text {
    const char *data; /* borrowed; need not end with NUL */
    size_t len;
};

struct peer_message {
    enum peer_op op;
    char id[PEER_ID_MAX + 1];
    char from[ID_REPLICA_MAX + 1];
    char exec[EXECUTION_ID_MAX + 1];
    struct peer_text principal, data, input_id, outcome;
    uint64_t ttl_ms; /* carried out by then (Redis' clock, from the entry's id on), or not at all */
    uint64_t eof, force, signo; /* 0 or 1; a signal's number */
    uint64_t before, down_to;   /* refill: events before this one, at most from that one on */
    uint64_t repeated, was_running, status; /* answer: status is an enum execution_status, or 0 */
    uint64_t first; /* answer to refill: there is nothing before this event */
};

/* Appends the fields; m must live until the command is sent. */
void peer_message_write(const struct peer_message *m, struct redis_args *args);
/* names and values take turns: n of both together. False: that is no message. */
MUST_USE bool peer_message_read(const struct peer_text *fields, size_t n, struct peer_message *ret);

char *peer_stream_key(const char *replica); /* replica:<rid>:commands */
