/* Streamed replies: what goes out when, and what becomes of clients that go or do not read. */
#include <sys/socket.h>

#include "state/base/fd.h"
#include "tests/unit/http_fixture.h"

#define CHUNK_BYTES 65536

static int open_stream(struct http_fixture *f, struct buf *got)
{
    int fd = client_open(f);

    client_request(fd, "GET", "/stream", "");
    client_read_until(fd, got, "\r\n\r\n3\r\n:\n\n\r\n");
    http_wait(f, &f->n_held, f->n_gone + 1);
    return fd;
}

static void headers_arrive_before_any_event(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf got = {0};
    CLEANUP(fd_closep) int fd = open_stream(f, &got);

    assert_true(fd >= 0);
    assert_memory_equal(got.data, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(got.data, "\r\nContent-Type: text/event-stream\r\n"));
    assert_non_null(strstr(got.data, "\r\nX-Accel-Buffering: no\r\n"));
    assert_non_null(strcasestr(got.data, "\r\ntransfer-encoding: chunked\r\n"));
}

static void events_arrive_in_order_and_the_connection_goes_on(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf got = {0};
    CLEANUP(fd_closep) int fd = open_stream(f, &got);

    http_held_write(f, "data: 1\n\n");
    client_read_until(fd, &got, "9\r\ndata: 1\n\n\r\n");
    http_held_write(f, "data: 2\n\n");
    http_held_write(f, "data: 3\n\n");
    http_held_end(f);
    client_read_until(fd, &got, "data: 2\n\n");
    client_read_until(fd, &got, "data: 3\n\n");
    client_read_until(fd, &got, "0\r\n\r\n");
    client_request(fd, "GET", "/echo", "");
    client_read_until(fd, &got, "Content-Length: 0");
    assert_int_equal(f->n_gone, 0);
}

static void http_1_0_gets_a_stream_that_ends_with_the_connection(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf got = {0};

    client_send(fd, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_read_until(fd, &got, "\r\n\r\n:\n\n");
    http_held_write(f, "data: 1\n\n");
    client_read_until(fd, &got, ":\n\ndata: 1\n\n");
    http_held_end(f);
    client_read_all(fd, &got);
    assert_non_null(strcasestr(got.data, "connection: close"));
    assert_null(strcasestr(got.data, "chunked"));
}

static void head_of_a_stream_ends_at_once(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply head, next;

    client_request(fd, "HEAD", "/stream", "");
    client_read_reply(fd, &rest, true, &head);
    assert_int_equal(head.status, 200);
    http_wait(f, &f->n_gone, 1);
    client_request(fd, "GET", "/echo", "");
    client_read_reply(fd, &rest, false, &next);
    assert_int_equal(next.status, 200);
}

static void the_client_of_a_silent_stream_is_missed_at_once(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);

    for (unsigned i = 0; i < 3; i++) {
        CLEANUP(buf_deinit) struct buf got = {0};
        CLEANUP(fd_closep) int fd = open_stream(f, &got);

        if (i == 0)
            fd_closep(&fd);
        else if (i == 1)
            client_reset(TAKE_FD(fd));
        else
            shutdown(fd, SHUT_WR);
        http_wait(f, &f->n_gone, i + 1);
    }
    http_wait_open_requests(f, 0);
}

static void a_silent_stream_gets_heartbeats(void **state)
{
    struct http_fixture *f = *state;
    f->config.heartbeat_ms = 20;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf got = {0};
    CLEANUP(fd_closep) int fd = open_stream(f, &got);

    for (int i = 0; i < 5; i++) {
        CLEANUP(buf_deinit) struct buf more = {0};
        client_read_until(fd, &more, ": keepalive\n\n");
    }
    http_held_write(f, "data: 1\n\n");
    client_read_until(fd, &got, "data: 1\n\n");
    http_held_end(f);
    client_read_until(fd, &got, "0\r\n\r\n");
}

struct flood {
    size_t bytes, most_queued;
    bool is_open;
};

static void write_chunks(struct exchange *x, void *arg)
{
    struct flood *flood = arg;
    char chunk[CHUNK_BYTES];

    memset(chunk, 'x', sizeof chunk);
    for (int i = 0; i < 16 && exchange_is_open(x); i++) {
        exchange_stream_write(x, chunk, sizeof chunk);
        flood->bytes += sizeof chunk;
        if (exchange_stream_queued(x) > flood->most_queued)
            flood->most_queued = exchange_stream_queued(x);
    }
    flood->is_open = exchange_is_open(x);
}

static void a_client_that_does_not_read_is_cut_at_the_limit(void **state)
{
    struct http_fixture *f = *state;
    f->config.max_stream_buffer_bytes = 256 << 10;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf got = {0};
    CLEANUP(fd_closep) int fd = open_stream(f, &got);
    struct flood flood = {.is_open = true};

    assert_true(fd >= 0);
    /* What the kernel takes is bounded by tcp_wmem and tcp_rmem: some megabytes. */
    while (flood.is_open && flood.bytes < 256u << 20)
        http_with_held(f, write_chunks, &flood);
    assert_false(flood.is_open);
    assert_true(flood.most_queued <= (256 << 10) + CHUNK_BYTES);
    http_wait(f, &f->n_gone, 1);
    http_wait_open_requests(f, 0);
}

static void one_message_may_be_larger_than_the_limit(void **state)
{
    struct http_fixture *f = *state;
    f->config.max_stream_buffer_bytes = 1000;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf got = {0}, message = {0};
    CLEANUP(fd_closep) int fd = open_stream(f, &got);

    while (message.len < 4u << 20)
        buf_append_str(&message, "0123456789");
    buf_append_str(&message, "the end\n\n");
    http_held_write(f, message.data);
    client_read_until(fd, &got, "the end\n\n");
    http_held_end(f);
    client_read_until(fd, &got, "0\r\n\r\n");
    assert_int_equal(f->n_gone, 0);
}

static void a_stream_that_stands_still_is_cut_at_the_write_timeout(void **state)
{
    struct http_fixture *f = *state;
    f->config.write_timeout_ms = 100;
    f->config.max_stream_buffer_bytes = 64 << 20;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf got = {0};
    CLEANUP(fd_closep) int fd = open_stream(f, &got);
    struct flood flood = {0};

    assert_true(fd >= 0);
    for (int i = 0; i < 32; i++)
        http_with_held(f, write_chunks, &flood);
    http_wait(f, &f->n_gone, 1);
    http_wait_open_requests(f, 0);
}

static void a_whole_reply_that_is_not_read_is_cut_too(void **state)
{
    struct http_fixture *f = *state;
    f->config.write_timeout_ms = 100;
    http_fixture_start(f);
    int small = 4096;
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf got = {0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    client_request(fd, "GET", "/large", "");
    client_read_until(fd, &got, "0123456789abcde\n");
    assert_int_equal(http_open_requests(f->http), 1);
    http_wait_open_requests(f, 0);
}

static void a_reader_that_is_slow_but_reads_is_not_cut(void **state)
{
    struct http_fixture *f = *state;
    f->config.max_stream_buffer_bytes = 16 << 20;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf got = {0};
    CLEANUP(fd_closep) int fd = open_stream(f, &got);
    struct flood flood = {0};

    for (int i = 0; i < 12; i++)
        http_with_held(f, write_chunks, &flood);
    assert_true(flood.is_open);
    http_held_write(f, "the end");
    http_held_end(f);
    client_read_until(fd, &got, "the end");
    assert_int_equal(f->n_gone, 0);
}

static void streams_over_the_limit_are_refused(void **state)
{
    struct http_fixture *f = *state;
    f->config.max_streams = 1;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf got = {0}, again = {0};
    CLEANUP(fd_closep) int fd = open_stream(f, &got);

    assert_int_equal(client_status(f, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"), 503);
    assert_true(f->is_over_limit);
    fd_closep(&fd);
    http_wait(f, &f->n_gone, 1);
    http_wait_open_requests(f, 0);
    fd = open_stream(f, &again);
}

static void write_and_end(struct exchange *x, void *arg)
{
    exchange_stream_write(x, "late", 4);
    exchange_stream_end(x);
    exchange_on_gone(x, NULL, NULL);
}

static void writing_to_nobody_does_nothing(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf got = {0};
    CLEANUP(fd_closep) int fd = open_stream(f, &got);

    http_unwatch_held(f);
    fd_closep(&fd);
    http_wait_open_requests(f, 0);
    http_with_held(f, write_and_end, NULL);
    http_release_held(f);
    assert_int_equal(f->n_gone, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(headers_arrive_before_any_event),
        HTTP_TEST(events_arrive_in_order_and_the_connection_goes_on),
        HTTP_TEST(http_1_0_gets_a_stream_that_ends_with_the_connection),
        HTTP_TEST(head_of_a_stream_ends_at_once),
        HTTP_TEST(the_client_of_a_silent_stream_is_missed_at_once),
        HTTP_TEST(a_silent_stream_gets_heartbeats),
        HTTP_TEST(a_client_that_does_not_read_is_cut_at_the_limit),
        HTTP_TEST(one_message_may_be_larger_than_the_limit),
        HTTP_TEST(a_stream_that_stands_still_is_cut_at_the_write_timeout),
        HTTP_TEST(a_whole_reply_that_is_not_read_is_cut_too),
        HTTP_TEST(a_reader_that_is_slow_but_reads_is_not_cut),
        HTTP_TEST(streams_over_the_limit_are_refused),
        HTTP_TEST(writing_to_nobody_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
