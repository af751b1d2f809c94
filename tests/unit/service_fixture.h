#pragma once
/*
 * The real service on a real state directory, with the keeper of fake_keeper.h. One at a time, one
 * thread.
 */
#include "exec/service.h"

struct fixture {
    struct config config;
    char dir[64];
    struct event_base *base;
    struct service service;
    struct call_home home;
    struct list answered; /* calls that came back, in order */
    uint64_t serial;
};

/* Of cmocka. */
int set_up(void **state);
int tear_down(void **state);
/* Also over and over: what is in the state directory stays. */
void start_server(struct fixture *f);
void stop_server(struct fixture *f);

/* Calls of alice's, to be given to service_call(). */
struct call *make_call(struct fixture *f, enum call_op op, const char *session);
struct call *make_start(struct fixture *f, const char *session, const char *key);
struct call *make_wait(struct fixture *f, const char *id, enum call_until until, uint64_t after);

/* The next answer; NULL when there is none. The caller frees it. */
struct call *answer(struct fixture *f);
/* Of the next answer, which must be there. */
enum call_outcome outcome(struct fixture *f);

/* Starts one, lets the keeper run it and returns its id, valid until the next. */
const char *run_one(struct fixture *f, const char *session);
