#pragma once
/*
 * A real redis-server (or sentinel) of the test's own: in its own directory, on a free port of
 * loopback, ended by its pid. Everything that waits has a bound and says what it waited for.
 */
#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

#include <event2/event.h>

#define REDIS_WAIT_MS 30000

struct redis_server {
    char *dir; /* owned */
    uint16_t port;
    pid_t pid;         /* 0: stopped */
    const char *lines; /* borrowed: what else stands in its configuration */
    bool is_sentinel;
};

/* First of all in main(): without the programs all of its tests are skipped. */
void redis_server_need(void);

/* Starts it and returns once it listens. `lines` (or NULL) outlives the server; %d in it is its
 * directory. */
struct redis_server *redis_server_start(const char *lines);
struct redis_server *redis_server_start_sentinel(const char *lines);
void redis_server_free(struct redis_server *s); /* NULL is legal */
/* Kills it (its data is gone: nothing is saved), starts it again on the same port. */
void redis_server_stop(struct redis_server *s);
void redis_server_restart(struct redis_server *s);
void redis_server_signal(const struct redis_server *s, int signo);
/* One command by redis-cli, blocking: what it prints, without the last newline. Caller frees. */
char *redis_server_cli(const struct redis_server *s, const char *command);
/* redis://127.0.0.1:<port>/0; caller frees. */
char *redis_server_url(const struct redis_server *s);
uint16_t redis_free_port(void);

/* Runs the loop until is_done() says so; fails the test with `what` after REDIS_WAIT_MS. */
void redis_wait(struct event_base *base, bool (*is_done)(void *arg), void *arg, const char *what);
