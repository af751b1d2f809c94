/* Whole replies: from the socket to a handler and back. */
#include "state/base/fd.h"
#include "tests/unit/http_fixture.h"

static void replies_with_what_was_posted(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r;

    client_send(
        fd, "POST /echo?a=1&b=%20 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    client_read_reply(fd, &rest, false, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body.data, "hello");
    CLEANUP(free_p) char *query = reply_header(&r, "x-query");
    assert_string_equal(query, "a=1&b=%20");
    CLEANUP(free_p) char *server = reply_header(&r, "server");
    assert_null(server);
}

static void tells_when_the_client_of_a_parked_request_goes(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    int fd = client_open(f);

    client_request(fd, "GET", "/park", "");
    http_wait(f, &f->n_held, 1);
    close(fd);
    http_wait(f, &f->n_gone, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replies_with_what_was_posted, http_fixture_set_up,
                                        http_fixture_tear_down),
        cmocka_unit_test_setup_teardown(tells_when_the_client_of_a_parked_request_goes,
                                        http_fixture_set_up, http_fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
