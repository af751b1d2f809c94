/*
 * The stdio transport over real pipes, with a handler that does what the message says: lines in,
 * lines out, and what happens when the client does not read, cancels, or goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/stdio/stdio.h"
#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/base/fd.h"

#define BOUND_MS 20000

#define MODERN                                                    \
    "\"params\":{\"_meta\":{\"io.modelcontextprotocol/"           \
    "protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/" \
    "clientCapabilities\":{}}"

struct fixture {
    struct config config;
    struct stdio *stdio;
    int to, from;      /* the client's ends */
    int in_fd, out_fd; /* the server's */
    _Atomic int n_ends, n_gone, n_served;
    char *last_session; /* that the last request came with */
    struct buf read;
};

/* ---- the handler ---- */

/* A request that is not answered. */
struct parked {
    struct fixture *fixture;
    struct exchange *x; /* a reference */
};

static void on_gone(void *arg)
{
    struct parked *p = arg;
    atomic_fetch_add(&p->fixture->n_gone, 1);
    exchange_unref(p->x);
    free(p);
}

static void put_event(struct exchange *x, const char *data)
{
    struct buf b = {0};
    buf_printf(&b, ": comment\n\nevent: message\ndata: %s\n\n", data);
    /* In two pieces: an event need not come at once. */
    exchange_stream_write(x, b.data, 14);
    exchange_stream_write(x, b.data + 14, b.len - 14);
    buf_deinit(&b);
}

static void answer(struct exchange *x, const char *text)
{
    exchange_reply(x, 200, "application/json", text, strlen(text), NULL, 0);
}

static void park(struct fixture *f, struct exchange *x)
{
    struct parked *p = xcalloc(1, sizeof(*p));
    p->fixture = f;
    p->x = exchange_ref(x);
    exchange_on_gone(x, on_gone, p);
}

static void begin_session(struct exchange *x)
{
    const struct exchange_header h[] = {{"mcp-session-id", "s1"}};
    exchange_reply(x, 200, "application/json", "{\"hello\":1}", 11, h, 1);
}

static void serve_post(struct fixture *f, struct exchange *x)
{
    size_t len;
    const char *body = exchange_body(x, &len);
    const char *session = exchange_header(x, "mcp-session-id", NULL);

    free(f->last_session);
    f->last_session = session ? xstrdup(session) : NULL;
    if (strstr(body, "\"initialize\""))
        begin_session(x);
    else if (strstr(body, "\"echo\""))
        answer(x, body);
    else if (strstr(body, "\"big\"")) {
        CLEANUP(free_p) char *big = xcalloc(1, 20001);
        memset(big, 'x', 20000);
        answer(x, big);
    } else if (strstr(body, "\"stream\"")) {
        assert_true(exchange_stream_begin(x, 200, "text/event-stream", NULL, 0));
        put_event(x, "{\"progress\":1}");
        put_event(x, "{\"done\":1}");
        exchange_stream_end(x);
    } else if (strstr(body, "\"wait\""))
        park(f, x);
    else if (strstr(body, "subscriptions/listen")) {
        assert_true(exchange_stream_begin(x, 200, "text/event-stream", NULL, 0));
        put_event(x, "{\"listening\":1}");
        park(f, x);
    } else
        exchange_reply(x, 400, "application/json", "{\"error\":1}", 11, NULL, 0);
}

static void serve(struct exchange *x, void *arg)
{
    struct fixture *f = arg;
    const char *method = exchange_method(x);

    assert_string_equal(exchange_path(x), "/mcp");
    assert_false(exchange_has_headers(x));
    atomic_fetch_add(&f->n_served, 1);
    if (strcmp(method, "POST") == 0)
        return serve_post(f, x);
    if (strcmp(method, "DELETE") == 0)
        return exchange_reply(x, 204, NULL, NULL, 0, NULL, 0);
    assert_string_equal(method, "GET");
    assert_string_equal(exchange_header(x, "mcp-session-id", NULL), "s1");
    assert_true(exchange_stream_begin(x, 200, "text/event-stream", NULL, 0));
    put_event(x, "{\"notification\":1}");
    park(f, x);
}

static void on_end(void *arg)
{
    struct fixture *f = arg;
    atomic_fetch_add(&f->n_ends, 1);
}

/* ---- the client ---- */

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    int in[2], out[2];

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    f->to = in[1];
    f->from = out[0];
    f->in_fd = in[0];
    f->out_fd = out[1];
    f->config.max_body_bytes = 4096;
    f->config.max_stream_buffer_bytes = 100 * 1000;
    f->stdio = stdio_new(&(struct stdio_options){.config = &f->config,
                                                 .in_fd = f->in_fd,
                                                 .out_fd = f->out_fd,
                                                 .handle = serve,
                                                 .arg = f,
                                                 .on_end = on_end,
                                                 .end_arg = f});
    assert_int_equal(stdio_start(f->stdio), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    stdio_stop(f->stdio);
    stdio_free(f->stdio);
    fd_closep(&f->to);
    fd_closep(&f->from);
    fd_closep(&f->in_fd);
    fd_closep(&f->out_fd);
    buf_deinit(&f->read);
    free(f->last_session);
    free(f);
    return 0;
}

static void send_text(struct fixture *f, const char *text)
{
    assert_int_equal(fd_write_all(f->to, text, strlen(text)), 0);
}

/* The next line; the caller's. */
static char *receive(struct fixture *f)
{
    uint64_t end = clock_mono_ms() + BOUND_MS;
    for (;;) {
        char *newline = f->read.len > 0 ? memchr(f->read.data, '\n', f->read.len) : NULL;
        if (newline) {
            size_t len = (size_t)(newline - f->read.data);
            char *line = xstrndup(f->read.data, len);
            buf_consume(&f->read, len + 1);
            return line;
        }
        struct pollfd p = {.fd = f->from, .events = POLLIN};
        assert_true(clock_mono_ms() < end);
        (void)poll(&p, 1, 100);
        if (!p.revents)
            continue;
        buf_reserve(&f->read, 65536);
        ssize_t n = read(f->from, f->read.data + f->read.len, 65536);
        assert_true(n > 0);
        f->read.len += (size_t)n;
        f->read.data[f->read.len] = '\0';
    }
}

static void expect(struct fixture *f, const char *line)
{
    CLEANUP(free_p) char *got = receive(f);
    assert_string_equal(got, line);
}

static void wait_for(_Atomic int *n, int value)
{
    uint64_t end = clock_mono_ms() + BOUND_MS;
    while (atomic_load(n) < value) {
        assert_true(clock_mono_ms() < end);
        (void)poll(NULL, 0, 1);
    }
}

/* An answer is read a moment before its request is over. */
static void wait_open_requests(struct fixture *f, unsigned n)
{
    uint64_t end = clock_mono_ms() + BOUND_MS;
    while (stdio_open_requests(f->stdio) != n) {
        assert_true(clock_mono_ms() < end);
        (void)poll(NULL, 0, 1);
    }
}

/* ---- */

static void each_line_is_answered_by_lines(void **state)
{
    struct fixture *f = *state;
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n"
                 "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"stream\"}\n");
    expect(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}");
    expect(f, "{\"progress\":1}");
    expect(f, "{\"done\":1}");
    wait_open_requests(f, 0);
}

static void what_nobody_answers_gets_no_line(void **state)
{
    struct fixture *f = *state;
    send_text(f, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n"
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n"
                 "nonsense\n"
                 "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"echo\"}\n");
    expect(f, "{\"error\":1}"); /* of the nonsense */
    expect(f, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"echo\"}");
    wait_for(&f->n_served, 4);
}

static void a_long_line_is_refused_and_the_next_one_served(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *big = xcalloc(1, 5001);
    memset(big, 'x', 5000);
    send_text(f, big);
    send_text(f, "\n{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"echo\"}\n");
    CLEANUP(free_p) char *refusal = receive(f);
    assert_non_null(strstr(refusal, "longer than 4096 bytes (server.max_body)"));
    expect(f, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"echo\"}");
}

static void a_session_is_remembered_and_gets_its_stream(void **state)
{
    struct fixture *f = *state;
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}\n");
    expect(f, "{\"hello\":1}");
    send_text(f, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
    expect(f, "{\"notification\":1}");
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n");
    expect(f, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}");
    assert_string_equal(f->last_session, "s1");
    /* A request that carries its own revision has none. */
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"echo\"," MODERN "}}\n");
    free(receive(f));
    assert_null(f->last_session);
    /* Beginning anew ends the one before. */
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"initialize\"}\n");
    expect(f, "{\"hello\":1}");
    wait_for(&f->n_served, 7); /* with GET and DELETE */
}

static void a_cancelled_request_is_hung_up_on(void **state)
{
    struct fixture *f = *state;
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"wait\"," MODERN "}}\n"
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":"
                 "{\"requestId\":\"b\"}}\n"
                 "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n");
    free(receive(f));
    assert_int_equal(atomic_load(&f->n_gone), 0);
    wait_open_requests(f, 1);
    send_text(f, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":"
                 "{\"requestId\":\"a\"}}\n");
    wait_for(&f->n_gone, 1);
    wait_open_requests(f, 0);
}

static void the_end_of_a_subscription_is_told(void **state)
{
    struct fixture *f = *state;
    send_text(f,
              "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"subscriptions/listen\"," MODERN "}}\n");
    expect(f, "{\"listening\":1}");
    wait_open_requests(f, 0); /* it may stay for ever */
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"subscriptions/listen\"," MODERN "}}\n"
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":"
                 "{\"requestId\":8}}\n"); /* the client's own end needs no telling */
    expect(f, "{\"listening\":1}");
    wait_for(&f->n_gone, 1);
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"echo\"}\n");
    expect(f, "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"echo\"}");
}

/* Nothing is read while more than the mark is unread; then all of it comes. */
static void a_client_that_does_not_read_is_waited_for(void **state)
{
    struct fixture *f = *state;
    const char *line = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\"}\n";
    for (int i = 0; i < 60; i++)
        send_text(f, line);
    (void)poll(NULL, 0, 200);
    int served = atomic_load(&f->n_served);
    /* The pipe takes 64 KiB, the queue 100 kB and one answer more. */
    assert_in_range(served, 1, 10);
    for (int i = 0; i < 60; i++) {
        CLEANUP(free_p) char *got = receive(f);
        assert_int_equal(strlen(got), 20000);
    }
    assert_int_equal(atomic_load(&f->n_served), 60);
}

static void too_many_requests_are_refused(void **state)
{
    struct fixture *f = *state;
    struct buf b = {0};
    for (unsigned i = 0; i <= STDIO_REQUESTS_MAX; i++)
        buf_printf(&b, "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"wait\"}\n", i);
    send_text(f, b.data);
    buf_deinit(&b);
    CLEANUP(free_p) char *refusal = receive(f);
    assert_non_null(strstr(refusal, "\"id\":100,"));
    assert_non_null(strstr(refusal, "Too many requests"));
}

static void the_end_of_input_ends_it_once_all_is_answered(void **state)
{
    struct fixture *f = *state;
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}"); /* without a newline */
    fd_closep(&f->to);
    expect(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}");
    wait_for(&f->n_ends, 1);
}

static void what_takes_longer_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    uint64_t begun = clock_mono_ms();
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"wait\"}\n");
    wait_for(&f->n_served, 1);
    fd_closep(&f->to);
    wait_for(&f->n_ends, 1);
    assert_true(clock_mono_ms() - begun >= 900);
    assert_int_equal(atomic_load(&f->n_gone), 0); /* that comes with the stop */
}

static void nobody_who_reads_ends_it(void **state)
{
    struct fixture *f = *state;
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"wait\"}\n");
    wait_for(&f->n_served, 1);
    fd_closep(&f->from);
    send_text(f, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n");
    wait_for(&f->n_ends, 1);
    wait_for(&f->n_gone, 1);
    assert_int_equal(atomic_load(&f->n_ends), 1);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_line_is_answered_by_lines),
        TEST(what_nobody_answers_gets_no_line),
        TEST(a_long_line_is_refused_and_the_next_one_served),
        TEST(a_session_is_remembered_and_gets_its_stream),
        TEST(a_cancelled_request_is_hung_up_on),
        TEST(the_end_of_a_subscription_is_told),
        TEST(a_client_that_does_not_read_is_waited_for),
        TEST(too_many_requests_are_refused),
        TEST(the_end_of_input_ends_it_once_all_is_answered),
        TEST(what_takes_longer_is_not_waited_for),
        TEST(nobody_who_reads_ends_it),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
