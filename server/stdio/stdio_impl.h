#pragma once
/* The connection and its exchanges from the inside. Home thread, but where it says otherwise. */
#include <pthread.h>
#include <stdatomic.h>

#include "server/exchange_ops.h"
#include "server/stdio/line_splitter.h"
#include "server/stdio/pipe_home.h"
#include "server/stdio/pipe_writer.h"
#include "server/stdio/stdio.h"
#include "state/base/list.h"

struct stdio {
    struct stdio_options o;
    struct home *home;          /* owned */
    struct pipe_writer *writer; /* owned */

    /* The reader's. */
    pthread_t reader;
    bool is_reading; /* there is a thread to join */
    int stop_fd;     /* owned: an eventfd */
    struct line_splitter splitter;

    /* Between reader and home: one line at a time. */
    pthread_mutex_t lock;
    pthread_cond_t taken;
    bool is_taken, is_stopping; /* lock */

    struct list open;            /* struct exchange.link: those not over */
    _Atomic unsigned n_requests; /* of those, without the long-lived ones; read by any thread */
    char *session;               /* owned: of revisions before 2026-07-28; NULL: none yet */
    bool has_stream;             /* a stream for what the session is told is open */
    bool is_paused;              /* the reader waits for the client to read */
    bool is_over;                /* no more comes in */
    bool has_ended;              /* on_end was called */
};

enum pipe_phase { PIPE_WAITING, PIPE_STREAMING, PIPE_DONE };

struct exchange {
    struct exchange_head head; /* first */
    struct stdio *stdio;       /* borrowed, outlives */
    unsigned refs;
    const char *method; /* static */
    char *session;      /* owned or NULL: as Mcp-Session-Id */
    char *id;           /* owned or NULL: raw token of the request's id */
    char *id_key;       /* owned or NULL: the same, to compare */
    bool wants_answer;  /* notifications and responses get none, whatever is wrong with them */
    bool is_modern, is_listen, is_long_lived;
    enum pipe_phase phase;
    bool was_streamed;
    bool is_gone, is_gone_due;
    bool is_cancelled; /* the client itself gave it up */
    void (*on_gone)(void *arg);
    void *on_gone_arg;
    struct buf event; /* of an event stream, not complete */
    struct list link; /* stdio.open */
    size_t len;
    char body[];
};

/* What a message says to us; NULL: nothing, as in a request that we make ourselves. */
struct pipe_message {
    const char *text;
    size_t len;
    char *id; /* taken */
    bool wants_answer, is_modern, is_listen;
};

/* With a reference for the caller; belongs to the connection until it is over. `session`: copied.
 */
struct exchange *pipe_exchange_new(struct stdio *s, const char *method, const char *session,
                                   struct pipe_message *m);
/* Its client takes no answer any more. */
void pipe_exchange_go(struct exchange *x);

/* stdio_serve.c */
void stdio_on_line(struct stdio *s, const char *text, size_t len);
void stdio_on_long_line(struct stdio *s);
/* An exchange is over. */
void stdio_on_over(struct stdio *s, const struct exchange *x);
/* The answer named this session. */
void stdio_on_session(struct stdio *s, const char *id);
void stdio_on_closed(struct stdio *s); /* no more lines come */
void stdio_on_broken(struct stdio *s); /* nobody reads what we write */
void stdio_tell_all_gone(struct stdio *s);
