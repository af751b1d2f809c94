/* The network proxy at work, between clients and servers of this machine: what is let through, what
 * is refused and told, and what clients that are slow, huge or hostile get. The listener is a plain
 * one here; that it comes out of a sandbox makes no difference to it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/egress/egress.h"
#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "tests/unit/temp_dir.h"

#define WAIT_MS 20000
#define ID      "t-aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SECRET  "s3cret"
#define BASIC   "Proxy-Authorization: Basic eDpzM2NyZXQ=\r\n" /* x:s3cret */

struct fixture {
    char *dir; /* owned */
    struct egress_options options;
    struct egress *egress;
    struct sockaddr_in proxy; /* where its listener is */
    int server_fd;            /* owned: an upstream server, of the test's own thread */
    unsigned server_port;
    pthread_mutex_t lock;
    struct buf notes; /* guarded by lock; all of them */
    unsigned n_notes; /* guarded by lock */
};

/* ---- the ends ---- */

static int listen_on(struct sockaddr_in *ret)
{
    socklen_t len = sizeof(*ret);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
    return fd;
}

static void set_bound(int fd)
{
    const struct timeval bound = {.tv_sec = WAIT_MS / 1000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound)), 0);
}

static int client_open(const struct fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    set_bound(fd);
    assert_int_equal(connect(fd, (const struct sockaddr *)&f->proxy, sizeof(f->proxy)), 0);
    return fd;
}

/* The next connection to the upstream server. */
static int server_accept(const struct fixture *f)
{
    struct pollfd p = {.fd = f->server_fd, .events = POLLIN};

    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    int fd = accept4(f->server_fd, NULL, NULL, SOCK_CLOEXEC);
    set_bound(fd);
    return fd;
}

static bool server_is_left_alone(const struct fixture *f)
{
    struct pollfd p = {.fd = f->server_fd, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

static void put(int fd, const char *text)
{
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

/* Until the text ends so; all there is at the end if `until` is NULL. The caller's. */
static char *get(int fd, const char *until)
{
    struct buf b = {0};
    char chunk[4096];

    buf_append_str(&b, "");
    while (!until || !b.data || !strstr(b.data, until)) {
        ssize_t n = read(fd, chunk, until ? 1 : sizeof(chunk));
        if (n < 0)
            fail_msg("read: %s, after \"%s\"", strerror(errno), b.data ? b.data : "");
        if (n == 0 && until)
            fail_msg("the end came instead of \"%s\", after \"%s\"", until, b.data ? b.data : "");
        if (n == 0)
            break;
        buf_append(&b, chunk, (size_t)n);
    }
    return buf_steal(&b);
}

static void expect(int fd, const char *until, const char *part)
{
    CLEANUP(free_p) char *text = get(fd, until);
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text ? text : "");
}

/* ---- the proxy ---- */

static void on_note(void *arg, const char *id, const char *note)
{
    struct fixture *f = arg;

    pthread_mutex_lock(&f->lock);
    if (strcmp(id, ID) == 0) {
        buf_printf(&f->notes, "%s\n", note);
        f->n_notes++;
    }
    pthread_mutex_unlock(&f->lock);
}

static void assert_note(struct fixture *f, unsigned n, const char *part)
{
    pthread_mutex_lock(&f->lock);
    unsigned n_notes = f->n_notes;
    bool has = f->notes.data && strstr(f->notes.data, part);
    CLEANUP(free_p) char *all = xstrdup(f->notes.data ? f->notes.data : "");
    pthread_mutex_unlock(&f->lock);
    if (n_notes != n || !has)
        fail_msg("%u notes: %s", n_notes, all);
}

#define S(text) ((char *)(text))

static void write_hosts(const struct fixture *f)
{
    static const char text[] = "127.0.0.1 allowed.test rebound.test denied.test\n"
                               "10.99.0.1 private.test\n"
                               "192.0.2.7 documentation.test\n";
    assert_int_equal(file_replace(f->dir, "hosts", text, sizeof(text) - 1), 0);
}

/* Ports are those of the test's server; loopback is granted when it says so. */
static void add_site(struct fixture *f, bool has_loopback)
{
    char port[8];
    snprintf(port, sizeof(port), "%u", f->server_port);
    char *none[] = {NULL}, *allowed[] = {S("*.test"), NULL}, *denied[] = {S("denied.test"), NULL},
         *ports[] = {port, S("9"), NULL}, *loopback[] = {S("127.0.0.0/8"), NULL};
    const struct spec_sandbox s = {
        .profile = S("default"),
        .allowed_domains = allowed,
        .denied_domains = denied,
        .allowed_ports = ports,
        .allowed_addresses = has_loopback ? loopback : none,
        .proxy_secret = S(SECRET),
    };
    int fd = listen_on(&f->proxy);
    egress_add(f->egress, ID, fd, egress_policy_new(&s));
}

static void start(struct fixture *f, bool has_loopback)
{
    assert_int_equal(egress_new(&f->options, &f->egress), 0);
    assert_int_equal(egress_start(f->egress), 0);
    add_site(f, has_loopback);
}

static int set_up_stopped(void **state)
{
    static char *nowhere[] = {S("127.0.0.1:9"), NULL}; /* a name that is in no file is not found */
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct sockaddr_in server;
    struct buf hosts = {0};

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(temp_dir_setup((void **)&f->dir), 0);
    write_hosts(f);
    buf_printf(&hosts, "%s/hosts", f->dir);
    f->server_fd = listen_on(&server);
    f->server_port = ntohs(server.sin_port);
    pthread_mutex_init(&f->lock, NULL);
    f->options = (struct egress_options){
        .max_connections = 100,
        .max_per_execution = 50,
        .max_header_bytes = 4096,
        .head_timeout_ms = WAIT_MS,
        .connect_timeout_ms = WAIT_MS,
        .idle_timeout_ms = WAIT_MS,
        .nameservers = nowhere,
        .hosts_file = buf_steal(&hosts),
        .on_note = on_note,
        .arg = f,
    };
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    (void)set_up_stopped(state);
    start(*state, true);
    return 0;
}

static int set_up_without_grant(void **state)
{
    (void)set_up_stopped(state);
    start(*state, false);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->egress)
        egress_stop(f->egress);
    egress_free(f->egress);
    fd_closep(&f->server_fd);
    free((char *)f->options.hosts_file);
    buf_deinit(&f->notes);
    int r = temp_dir_teardown((void **)&f->dir);
    free(f);
    return r;
}

static void put_connect(struct fixture *f, int fd, const char *host)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    buf_printf(&b, "CONNECT %s:%u HTTP/1.1\r\n" BASIC "\r\n", host, f->server_port);
    put(fd, b.data);
}

/* ---- what is let through ---- */

static void a_tunnel_carries_bytes_both_ways(void **state)
{
    struct fixture *f = *state;
    CLEANUP(fd_closep) int client = client_open(f);

    put_connect(f, client, "allowed.test");
    put(client, "early"); /* with the request, before it is answered */
    CLEANUP(fd_closep) int server = server_accept(f);
    expect(client, "\r\n\r\n", "HTTP/1.1 200 ");
    expect(server, "early", "early");
    put(server, "pong");
    expect(client, "pong", "pong");
    /* Half of it may end before the other. */
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    expect(server, NULL, "");
    put(server, "the rest");
    fd_closep(&server);
    expect(client, NULL, "the rest");
}

static void an_absolute_request_is_rewritten(void **state)
{
    struct fixture *f = *state;
    CLEANUP(fd_closep) int client = client_open(f);
    CLEANUP(buf_deinit) struct buf b = {0};

    buf_printf(&b,
               "POST http://allowed.test:%u/path?q HTTP/1.1\r\nHost: other.test\r\n" BASIC
               "Connection: keep-alive\r\nContent-Length: 4\r\n\r\nbodyGET http://denied.test/",
               f->server_port);
    put(client, b.data);
    CLEANUP(fd_closep) int server = server_accept(f);
    CLEANUP(free_p) char *request = get(server, "body");
    assert_ptr_equal(strstr(request, "POST /path?q HTTP/1.1\r\nHost: allowed.test:"), request);
    assert_non_null(strstr(request, "\r\nConnection: close\r\n"));
    assert_null(strstr(request, "Proxy-Authorization"));
    assert_null(strstr(request, "other.test"));
    put(server, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nanswer");
    assert_int_equal(shutdown(server, SHUT_WR), 0);
    expect(client, NULL, "answer");
    fd_closep(&client);
    expect(server, NULL, ""); /* and nothing of what came behind the body */
}

static void socks_reaches_the_same(void **state)
{
    struct fixture *f = *state;
    CLEANUP(fd_closep) int client = client_open(f);
    char answer[16], request[] = "\5\1\0\3\14allowed.test\0\0";

    request[sizeof(request) - 3] = (char)(f->server_port >> 8);
    request[sizeof(request) - 2] = (char)f->server_port;
    assert_int_equal(fd_write_all(client, "\5\2\0\2", 4), 0);
    assert_int_equal(recv(client, answer, 2, MSG_WAITALL), 2);
    assert_memory_equal(answer, "\5\2", 2);
    assert_int_equal(fd_write_all(client, "\1\1x\6" SECRET, 10), 0);
    assert_int_equal(recv(client, answer, 2, MSG_WAITALL), 2);
    assert_memory_equal(answer, "\1\0", 2);
    assert_int_equal(fd_write_all(client, request, sizeof(request) - 1), 0);
    CLEANUP(fd_closep) int server = server_accept(f);
    assert_int_equal(recv(client, answer, 10, MSG_WAITALL), 10);
    assert_memory_equal(answer, "\5\0\0\1", 4);
    put(client, "ping");
    expect(server, "ping", "ping");
}

/* ---- what is refused ---- */

static void refuse(struct fixture *f, const char *request, const char *status, const char *why)
{
    CLEANUP(fd_closep) int client = client_open(f);
    put(client, request);
    CLEANUP(free_p) char *reply = get(client, NULL);
    if (!reply || !strstr(reply, status) || !strstr(reply, why))
        fail_msg("%s\ngot: %s", request, reply ? reply : "");
    assert_true(server_is_left_alone(f));
}

static void a_refused_host_is_named_with_the_key(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++)
        refuse(f, "CONNECT www.example.org:443 HTTP/1.1\r\n" BASIC "\r\n", " 403 ",
               "www.example.org:443");
    /* Told once, whatever the number of tries. */
    assert_note(f, 1, "\"target\":\"www.example.org:443\"");
    assert_note(f, 1, "\"configuration_key\":\"sandbox.profiles.default.allowed_domains\"");
    refuse(f, "GET http://denied.test/ HTTP/1.1\r\n" BASIC "\r\n", " 403 ", "denied_domains");
    assert_note(f, 2, "denied_domains");
    refuse(f, "CONNECT allowed.test:22 HTTP/1.1\r\n" BASIC "\r\n", " 403 ", "allowed_ports");
    refuse(f, "CONNECT 127.1:9 HTTP/1.1\r\n" BASIC "\r\n", " 403 ", "not the name of a host");
    refuse(f, "CONNECT [::1]:9 HTTP/1.1\r\n" BASIC "\r\n", " 403 ", "allowed_addresses");
    refuse(f, "CONNECT 8.8.8.8:9 HTTP/1.1\r\n" BASIC "\r\n", " 403 ", "by number");
    assert_note(f, 6, "\"target\":\"[::1]:9\"");
}

/* A name that is allowed, and leads to where nobody may go. */
static void private_addresses_are_refused_whatever_their_name(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinit) struct buf b = {0};

    buf_printf(&b, "CONNECT rebound.test:%u HTTP/1.1\r\n" BASIC "\r\n", f->server_port);
    refuse(f, b.data, " 403 ", "allowed_addresses");
    refuse(f, "GET http://private.test:9/ HTTP/1.1\r\n" BASIC "\r\n", " 403 ", "only private ones");
    refuse(f, "CONNECT documentation.test:9 HTTP/1.1\r\n" BASIC "\r\n", " 403 ", "private");
    buf_deinit(&b);
    buf_printf(&b, "CONNECT 127.0.0.1:%u HTTP/1.1\r\n" BASIC "\r\n", f->server_port);
    refuse(f, b.data, " 403 ", "by number");
}

static void nobody_gets_in_without_the_password(void **state)
{
    static const char *const headers[] = {"",
                                          "Proxy-Authorization: Basic eDp3cm9uZyE=\r\n",
                                          "Proxy-Authorization: Basic eDpz\r\n",
                                          "Proxy-Authorization: Basic ====\r\n",
                                          "Proxy-Authorization: Bearer " SECRET "\r\n",
                                          "Authorization: Basic eDpzM2NyZXQ=\r\n"};
    struct fixture *f = *state;
    char answer[8];

    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        buf_printf(&b, "CONNECT allowed.test:%u HTTP/1.1\r\n%s\r\n", f->server_port, headers[i]);
        refuse(f, b.data, " 407 ", "Proxy-Authenticate: Basic");
    }
    CLEANUP(fd_closep) int no_password = client_open(f);
    assert_int_equal(fd_write_all(no_password, "\5\1\0", 3), 0);
    assert_int_equal(recv(no_password, answer, 2, MSG_WAITALL), 2);
    assert_memory_equal(answer, "\5\xff", 2);
    CLEANUP(fd_closep) int wrong = client_open(f);
    assert_int_equal(fd_write_all(wrong, "\5\1\2\1\1x\5wrong", 12), 0);
    assert_int_equal(recv(wrong, answer, 4, MSG_WAITALL), 4);
    assert_memory_equal(answer, "\5\2\1\1", 4);
    assert_int_equal(recv(wrong, answer, 1, 0), 0);
    assert_true(server_is_left_alone(f));
}

static void nonsense_is_answered_and_hung_up_on(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinit) struct buf huge = {0};

    refuse(f, "hello\r\n\r\n", " 400 ", "");
    refuse(f, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", " 400 ", "use it as one");
    refuse(f, "GET https://allowed.test/ HTTP/1.1\r\n\r\n", " 400 ", "CONNECT");
    buf_append_str(&huge, "GET http://allowed.test/ HTTP/1.1\r\nX: ");
    for (int i = 0; i < 8000; i++)
        buf_append_char(&huge, 'x');
    refuse(f, huge.data, " 431 ", "too large");
    CLEANUP(fd_closep) int socks4 = client_open(f);
    put(socks4, "\4\1");
    (void)shutdown(socks4, SHUT_WR);
    expect(socks4, NULL, "");
}

static void who_can_not_be_reached_is_said(void **state)
{
    struct fixture *f = *state;

    refuse(f, "CONNECT allowed.test:9 HTTP/1.1\r\n" BASIC "\r\n", " 502 ", "Connection refused");
    refuse(f, "CONNECT nowhere.test:9 HTTP/1.1\r\n" BASIC "\r\n", " 502 ", "can't be resolved");
    assert_int_equal(f->n_notes, 0); /* it was no violation */
}

/* ---- bounds ---- */

static void who_does_not_read_holds_up_only_itself(void **state)
{
    enum { PIECE = 64 * 1024, MUCH = 64 * 1024 * 1024 };
    struct fixture *f = *state;
    CLEANUP(free_p) char *piece = xcalloc(1, PIECE);
    CLEANUP(fd_closep) int lazy = client_open(f);
    size_t taken = 0;

    put_connect(f, lazy, "allowed.test");
    CLEANUP(fd_closep) int server = server_accept(f);
    assert_int_equal(fcntl(server, F_SETFL, O_NONBLOCK), 0);
    for (ssize_t n; taken < MUCH;) {
        struct pollfd p = {.fd = server, .events = POLLOUT};
        if (poll(&p, 1, 300) != 1)
            break; /* nothing more is taken */
        n = write(server, piece, PIECE);
        if (n < 0)
            break;
        taken += (size_t)n;
    }
    /* The proxy's own part is some hundred KiB; the rest are the kernel's buffers. */
    assert_in_range(taken, 1, 32 * 1024 * 1024);
    CLEANUP(fd_closep) int other = client_open(f);
    put_connect(f, other, "allowed.test");
    CLEANUP(fd_closep) int other_server = server_accept(f);
    assert_true(other_server >= 0);
    expect(other, "\r\n\r\n", " 200 ");
    /* And when it reads on, all of it comes. */
    size_t got = 0;
    expect(lazy, "\r\n\r\n", " 200 ");
    while (got < taken) {
        ssize_t n = read(lazy, piece, PIECE);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_int_equal(got, taken);
}

static void clients_have_a_maximum(void **state)
{
    struct fixture *f = *state;
    int clients[5];

    f->options.max_per_execution = 3;
    start(f, true);
    for (int i = 0; i < 5; i++) {
        clients[i] = client_open(f);
        put_connect(f, clients[i], "allowed.test");
    }
    for (int i = 0; i < 3; i++) {
        CLEANUP(fd_closep) int server = server_accept(f);
        assert_true(server >= 0);
        expect(clients[i], "\r\n\r\n", " 200 ");
        if (i == 2) { /* the others wait for one to go */
            struct pollfd p = {.fd = clients[3], .events = POLLIN};
            assert_int_equal(poll(&p, 1, 200), 0);
        }
    }
    for (int i = 0; i < 5; i++) {
        if (i >= 3)
            expect(clients[i], "\r\n\r\n", " 200 ");
        fd_closep(&clients[i]);
    }
}

static void the_slow_are_cut_off(void **state)
{
    struct fixture *f = *state;

    f->options.head_timeout_ms = 100;
    f->options.idle_timeout_ms = 200;
    start(f, true);
    CLEANUP(fd_closep) int slow = client_open(f);
    put(slow, "CONN");
    expect(slow, NULL, "");
    CLEANUP(fd_closep) int idle = client_open(f);
    put_connect(f, idle, "allowed.test");
    CLEANUP(fd_closep) int server = server_accept(f);
    expect(idle, "\r\n\r\n", " 200 ");
    uint64_t begin = clock_mono_ms();
    expect(idle, NULL, "");
    assert_true(clock_mono_ms() - begin >= 150);
    expect(server, NULL, "");
}

static void an_execution_that_ended_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    CLEANUP(fd_closep) int client = client_open(f);

    put_connect(f, client, "allowed.test");
    CLEANUP(fd_closep) int server = server_accept(f);
    expect(client, "\r\n\r\n", " 200 ");
    egress_remove(f->egress, ID);
    expect(client, NULL, "");
    expect(server, NULL, "");
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(late, (struct sockaddr *)&f->proxy, sizeof(f->proxy)), -1);
    fd_closep(&late);
    /* Again, as after a restart of the server; and with lookups and connections under way. */
    add_site(f, true);
    CLEANUP(fd_closep) int waiting = client_open(f);
    put(waiting, "CONNECT nowhere.test:9 HTTP/1.1\r\n" BASIC "\r\n");
    CLEANUP(fd_closep) int again = client_open(f);
    put_connect(f, again, "allowed.test");
    CLEANUP(fd_closep) int again_server = server_accept(f);
    assert_true(again_server >= 0);
    expect(again, "\r\n\r\n", " 200 ");
    egress_stop(f->egress);
    f->egress = egress_free(f->egress);
    expect(again, NULL, "");
}

#define TEST(test)                   cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define TEST_WITH(set_up_with, test) cmocka_unit_test_setup_teardown(test, set_up_with, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tunnel_carries_bytes_both_ways),
        TEST(an_absolute_request_is_rewritten),
        TEST(socks_reaches_the_same),
        TEST(a_refused_host_is_named_with_the_key),
        TEST_WITH(set_up_without_grant, private_addresses_are_refused_whatever_their_name),
        TEST(nobody_gets_in_without_the_password),
        TEST(nonsense_is_answered_and_hung_up_on),
        TEST(who_can_not_be_reached_is_said),
        TEST(who_does_not_read_holds_up_only_itself),
        TEST_WITH(set_up_stopped, clients_have_a_maximum),
        TEST_WITH(set_up_stopped, the_slow_are_cut_off),
        TEST(an_execution_that_ended_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
