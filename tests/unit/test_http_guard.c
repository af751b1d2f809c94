/* Who may ask: Host, Origin, CORS, tokens, and heads that have one meaning only. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "server/http/authority.h"
#include "state/base/fd.h"
#include "tests/unit/http_fixture.h"

static char *lines(const char *fmt, ...) PRINTF_LIKE(1, 2);
static char *lines(const char *fmt, ...)
{
    struct buf b = {0};
    char text[1024];
    va_list args;

    va_start(args, fmt);
    assert_true(vsnprintf(text, sizeof text, fmt, args) < (int)sizeof text);
    va_end(args);
    buf_append_str(&b, text);
    return buf_steal(&b);
}

static int status_with(struct http_fixture *f, const char *host, const char *origin)
{
    CLEANUP(free_p) char *origin_line = origin ? lines("Origin: %s\r\n", origin) : lines("%s", "");
    CLEANUP(free_p)
    char *request = lines("GET /echo HTTP/1.1\r\nHost: %s\r\n%s\r\n", host, origin_line);

    return client_status(f, request);
}

static void hosts_of_this_machine_are_served(void **state)
{
    struct http_fixture *f = *state;
    const char *allowed[] = {"mcp.example.com", "fixed.example.com:8443", NULL};
    f->config.allowed_hosts = (struct config_strings){.v = (char **)allowed, .n = 2};
    http_fixture_start(f);
    static const char *const good[] = {"localhost",  "localhost:1234",        "LOCALHOST",
                                       "127.0.0.1",  "127.0.0.1:8080",        "[::1]",
                                       "[::1]:99",   "mcp.example.com",       "MCP.example.com:1",
                                       "localhost:", "fixed.example.com:8443"};
    static const char *const bad[] = {"evil.example.com",
                                      "localhost.evil.com",
                                      "localhost@evil",
                                      "fixed.example.com",
                                      "192.0.2.1",
                                      "mcp.example.com.",
                                      "localhost:99999",
                                      "::1",
                                      "[::1",
                                      "localhost:80:80",
                                      "xmcp.example.com",
                                      "127.0.0.2",
                                      "localhost/",
                                      "fixed.example.com:8444"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(status_with(f, good[i], NULL), 200);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(status_with(f, bad[i], NULL), 403);
}

static void the_address_a_connection_came_to_is_a_host(void **state)
{
    struct http_fixture *f = *state;
    f->config.host = (char *)"0.0.0.0";
    http_fixture_start(f);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(http_port(f->http))};
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply good, bad;

    assert_int_equal(inet_pton(AF_INET, "127.8.9.10", &a.sin_addr), 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    client_send(fd, "GET /echo HTTP/1.1\r\nHost: 127.8.9.10:1\r\n\r\n"
                    "GET /echo HTTP/1.1\r\nHost: 127.8.9.11:1\r\n\r\n");
    client_read_reply(fd, &rest, false, &good);
    assert_int_equal(good.status, 200);
    client_read_reply(fd, &rest, false, &bad);
    assert_int_equal(bad.status, 403);
    assert_non_null(strstr(bad.body.data, "server.allowed_hosts"));
    close(fd);
}

static void origins_are_compared_exactly(void **state)
{
    struct http_fixture *f = *state;
    const char *allowed[] = {"https://app.example.com", "http://other.example.com:81",
                             "vscode-webview://editor", NULL};
    f->config.allowed_origins = (struct config_strings){.v = (char **)allowed, .n = 3};
    http_fixture_start(f);
    static const char *const good[] = {
        "http://localhost",        "https://localhost:6274",      "http://127.0.0.1:1",
        "http://[::1]:5173",       "https://app.example.com",     "https://app.example.com:443",
        "HTTPS://App.Example.com", "http://other.example.com:81", "vscode-webview://editor"};
    static const char *const bad[] = {"null",
                                      "http://evil.example.com",
                                      "http://app.example.com",
                                      "https://app.example.com:444",
                                      "https://app.example.com.evil.com",
                                      "https://app.example.com/",
                                      "http://other.example.com",
                                      "http://localhost.evil.com",
                                      "http://localhost@evil.com",
                                      "file://localhost",
                                      "localhost",
                                      "http://",
                                      "http://127.0.0.2",
                                      "http://localhost http://evil.com",
                                      "vscode-webview://other"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(status_with(f, "localhost", good[i]), 200);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(status_with(f, "localhost", bad[i]), 403);
    assert_int_equal(client_status(f, "POST /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n"
                                      "Content-Length: 0\r\n\r\n"),
                     403);
    assert_int_equal(client_status(f,
                                   "GET /echo HTTP/1.1\r\nHost: localhost\r\n"
                                   "Origin: http://localhost\r\nOrigin: http://evil.com\r\n\r\n"),
                     403);
}

static void the_servers_own_origin_is_served(void **state)
{
    struct http_fixture *f = *state;
    f->config.host = (char *)"127.0.0.5";
    http_fixture_start(f);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(http_port(f->http))};
    static const struct {
        const char *scheme;
        int offset, status;
    } cases[] = {{"http", 0, 200}, {"http", 1, 403}, {"https", 0, 403}};

    assert_int_equal(inet_pton(AF_INET, "127.0.0.5", &a.sin_addr), 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CLEANUP(buf_deinit) struct buf rest = {0};
        CLEANUP(reply_deinit) struct reply r;
        CLEANUP(free_p)
        char *request =
            lines("GET /echo HTTP/1.1\r\nHost: 127.0.0.5:%d\r\n"
                  "Origin: %s://127.0.0.5:%d\r\n\r\n",
                  http_port(f->http), cases[i].scheme, http_port(f->http) + cases[i].offset);

        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
        client_send(fd, request);
        client_read_reply(fd, &rest, false, &r);
        assert_int_equal(r.status, cases[i].status);
    }
}

static void expect_header(const struct reply *r, const char *name, const char *value)
{
    CLEANUP(free_p) char *is = reply_header(r, name);

    assert_non_null(is);
    assert_string_equal(is, value);
}

static void a_preflight_is_answered_without_a_token(void **state)
{
    struct http_fixture *f = *state;
    f->token = (char *)"Bearer t";
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r, mcp;

    client_request(fd, "OPTIONS", "/echo",
                   "Origin: http://localhost:6274\r\nAccess-Control-Request-Method: POST\r\n");
    client_read_reply(fd, &rest, false, &r);
    assert_int_equal(r.status, 204);
    expect_header(&r, "access-control-allow-origin", "http://localhost:6274");
    expect_header(&r, "access-control-allow-methods", "POST, GET");
    expect_header(&r, "vary", "Origin");
    CLEANUP(free_p) char *length = reply_header(&r, "content-length");
    assert_null(length);
    client_request(fd, "OPTIONS", "/any",
                   "Origin: http://localhost:6274\r\nAccess-Control-Request-Method: DELETE\r\n"
                   "Access-Control-Request-Headers: mcp-param-region,x-evil, mcp-param-a:b\r\n");
    client_read_reply(fd, &rest, false, &mcp);
    expect_header(&mcp, "access-control-allow-methods", "POST, GET, DELETE");
    expect_header(&mcp, "access-control-allow-headers",
                  "Content-Type, Accept, Authorization, Mcp-Session-Id, MCP-Protocol-Version, "
                  "Mcp-Method, Mcp-Name, Last-Event-ID, mcp-param-region");
}

static void replies_to_an_allowed_origin_may_be_read(void **state)
{
    struct http_fixture *f = *state;
    f->token = (char *)"Bearer t";
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply ok, refused, plain;

    client_request(fd, "GET", "/echo", "Origin: http://localhost\r\nAuthorization: Bearer t\r\n");
    client_read_reply(fd, &rest, false, &ok);
    expect_header(&ok, "access-control-allow-origin", "http://localhost");
    expect_header(&ok, "access-control-expose-headers", "Mcp-Session-Id, WWW-Authenticate");
    client_request(fd, "GET", "/echo", "Origin: http://localhost\r\n");
    client_read_reply(fd, &rest, false, &refused);
    assert_int_equal(refused.status, 401);
    expect_header(&refused, "access-control-allow-origin", "http://localhost");
    client_request(fd, "GET", "/echo", "Authorization: Bearer t\r\n");
    client_read_reply(fd, &rest, false, &plain);
    CLEANUP(free_p) char *none = reply_header(&plain, "access-control-allow-origin");
    assert_null(none);
}

static void a_plain_options_is_a_method_like_others(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);

    assert_int_equal(client_status(f, "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    assert_int_equal(client_status(f, "OPTIONS /any HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
}

static void a_token_is_asked_for_except_on_public_routes(void **state)
{
    struct http_fixture *f = *state;
    f->token = (char *)"Bearer t";
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply refused, wrong, good, open;

    client_request(fd, "GET", "/echo", "");
    client_read_reply(fd, &rest, false, &refused);
    assert_int_equal(refused.status, 401);
    expect_header(&refused, "www-authenticate", "Bearer realm=\"test\"");
    assert_non_null(strstr(refused.body.data, "{\"error\":"));
    client_request(fd, "GET", "/echo", "Authorization: Bearer tt\r\n");
    client_read_reply(fd, &rest, false, &wrong);
    assert_int_equal(wrong.status, 401);
    client_request(fd, "GET", "/echo", "Authorization: \t Bearer t \r\n");
    client_read_reply(fd, &rest, false, &good);
    assert_int_equal(good.status, 200);
    expect_header(&good, "x-who", "somebody");
    client_request(fd, "GET", "/open", "");
    client_read_reply(fd, &rest, false, &open);
    assert_int_equal(open.status, 200);
    expect_header(&open, "x-who", "anonymous");
}

static void a_large_head_is_431(void **state)
{
    struct http_fixture *f = *state;
    f->config.max_header_bytes = 1000;
    http_fixture_start(f);
    CLEANUP(buf_deinit) struct buf more = {0};

    for (int i = 0; i < 10; i++)
        buf_append_str(&more, "X-Filler: 0123456789012345678901234567890123456789\r\n");
    for (int i = 0; i < 2; i++) {
        CLEANUP(buf_deinit) struct buf request = {0};

        buf_printf(&request, "GET /echo HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", more.data,
                   i ? more.data : "");
        assert_int_equal(client_status(f, request.data), i ? 431 : 200);
    }
}

static void an_ambiguous_head_is_400_and_ends_the_connection(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    static const char *const heads[] = {
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: "
        "2\r\n\r\nab",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\ncontent-length: "
        "2\r\n\r\nab",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n  folded\r\n\r\n",
        "GET /echo HTTP/1.1\nHost: localhost\n\n",
        "GET /echo HTTP/1.1\r\nHost: localhost\r\nX-A: 1\n\r\n",
        "GET /echo HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: localhost\r\nX-A: a\rb\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        CLEANUP(fd_closep) int fd = client_open(f);
        CLEANUP(buf_deinit) struct buf got = {0};

        client_send(fd, heads[i]);
        client_send(fd, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client_read_all(fd, &got);
        assert_memory_equal(got.data, "HTTP/1.1 400 ", 13);
        assert_null(strstr(got.data + 1, "HTTP/1.1"));
    }
}

static void bytes_that_no_header_may_have_are_refused(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    static const char head[] = "GET /echo HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n";
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf got = {0};

    assert_int_equal(send(fd, head, sizeof head - 1, MSG_NOSIGNAL), sizeof head - 1);
    client_read_all(fd, &got);
    assert_memory_equal(got.data, "HTTP/1.1 400 ", 13);
}

static void http_1_0_needs_no_host(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);

    assert_int_equal(client_status(f, "GET /echo HTTP/1.0\r\n\r\n"), 200);
    assert_int_equal(client_status(f, "GET /echo HTTP/1.0\r\nHost: evil.com\r\n\r\n"), 403);
    assert_int_equal(client_status(f, "\r\nGET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
}

static void addresses_are_compared_by_value(void **state)
{
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6}, v6 = {.sin6_family = AF_INET6};
    struct authority a;

    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr), 1);
    assert_true(authority_parse("192.0.2.7:80", &a));
    assert_true(authority_is_address(&a, (struct sockaddr *)&mapped));
    assert_false(authority_is_address(&a, (struct sockaddr *)&v6));
    assert_true(authority_parse("[2001:DB8:0:0::1]", &a));
    assert_true(authority_is_address(&a, (struct sockaddr *)&v6));
    assert_true(authority_is_host(&a, "[2001:db8:0:0::1]"));
    assert_false(authority_is_address(&a, (struct sockaddr *)&mapped));
    assert_true(authority_parse("[::1]", &a));
    assert_true(authority_is_loopback(&a));
    assert_false(authority_parse("a b", &a));
    assert_false(authority_parse("", &a));
    assert_false(authority_parse("h:123456", &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(hosts_of_this_machine_are_served),
        HTTP_TEST(the_address_a_connection_came_to_is_a_host),
        HTTP_TEST(origins_are_compared_exactly),
        HTTP_TEST(the_servers_own_origin_is_served),
        HTTP_TEST(a_preflight_is_answered_without_a_token),
        HTTP_TEST(replies_to_an_allowed_origin_may_be_read),
        HTTP_TEST(a_plain_options_is_a_method_like_others),
        HTTP_TEST(a_token_is_asked_for_except_on_public_routes),
        HTTP_TEST(a_large_head_is_431),
        HTTP_TEST(an_ambiguous_head_is_400_and_ends_the_connection),
        HTTP_TEST(bytes_that_no_header_may_have_are_refused),
        HTTP_TEST(http_1_0_needs_no_host),
        cmocka_unit_test(addresses_are_compared_by_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
