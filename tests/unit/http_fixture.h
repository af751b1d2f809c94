#pragma once
/*
 * A real server on a free port with handlers that do what a test says, and raw clients. Whatever a
 * test waits for has a bound; nothing sleeps.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/http.h"
#include "state/base/buf.h"

#define PATIENCE_MS 5000

/* What /park and /stream hold for the test; one at a time. */
struct held {
    struct exchange *x; /* on its home's thread only */
    struct home *home;
};

struct http_fixture {
    struct config config; /* change it before http_fixture_start() */
    struct http *http;
    char *token; /* NULL: open */

    pthread_mutex_t lock; /* the rest */
    pthread_cond_t changed;
    struct held held;
    unsigned n_held, n_gone;
    bool is_over_limit; /* a stream was refused */
};

int http_fixture_set_up(void **state);
int http_fixture_tear_down(void **state);
void http_fixture_start(struct http_fixture *f);
/* Ends the server before the test does, as http_stop() and http_free(). */
void http_fixture_stop(struct http_fixture *f);

/* Waits until *counter, guarded by the lock, is at least n. */
void http_wait(struct http_fixture *f, const unsigned *counter, unsigned n);
/* Runs fn(f->held.x, arg) on its home and waits for it. */
void http_with_held(struct http_fixture *f, void (*fn)(struct exchange *x, void *arg), void *arg);
void http_held_reply(struct http_fixture *f, const char *body);
void http_held_write(struct http_fixture *f, const char *text);
void http_held_end(struct http_fixture *f);
void http_release_held(struct http_fixture *f);
void http_unwatch_held(struct http_fixture *f); /* on_gone is taken off */
void http_wait_open_requests(struct http_fixture *f, unsigned n);
#define HTTP_TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int client_open(struct http_fixture *f);
int client_open_unix(const char *path);
void client_send(int fd, const char *text);
/* GET or another method without a body, with Host; more: header lines with CRLF, or "". */
void client_request(int fd, const char *method, const char *path, const char *more);

struct reply {
    int status;
    struct buf head, body;
};
void reply_deinit(struct reply *r);
/* One reply by its Content-Length; *rest keeps what came after it. */
void client_read_reply(int fd, struct buf *rest, bool is_head, struct reply *ret);
/* Value of a header, malloc'd; NULL when absent. */
char *reply_header(const struct reply *r, const char *name);
/* Reads until `needle` is in *got. */
void client_read_until(int fd, struct buf *got, const char *needle);
/* Reads to the end of the connection; a reset is an end too. */
void client_read_all(int fd, struct buf *got);
void client_expect_closed(int fd);
void client_reset(int fd); /* closes with RST */
/* Opens, sends, reads one reply, closes: its status. */
int client_status(struct http_fixture *f, const char *request);
