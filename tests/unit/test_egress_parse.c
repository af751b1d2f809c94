/* What the network proxy makes of requests: HTTP heads and bodies, SOCKS. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/egress/http_body.h"
#include "exec/egress/socks.h"
#include "tests/unit/random.h"

#define V "HTTP/1.1\r\n"

static const struct {
    const char *text;
    enum http_head_outcome outcome;
    const char *host; /* OK: what follows, else nothing */
    unsigned port;
    const char *upstream; /* NULL: CONNECT */
} requests[] = {
    {"CONNECT a.example:443 " V "Host: other:1\r\n\r\n", HTTP_HEAD_OK, "a.example", 443, NULL},
    {"CONNECT [::1]:443 " V "\r\n", HTTP_HEAD_OK, "::1", 443, NULL},
    {"CONNECT A.example.:443 " V "\r\n", HTTP_HEAD_OK, "a.example", 443, NULL},
    {"CONNECT a:443 HTTP/1.0\r\nContent-Length: 0\r\n\r\n", HTTP_HEAD_OK, "a", 443, NULL},
    {"GET http://a.example/x?y=1 " V "Host: evil\r\nAccept: */*\r\n\r\n", HTTP_HEAD_OK, "a.example",
     80, "GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nConnection: close\r\n\r\n"},
    {"GET HTTP://a.example " V "\r\n", HTTP_HEAD_OK, "a.example", 80,
     "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"},
    {"GET http://a.example:8080?q HTTP/1.0\r\n\r\n", HTTP_HEAD_OK, "a.example", 8080,
     "GET /?q HTTP/1.0\r\nHost: a.example:8080\r\nConnection: close\r\n\r\n"},
    {"GET http://[fd00::1]/ " V "\r\n", HTTP_HEAD_OK, "fd00::1", 80,
     "GET / HTTP/1.1\r\nHost: [fd00::1]\r\nConnection: close\r\n\r\n"},
    /* hop by hop, and named as such; never what says where the body ends */
    {"POST http://a/ " V "Connection: X-Mine, content-length , close\r\nX-Mine: 1\r\n"
     "Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\nUpgrade: h2c\r\n"
     "Proxy-Authorization: Basic eDp5\r\nContent-Length: 3\r\nX-Other: 2\r\n\r\n",
     HTTP_HEAD_OK, "a", 80,
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Other: 2\r\n"
     "Connection: close\r\n\r\n"},
    {"PUT http://a/ " V "Transfer-Encoding: Chunked\r\n\r\n", HTTP_HEAD_OK, "a", 80,
     "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n"},
    /* for a server */
    {"GET / " V "Host: a\r\n\r\n", HTTP_HEAD_NOT_PROXY, NULL, 0, NULL},
    {"OPTIONS * " V "Host: a\r\n\r\n", HTTP_HEAD_NOT_PROXY, NULL, 0, NULL},
    {"GET https://a/ " V "\r\n", HTTP_HEAD_SCHEME, NULL, 0, NULL},
    {"GET ftp://a/ " V "\r\n", HTTP_HEAD_SCHEME, NULL, 0, NULL},
    /* of two meanings */
    {"POST http://a/ " V "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", HTTP_HEAD_BAD, NULL, 0,
     NULL},
    {"POST http://a/ " V "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_HEAD_BAD,
     NULL, 0, NULL},
    {"POST http://a/ " V "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"POST http://a/ " V "Content-Length: +3\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"POST http://a/ " V "Content-Length: 3 3\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"POST http://a/ " V "Content-Length: 9999999999999999999\r\n\r\n", HTTP_HEAD_BAD, NULL, 0,
     NULL},
    {"POST http://a/ " V "Content-Length : 3\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a/ " V "X: 1\r\n 2\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a/ " V "X: 1\n\r\nY: 2\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a/ " V "X: 1\rY: 2\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a/ " V "X\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a/ HTTP/2.0\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET  http://a/ " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a/x y " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://user@a/ " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a/#f " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http:///x " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a:/ " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a:0/ " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET http://a:80-90/ " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"GET a " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"CONNECT a " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"CONNECT ::1:443 " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"CONNECT a:65536 " V "\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"CONNECT a:443 " V "Content-Length: 1\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"CONNECT a:443 " V "Transfer-Encoding: chunked\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
    {"\r\n\r\n", HTTP_HEAD_BAD, NULL, 0, NULL},
};

static void requests_are_understood_or_refused(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        CLEANUP(http_head_deinit) struct http_head h;
        size_t len = strlen(requests[i].text);
        assert_int_equal(http_head_len(requests[i].text, len), len);
        assert_int_equal(http_head_len(requests[i].text, len - 1), 0);
        if (http_head_parse(requests[i].text, len, &h) != requests[i].outcome)
            fail_msg("%s", requests[i].text);
        if (requests[i].outcome != HTTP_HEAD_OK)
            continue;
        assert_string_equal(h.host, requests[i].host);
        assert_int_equal(h.port, requests[i].port);
        assert_int_equal(h.is_connect, requests[i].upstream == NULL);
        assert_string_equal(h.upstream.len > 0 ? h.upstream.data : "",
                            requests[i].upstream ? requests[i].upstream : "");
    }
}

static void too_many_headers_are_refused(void **state)
{
    for (int n = HTTP_HEADERS_MAX; n <= HTTP_HEADERS_MAX + 1; n++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        CLEANUP(http_head_deinit) struct http_head h;
        buf_append_str(&b, "GET http://a/ " V);
        for (int i = 0; i < n; i++)
            buf_printf(&b, "X%d: 1\r\n", i);
        buf_append_str(&b, "\r\n");
        assert_int_equal(http_head_parse(b.data, b.len, &h),
                         n == HTTP_HEADERS_MAX ? HTTP_HEAD_OK : HTTP_HEAD_BAD);
    }
}

/* ---- bodies ---- */

/* How much of it is the body, taken in pieces; -1: it can't be told. */
static long take(enum http_framing framing, uint64_t length, const char *text, size_t piece,
                 bool *ret_is_done)
{
    struct http_body b;
    size_t len = strlen(text), at = 0, n = 0;

    http_body_init(&b, framing, length);
    while (at < len && !b.is_done) {
        size_t part = len - at < piece ? len - at : piece;
        if (http_body_take(&b, text + at, part, &n) < 0)
            return -1;
        at += n;
        if (n < part)
            break;
    }
    *ret_is_done = b.is_done;
    return (long)at;
}

static void bodies_end_where_they_say(void **state)
{
    static const struct {
        enum http_framing framing;
        uint64_t length;
        const char *text;
        long taken; /* -1: refused */
        bool is_done;
    } cases[] = {
        {HTTP_NO_BODY, 0, "GET", 0, true},
        {HTTP_LENGTH, 0, "GET", 0, true},
        {HTTP_LENGTH, 3, "abcGET", 3, true},
        {HTTP_LENGTH, 5, "abc", 3, false},
        {HTTP_CHUNKED, 0, "0\r\n\r\nGET", 5, true},
        {HTTP_CHUNKED, 0, "3\r\nabc\r\n0\r\n\r\nGET", 13, true},
        {HTTP_CHUNKED, 0, "A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n", 26, true},
        {HTTP_CHUNKED, 0, "1\r\na\r\n0\r\nX: y\r\nZ: 1\r\n\r\nGET", 23, true},
        {HTTP_CHUNKED, 0, "3\r\nab", 5, false},
        {HTTP_CHUNKED, 0, "000\r\n\r\n", 7, true},
        {HTTP_CHUNKED, 0, "\r\n", -1, false},
        {HTTP_CHUNKED, 0, "x\r\n", -1, false},
        {HTTP_CHUNKED, 0, "-1\r\n", -1, false},
        {HTTP_CHUNKED, 0, "3\nabc", -1, false},
        {HTTP_CHUNKED, 0, "3\r\nabcd\r\n", -1, false},
        {HTTP_CHUNKED, 0, "3\r\nabc\n", -1, false},
        {HTTP_CHUNKED, 0, "3;x\nabc", -1, false},
        {HTTP_CHUNKED, 0, "3 \r\nabc", -1, false},
        {HTTP_CHUNKED, 0, "0\r\n\rX", -1, false},
        {HTTP_CHUNKED, 0, "0\r\nX: y\n\r\n", -1, false},
        {HTTP_CHUNKED, 0, "1000000000000000\r\n", -1, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 30; piece++) {
            bool is_done = false;
            long taken = take(cases[i].framing, cases[i].length, cases[i].text, piece, &is_done);
            if (taken != cases[i].taken || is_done != cases[i].is_done)
                fail_msg("case %zu in pieces of %zu: %ld", i, piece, taken);
        }
}

/* Random bodies come out whole, whatever the pieces. */
static void random_bodies_are_taken_whole(void **state)
{
    struct random r = {.state = 5};

    for (int round = 0; round < 300; round++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        size_t n = random_below(&r, 6);
        for (size_t i = 0; i < n; i++) {
            size_t len = 1 + random_below(&r, 400);
            buf_printf(&b, random_below(&r, 2) ? "%zx\r\n" : "%zX;ext\r\n", len);
            for (size_t k = 0; k < len; k++)
                buf_append_char(&b, "0a\r\n;"[random_below(&r, 4)]);
            buf_append_str(&b, "\r\n");
        }
        buf_append_str(&b, random_below(&r, 2) ? "0\r\n\r\n" : "0\r\nA: b\r\n\r\n");
        size_t body = b.len;
        buf_append_str(&b, "GET http://smuggled/ " V "\r\n");
        bool is_done = false;
        assert_int_equal(take(HTTP_CHUNKED, 0, b.data, 1 + random_below(&r, 100), &is_done),
                         (long)body);
        assert_true(is_done);
    }
}

/* ---- SOCKS ---- */

static void socks_messages_may_come_byte_by_byte(void **state)
{
    static const char greeting[] = "\5\2\0\2", password[] = "\1\4user\3pwd",
                      name[] = "\5\1\0\3\11a.Example\1\273", v4[] = "\5\1\0\1\12\0\0\1\0\120",
                      v6[] = "\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\120";
    enum socks_method method;
    const char *pwd;
    size_t used = 0, len;
    struct socks_request r;

    for (size_t n = 0; n < sizeof(greeting) - 1; n++)
        assert_int_equal(socks_greeting(greeting, n, SOCKS_PASSWORD, &used, &method), SOCKS_MORE);
    assert_int_equal(socks_greeting(greeting, sizeof(greeting) - 1, SOCKS_PASSWORD, &used, &method),
                     SOCKS_OK);
    assert_int_equal(used, 4);
    assert_int_equal(method, SOCKS_PASSWORD);
    assert_int_equal(socks_greeting("\5\1\1", 3, SOCKS_PASSWORD, &used, &method), SOCKS_OK);
    assert_int_equal(method, SOCKS_NO_METHOD);
    assert_int_equal(socks_greeting("\4\1", 2, SOCKS_PASSWORD, &used, &method), SOCKS_BAD);
    for (size_t n = 0; n < sizeof(password) - 1; n++)
        assert_int_equal(socks_password(password, n, &used, &pwd, &len), SOCKS_MORE);
    assert_int_equal(socks_password(password, sizeof(password) - 1, &used, &pwd, &len), SOCKS_OK);
    assert_true(used == 10 && len == 3 && memcmp(pwd, "pwd", 3) == 0);
    for (size_t n = 0; n < sizeof(name) - 1; n++)
        assert_int_equal(socks_request(name, n, &used, &r), SOCKS_MORE);
    assert_int_equal(socks_request(name, sizeof(name) - 1, &used, &r), SOCKS_OK);
    assert_int_equal(used, sizeof(name) - 1);
    assert_string_equal(r.host, "a.example");
    assert_int_equal(r.port, 443);
    assert_int_equal(socks_request(v4, sizeof(v4) - 1, &used, &r), SOCKS_OK);
    assert_string_equal(r.host, "10.0.0.1");
    assert_int_equal(r.kind, HOST_LITERAL);
    assert_int_equal(socks_request(v6, sizeof(v6) - 1, &used, &r), SOCKS_OK);
    assert_string_equal(r.host, "::1");
}

static void other_socks_requests_are_answered(void **state)
{
    size_t used;
    struct socks_request r;

    assert_int_equal(socks_request("\5\2\0\1\0", 5, &used, &r), SOCKS_OK); /* BIND */
    assert_int_equal(r.refusal, SOCKS_NO_COMMAND);
    assert_int_equal(socks_request("\5\1\0\2\0", 5, &used, &r), SOCKS_OK);
    assert_int_equal(r.refusal, SOCKS_NO_ADDRESS_TYPE);
    assert_int_equal(socks_request("\5\1\0\3\3a b\0\120", 10, &used, &r), SOCKS_OK);
    assert_int_equal(r.kind, HOST_BAD);
    assert_int_equal(socks_request("\5\1\0\3\1a\0\0", 8, &used, &r), SOCKS_BAD); /* port 0 */
    assert_int_equal(socks_request("\5\1\1\3\1a\0\120", 8, &used, &r), SOCKS_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_understood_or_refused),
        cmocka_unit_test(too_many_headers_are_refused),
        cmocka_unit_test(bodies_end_where_they_say),
        cmocka_unit_test(random_bodies_are_taken_whole),
        cmocka_unit_test(socks_messages_may_come_byte_by_byte),
        cmocka_unit_test(other_socks_requests_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
