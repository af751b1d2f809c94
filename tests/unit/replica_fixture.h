#pragma once
/*
 * Real services over a real Redis, in one thread and on one loop: b only asks, a runs what the
 * keeper of fake_keeper.h pretends to. And a third replica, "m", that is no service at all: a test
 * writes into Redis what it would. One at a time.
 */
#include "exec/service.h"
#include "state/record.h"
#include "tests/unit/redis_server.h"

struct replica {
    struct config config;
    char dir[64];
    struct service service;
    struct call_home home;
    struct list answered; /* calls that came back, in order */
    bool is_running;
};

struct replicas {
    struct redis_server *redis;
    char *url; /* owned */
    struct event_base *base;
    struct replica a, b;
    uint64_t serial;
};
extern struct replicas replicas;

/* Of cmocka. b first: the keeper is a's. */
int replicas_set_up(void **state);
int replicas_tear_down(void **state);
#define REPLICAS_TEST(fn) cmocka_unit_test_setup_teardown(fn, replicas_set_up, replicas_tear_down)
void replica_start(struct replica *r);
void replica_stop(struct replica *r);

/* The record that its mirror wrote. The caller frees. */
void replica_record(const char *id, struct record *ret);
/* Runs the loop until that says so many. */
void replica_await_events(const char *id, uint64_t events);

/* Runs the loop for some ms, with a tick of both services. */
void replicas_run(unsigned ms);
/* Runs it until is_done() says so, or fails. */
void replicas_wait(bool (*is_done)(void *arg), void *arg, const char *what);

struct call *replica_call(struct replica *r, enum call_op op, const char *id);
struct call *replica_wait_call(struct replica *r, const char *id, enum call_until until,
                               uint64_t after);
struct call *replica_start_call(struct replica *r, const char *key, const char *hash);
/* Gives it to the service and runs the loop until it is answered. The caller frees it. */
struct call *replica_ask(struct replica *r, struct call *c);
enum call_outcome replica_outcome(struct replica *r, struct call *c); /* the same, freed */
/* The next answer that is there, or NULL. */
struct call *replica_answer(struct replica *r);
/* Runs the loop until there is one. */
struct call *replica_await(struct replica *r);

/* An execution of a's that runs, as b can find it; valid until the next. */
const char *run_on_a(void);
/* Runs the loop until redis-cli prints this. */
void wait_for(const char *command, const char *expected);

/* ---- what a mirror writes ---- */

/* An execution of replica `m`, as Redis has it. */
struct mirrored {
    struct record record;
    struct buf bytes;            /* all of its output */
    struct journal_record *recs; /* all of its events */
    char key[128], output_key[160];
};
void mirrored_init(struct mirrored *m, const char *principal);
void mirrored_deinit(struct mirrored *m);
/* Adds an event; it is in Redis after the next publish. */
void mirrored_add(struct mirrored *m, enum journal_type type, const char *data, size_t len);
/* Writes what is new, drops what is before first_event, says so on the channel. */
void mirrored_publish(struct mirrored *m, uint64_t first_event);
/* The record alone: it may claim anything. */
void mirrored_claim(struct mirrored *m);
/* All of it again, as into a Redis that came back empty. */
void mirrored_republish(struct mirrored *m);
void mirrored_end(struct mirrored *m, enum execution_reason reason, int code);
/* As its owner's reservation of a key leaves it. */
void mirrored_reserve(struct mirrored *m, const char *key, char hash);
/* Declares any execution lost, as a replica does that thinks its owner dead. */
void record_declare_lost(const char *id);
/* Puts an id into a session's set. */
void mirrored_note(const char *session, const char *id);
/* Its principal's index, and what m runs. */
void mirrored_index(const struct record *r);
/* As if it had beaten for the last time at this time (ms). */
void mirrored_beat(const char *replica, uint64_t ms);
void mirrored_heartbeat(const char *replica, bool is_alive);
