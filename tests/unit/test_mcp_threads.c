/* Several homes at once: what is opened on one is fed, answered and cancelled from others. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "tests/unit/mcp_fixture.h"

#define HOMES 3

struct threads {
    struct mcp_fixture *f;
    struct home *homes[HOMES];
};

static int set_up(void **state)
{
    struct threads *t = xcalloc(1, sizeof *t);
    void *f;

    assert_int_equal(mcp_set_up(&f), 0);
    t->f = f;
    for (int i = 0; i < HOMES; i++) {
        t->homes[i] = memory_home_new();
        memory_home_start(t->homes[i]);
    }
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct threads *t = *state;
    void *f = t->f;

    for (int i = 0; i < HOMES; i++)
        memory_home_stop(t->homes[i]);
    for (int i = 0; i < HOMES; i++) {
        memory_home_run(t->homes[i]); /* what the others posted last */
        assert_int_equal(memory_home_exchanges(t->homes[i]), 0);
        memory_home_free(t->homes[i]);
    }
    free(t);
    return mcp_tear_down(&f);
}

/* ---- doing something on a home and waiting for it ---- */

struct errand {
    void (*fn)(void *arg);
    void *arg;
    sem_t is_done;
};

static void on_errand(void *arg)
{
    struct errand *e = arg;

    e->fn(e->arg);
    sem_post(&e->is_done);
}

static void run_on(struct home *h, void (*fn)(void *arg), void *arg)
{
    struct errand e = {.fn = fn, .arg = arg};

    sem_init(&e.is_done, 0, 0);
    home_post(h, on_errand, &e);
    sem_wait(&e.is_done);
    sem_destroy(&e.is_done);
}

static void do_nothing(void *arg)
{
}

/* All that was posted to the homes so far has been done. */
static void settle(struct threads *t)
{
    for (int i = 0; i < HOMES; i++)
        run_on(t->homes[i], do_nothing, NULL);
}

struct sending {
    struct threads *t;
    struct home *home;
    struct memory_request request;
    struct exchange *x;
};

static void on_send(void *arg)
{
    struct sending *s = arg;

    s->x = memory_exchange_new(s->home, &s->request);
    memory_serve(s->x, mcp_serve, s->t->f->mcp);
}

static struct exchange *send_on(struct threads *t, int home, struct memory_request request)
{
    struct sending s = {.t = t, .home = t->homes[home], .request = request};

    run_on(s.home, on_send, &s);
    return s.x;
}

static void on_done(void *arg)
{
    memory_client_goes(arg);
    exchange_unref(arg);
}

static void done_on(struct threads *t, int home, struct exchange *x)
{
    run_on(t->homes[home], on_done, x);
}

struct reading {
    const struct exchange *x;
    char *body;
};

static void on_read(void *arg)
{
    struct reading *r = arg;
    r->body = xstrdup(memory_body(r->x));
}

/* What the client got so far, malloc'd. */
static char *body_on(struct threads *t, int home, const struct exchange *x)
{
    struct reading r = {.x = x};

    run_on(t->homes[home], on_read, &r);
    return r.body;
}

/* Sends and forgets; the status. */
static int post_on(struct threads *t, int home, const char *session, const char *query,
                   const char *body)
{
    const struct exchange_header headers[] = {{"content-type", "application/json"},
                                              {session ? "mcp-session-id" : NULL, session},
                                              {NULL, NULL}};
    struct exchange *x =
        send_on(t, home, (struct memory_request){.query = query, .body = body, .headers = headers});
    int status = memory_status(x);

    done_on(t, home, x);
    return status;
}

static const struct exchange_header stream_headers[] = {{"accept", "text/event-stream"},
                                                        {NULL, NULL}};

static struct exchange *call_on(struct threads *t, int home, const char *session, const char *body)
{
    const struct exchange_header headers[] = {
        {"content-type", "application/json"}, {"mcp-session-id", session}, {NULL, NULL}};
    return send_on(t, home, (struct memory_request){.body = body, .headers = headers});
}

static void on_release(void *arg)
{
    test_pack_release(arg);
}

/* ---- tests ---- */

static void a_channel_is_fed_from_other_threads(void **state)
{
    struct threads *t = *state;
    struct exchange *x =
        send_on(t, 0, (struct memory_request){.method = "GET", .headers = stream_headers});
    CLEANUP(free_p) char *endpoint = body_on(t, 0, x);
    const char *at = strstr(endpoint, "sessionId=");
    CLEANUP(free_p) char *query = xstrndup(at, strcspn(at, "\n"));

    assert_int_equal(post_on(t, 1, NULL, query,
                             "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
                             "\"protocolVersion\":\"2024-11-05\"}}"),
                     202);
    assert_int_equal(
        post_on(t, 2, NULL, query, "{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"method\":\"ping\"}"), 202);
    CLEANUP(free_p) char *body = body_on(t, 0, x);
    assert_non_null(strstr(body, "\"protocolVersion\":\"2024-11-05\""));
    assert_non_null(strstr(body, "\"id\":\"p\",\"result\":{}"));
    done_on(t, 0, x);
}

static void a_request_is_cancelled_from_another_thread(void **state)
{
    struct threads *t = *state;
    CLEANUP(free_p) char *session = mcp_initialize(t->f, "2025-06-18", "{}");
    struct exchange *x = call_on(t, 0, session,
                                 "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\","
                                 "\"params\":{\"name\":\"park\"}}");

    assert_int_equal(post_on(t, 1, session, NULL,
                             "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                             "\"params\":{\"requestId\":5}}"),
                     202);
    free(body_on(t, 0, x));
    assert_int_equal(t->f->pack.n_cancelled, 1);
    done_on(t, 0, x);
    run_on(t->homes[0], on_release, &t->f->pack);
}

static void a_question_is_answered_from_another_thread(void **state)
{
    struct threads *t = *state;
    CLEANUP(free_p) char *session = mcp_initialize(t->f, "2025-06-18", "{\"sampling\":{}}");
    struct exchange *x = call_on(t, 0, session,
                                 "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\","
                                 "\"params\":{\"name\":\"ask\"}}");
    CLEANUP(free_p) char *question = body_on(t, 0, x);
    unsigned id;

    assert_int_equal(sscanf(strstr(question, "\"id\":"), "\"id\":%u", &id), 1);
    struct buf answer = {0};
    buf_printf(&answer, "{\"jsonrpc\":\"2.0\",\"id\":%u,\"result\":{\"text\":\"from afar\"}}", id);
    assert_int_equal(post_on(t, 2, session, NULL, answer.data), 202);
    buf_deinit(&answer);
    CLEANUP(free_p) char *reply = body_on(t, 0, x);
    assert_non_null(strstr(reply, "from afar"));
    done_on(t, 0, x);
}

/* ---- all at once ---- */

struct client {
    struct threads *t;
    int home;
    unsigned seed;
    char *session;
    pthread_t thread;
};

static unsigned dice(struct client *c, unsigned n)
{
    c->seed = c->seed * 1103515245u + 12345u;
    return (c->seed >> 16) % n;
}

static struct exchange *open_stream(struct client *c)
{
    const struct exchange_header headers[] = {{"mcp-session-id", c->session}, {NULL, NULL}};
    return send_on(c->t, c->home, (struct memory_request){.method = "GET", .headers = headers});
}

static struct exchange *open_listen(struct client *c)
{
    const struct exchange_header headers[] = {{"content-type", "application/json"},
                                              {"mcp-protocol-version", MODERN},
                                              {"mcp-method", "subscriptions/listen"},
                                              {NULL, NULL}};
    return send_on(c->t, c->home,
                   (struct memory_request){
                       .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscriptions/listen\","
                               "\"params\":{\"notifications\":{\"toolsListChanged\":true,"
                               "\"resourceSubscriptions\":[\"mem://a\"]}," ENVELOPE "}}",
                       .headers = headers});
}

static void *client_main(void *arg)
{
    struct client *c = arg;
    struct exchange *open[4] = {NULL};

    for (int i = 0; i < 200; i++) {
        struct exchange **x = &open[dice(c, ARRAY_LEN(open))];
        int other = (c->home + 1) % HOMES;
        if (*x) {
            done_on(c->t, c->home, *x);
            *x = NULL;
        } else {
            *x = dice(c, 2) ? open_stream(c) : open_listen(c);
        }
        assert_int_equal(
            post_on(c->t, other, c->session, NULL,
                    dice(c, 2) ? "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\","
                                 "\"params\":{\"uri\":\"mem://a\"}}"
                               : "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":"
                                 "\"resources/unsubscribe\",\"params\":{\"uri\":\"mem://a\"}}"),
            200);
        done_on(c->t, other,
                call_on(c->t, other, c->session,
                        "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{"
                        "\"name\":\"ask\"}}"));
        (void)post_on(c->t, c->home, c->session, NULL,
                      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                      "\"requestId\":3}}");
    }
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        if (open[i])
            done_on(c->t, c->home, open[i]);
    }
    return NULL;
}

static void everything_happens_at_once(void **state)
{
    struct threads *t = *state;
    struct client clients[HOMES];

    for (int i = 0; i < HOMES; i++) {
        clients[i] = (struct client){.t = t, .home = i, .seed = 7u + (unsigned)i};
        clients[i].session = mcp_initialize(t->f, "2025-06-18", "{\"sampling\":{}}");
        assert_int_equal(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]), 0);
    }
    for (int i = 0; i < 300; i++) {
        mcp_list_changed(t->f->mcp, MCP_LIST_TOOLS);
        mcp_resource_updated(t->f->mcp, i % 2 ? "alice" : NULL, "mem://a");
    }
    for (int i = 0; i < HOMES; i++) {
        pthread_join(clients[i].thread, NULL);
        free(clients[i].session);
    }
    settle(t); /* the last cancellations went from one home to another */
    mcp_drain(t->f->mcp);
    assert_int_equal(t->f->pack.n_answers, HOMES * 200); /* each without an answer */
}

#define THREADS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREADS_TEST(a_channel_is_fed_from_other_threads),
        THREADS_TEST(a_request_is_cancelled_from_another_thread),
        THREADS_TEST(a_question_is_answered_from_another_thread),
        THREADS_TEST(everything_happens_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
