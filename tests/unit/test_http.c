/* Whole replies: from the socket to a handler and back. */
#include <sys/socket.h>

#include "state/base/clock.h"
#include "state/base/fd.h"
#include "tests/unit/http_fixture.h"

#define HOST "Host: localhost\r\n"

static void replies_with_what_was_posted(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r;

    client_send(fd, "POST /echo?a=1&b=%20 HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
    client_read_reply(fd, &rest, false, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body.data, "hello");
    CLEANUP(free_p) char *query = reply_header(&r, "x-query");
    assert_string_equal(query, "a=1&b=%20");
    CLEANUP(free_p) char *who = reply_header(&r, "x-who");
    assert_string_equal(who, "anonymous");
    CLEANUP(free_p) char *type = reply_header(&r, "content-type");
    assert_string_equal(type, "text/plain");
    CLEANUP(free_p) char *server = reply_header(&r, "server");
    assert_null(server);
}

static void serves_many_requests_on_one_connection(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};

    for (int i = 0; i < 50; i++) {
        CLEANUP(reply_deinit) struct reply r;

        client_send(fd, i % 2 ? "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nodd"
                              : "POST /accepted HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
        client_read_reply(fd, &rest, false, &r);
        assert_int_equal(r.status, i % 2 ? 200 : 202);
        assert_string_equal(r.body.data, i % 2 ? "odd" : "");
        CLEANUP(free_p) char *length = reply_header(&r, "content-length");
        assert_string_equal(length, i % 2 ? "3" : "0");
    }
}

static void answers_pipelined_requests_in_order(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    static const char *const bodies[] = {"first", "", "third"};

    client_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nfirst"
                    "GET /echo HTTP/1.1\r\n" HOST "\r\n"
                    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nthird");
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        CLEANUP(reply_deinit) struct reply r;

        client_read_reply(fd, &rest, false, &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body.data, bodies[i]);
    }
}

static void a_pipelined_request_waits_for_a_parked_one(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply first, second;

    client_send(fd, "GET /park HTTP/1.1\r\n" HOST "\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n");
    http_wait(f, &f->n_held, 1);
    http_held_reply(f, "parked");
    client_read_reply(fd, &rest, false, &first);
    assert_string_equal(first.body.data, "parked");
    client_read_reply(fd, &rest, false, &second);
    assert_int_equal(second.status, 200);
    assert_int_equal(f->n_gone, 0);
}

static void head_is_get_without_the_body(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply head, get;

    client_request(fd, "HEAD", "/large", "");
    client_request(fd, "GET", "/echo", "");
    client_read_reply(fd, &rest, true, &head);
    assert_int_equal(head.status, 200);
    CLEANUP(free_p) char *length = reply_header(&head, "content-length");
    assert_string_equal(length, "8388608");
    client_read_reply(fd, &rest, false, &get);
    CLEANUP(free_p) char *method = reply_header(&get, "x-method");
    assert_string_equal(method, "GET");
}

static void a_handler_of_all_methods_sees_head(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r;

    client_request(fd, "HEAD", "/any", "");
    client_read_reply(fd, &rest, true, &r);
    CLEANUP(free_p) char *method = reply_header(&r, "x-method");
    assert_string_equal(method, "HEAD");
}

static void unknown_paths_are_404_in_json(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    static const char *const paths[] = {"/",       "/echo/",        "/Echo",
                                        "/ech%6",  "/echo/..",      "http://localhost/echo",
                                        "/../etc", "/echo/../nope", "*"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        CLEANUP(fd_closep) int fd = client_open(f);
        CLEANUP(buf_deinit) struct buf rest = {0};
        CLEANUP(reply_deinit) struct reply r;

        client_request(fd, "GET", paths[i], "");
        client_read_reply(fd, &rest, false, &r);
        assert_int_equal(r.status, 404);
        assert_non_null(strstr(r.body.data, "{\"error\":"));
    }
}

static void paths_are_compared_normalised(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);

    assert_int_equal(client_status(f, "GET /x/../echo HTTP/1.1\r\n" HOST "\r\n"), 200);
    assert_int_equal(client_status(f, "GET /%65cho HTTP/1.1\r\n" HOST "\r\n"), 200);
    assert_int_equal(client_status(f, "GET /echo%00x HTTP/1.1\r\n" HOST "\r\n"), 400);
}

static void other_methods_are_405_with_allow(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r, head;

    client_request(fd, "DELETE", "/echo", "");
    client_read_reply(fd, &rest, false, &r);
    assert_int_equal(r.status, 405);
    CLEANUP(free_p) char *allow = reply_header(&r, "allow");
    assert_string_equal(allow, "POST, GET");
    client_request(fd, "HEAD", "/accepted", "");
    client_read_reply(fd, &rest, true, &head);
    assert_int_equal(head.status, 405);
}

static void a_body_over_the_limit_is_413_in_json(void **state)
{
    struct http_fixture *f = *state;
    f->config.max_body_bytes = 10;
    http_fixture_start(f);
    static const struct {
        const char *body; /* with its header */
        int status;
    } cases[] = {
        {"Content-Length: 10\r\n\r\n0123456789", 200},
        {"Content-Length: 11\r\n\r\n0123456789a", 413},
        {"Content-Length: 99999999999\r\n\r\n", 413},
        {"Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", 200},
        {"Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n", 413},
        {"Transfer-Encoding: chunked\r\n\r\n20\r\n0123456789012345", 413},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(fd_closep) int fd = client_open(f);
        CLEANUP(buf_deinit) struct buf rest = {0};
        CLEANUP(reply_deinit) struct reply r;

        client_send(fd, "POST /echo HTTP/1.1\r\n" HOST);
        client_send(fd, cases[i].body);
        client_read_reply(fd, &rest, false, &r);
        assert_int_equal(r.status, cases[i].status);
        assert_non_null(strstr(r.body.data, r.status == 413 ? "server.max_body" : "0123456789"));
    }
}

static void a_client_that_goes_on_sending_hears_the_413(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0}, body = {0};
    CLEANUP(reply_deinit) struct reply r;
    char byte;

    while (body.len < 30u << 20)
        buf_append_str(&body, "0123456789abcdef");
    client_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 31457280\r\n\r\n");
    assert_int_equal(fd_write_all(fd, body.data, body.len), 0);
    client_read_reply(fd, &rest, false, &r);
    assert_int_equal(r.status, 413);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void chunked_bodies_arrive_whole(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r, next;

    client_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                    "4;ext=1\r\nabcd\r\n1\r\ne\r\n0\r\nTrailer: x\r\n\r\n");
    client_read_reply(fd, &rest, false, &r);
    assert_string_equal(r.body.data, "abcde");
    client_request(fd, "GET", "/echo", "");
    client_read_reply(fd, &rest, false, &next);
    assert_int_equal(next.status, 200);
}

static void continues_a_client_that_expects_it(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf got = {0};

    client_send(fd,
                "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    client_read_until(fd, &got, "100 Continue\r\n\r\n");
    client_send(fd, "body");
    client_read_until(fd, &got, "\r\n\r\nbody");
}

static void a_large_reply_arrives_whole(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r;

    client_request(fd, "GET", "/large", "");
    client_read_reply(fd, &rest, false, &r);
    assert_int_equal(r.body.len, 8 << 20);
    for (size_t i = 0; i < r.body.len; i += 16)
        assert_memory_equal(r.body.data + i, "0123456789abcde\n", 16);
}

static void a_handler_that_forgets_to_reply_is_500(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);

    assert_int_equal(client_status(f, "GET /nothing HTTP/1.1\r\n" HOST "\r\n"), 500);
}

static void what_is_no_http_is_400(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);

    assert_int_equal(client_status(f, "BAD\x01 / HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(client_status(f, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400);
    assert_int_equal(client_status(f, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n"),
                     400);
    assert_int_equal(client_status(f, "GET /echo HTTP/1.1\r\n" HOST "Expect: tea\r\n"
                                      "Content-Length: 1\r\n\r\n"),
                     417);
}

static void upgrade_to_http2_is_not_offered(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);

    assert_int_equal(client_status(f, "GET /echo HTTP/1.1\r\n" HOST
                                      "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                      "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"),
                     200);
}

static void the_client_of_a_parked_request_is_missed_at_once(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);

    for (unsigned way = 0; way < 3; way++) {
        CLEANUP(fd_closep) int fd = client_open(f);

        client_request(fd, "GET", "/park", "");
        http_wait(f, &f->n_held, way + 1);
        uint64_t begin_ms = clock_mono_ms();
        if (way == 0)
            fd_closep(&fd);
        else if (way == 1)
            client_reset(TAKE_FD(fd));
        else
            shutdown(fd, SHUT_WR);
        http_wait(f, &f->n_gone, way + 1);
        assert_true(clock_mono_ms() - begin_ms < 1000);
    }
}

static void a_reply_to_nobody_does_nothing(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    int fd = client_open(f);

    client_request(fd, "GET", "/park", "");
    http_wait(f, &f->n_held, 1);
    http_unwatch_held(f);
    close(fd);
    http_wait_open_requests(f, 0);
    http_held_reply(f, "nobody hears this");
    assert_int_equal(f->n_gone, 0);
}

static void a_slow_head_ends_at_the_request_timeout(void **state)
{
    struct http_fixture *f = *state;
    f->config.request_timeout_ms = 200;
    http_fixture_start(f);
    int slow_head = client_open(f), slow_body = client_open(f), idle = client_open(f);

    client_send(slow_head, "GET /echo HTTP/1.1\r\nHost: loc");
    client_send(slow_body, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe");
    client_expect_closed(slow_head);
    client_expect_closed(slow_body);
    client_expect_closed(idle);
}

static void a_parked_request_outlives_the_request_timeout(void **state)
{
    struct http_fixture *f = *state;
    f->config.request_timeout_ms = 50;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    int idle = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r;

    client_request(fd, "GET", "/park", "");
    http_wait(f, &f->n_held, 1);
    client_expect_closed(idle);
    http_held_reply(f, "late");
    client_read_reply(fd, &rest, false, &r);
    assert_string_equal(r.body.data, "late");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(replies_with_what_was_posted),
        HTTP_TEST(serves_many_requests_on_one_connection),
        HTTP_TEST(answers_pipelined_requests_in_order),
        HTTP_TEST(a_pipelined_request_waits_for_a_parked_one),
        HTTP_TEST(head_is_get_without_the_body),
        HTTP_TEST(a_handler_of_all_methods_sees_head),
        HTTP_TEST(unknown_paths_are_404_in_json),
        HTTP_TEST(paths_are_compared_normalised),
        HTTP_TEST(other_methods_are_405_with_allow),
        HTTP_TEST(a_body_over_the_limit_is_413_in_json),
        HTTP_TEST(a_client_that_goes_on_sending_hears_the_413),
        HTTP_TEST(chunked_bodies_arrive_whole),
        HTTP_TEST(continues_a_client_that_expects_it),
        HTTP_TEST(a_large_reply_arrives_whole),
        HTTP_TEST(a_handler_that_forgets_to_reply_is_500),
        HTTP_TEST(what_is_no_http_is_400),
        HTTP_TEST(upgrade_to_http2_is_not_offered),
        HTTP_TEST(the_client_of_a_parked_request_is_missed_at_once),
        HTTP_TEST(a_reply_to_nobody_does_nothing),
        HTTP_TEST(a_slow_head_ends_at_the_request_timeout),
        HTTP_TEST(a_parked_request_outlives_the_request_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
