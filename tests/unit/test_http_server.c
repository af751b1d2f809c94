/* The server as a whole: sockets, limits, homes, drain and end. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "server/http/health.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "tests/unit/http_fixture.h"

#define GET_ECHO "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void connections_over_the_limit_wait_for_room(void **state)
{
    struct http_fixture *f = *state;
    f->config.max_connections = 3;
    http_fixture_start(f);
    int first[3], later[3];

    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        CLEANUP(buf_deinit) struct buf got = {0};
        first[i] = client_open(f);
        client_send(first[i], GET_ECHO);
        client_read_until(first[i], &got, "200 OK");
    }
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        char byte;
        later[i] = client_open(f);
        client_send(later[i], GET_ECHO);
        assert_int_equal(recv(later[i], &byte, 1, MSG_DONTWAIT), -1);
    }
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        CLEANUP(buf_deinit) struct buf got = {0};
        close(first[i]);
        client_read_until(later[i], &got, "200 OK");
        close(later[i]);
    }
}

static void running_out_of_descriptors_passes(void **state)
{
    struct http_fixture *f = *state;
    f->config.threads = 1;
    http_fixture_start(f);
    assert_int_equal(client_status(f, GET_ECHO), 200); /* the thread has all of its own */
    struct rlimit before, few;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(http_port(f->http)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fds[8], highest = 0;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        assert_true((fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
        /* Not always the last one: the server may let go of the first reply's socket meanwhile. */
        highest = fds[i] > highest ? fds[i] : highest;
    }
    /* The limit is on numbers: two more than the highest in use. */
    few = before;
    few.rlim_cur = (rlim_t)highest + 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        assert_int_equal(connect(fds[i], (struct sockaddr *)&a, sizeof a), 0);
        client_send(fds[i], GET_ECHO);
    }
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        CLEANUP(buf_deinit) struct buf got = {0};
        client_read_until(fds[i], &got, "200 OK");
        close(fds[i]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void localhost_is_bound(void **state)
{
    struct http_fixture *f = *state;
    f->config.host = (char *)"localhost";
    http_fixture_start(f);
    assert_int_equal(client_status(f, GET_ECHO), 200);
}

static bool has_ipv6(void)
{
    const struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    CLEANUP(fd_closep) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0;
}

static void ipv6_is_bound(void **state)
{
    struct http_fixture *f = *state;
    f->config.host = (char *)"::1";
    http_fixture_start(f);
    struct sockaddr_in6 a = {.sin6_family = AF_INET6,
                             .sin6_port = htons(http_port(f->http)),
                             .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    CLEANUP(fd_closep) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CLEANUP(buf_deinit) struct buf got = {0};

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    client_send(fd, "GET /echo HTTP/1.1\r\nHost: [::1]\r\n\r\n");
    client_read_until(fd, &got, "200 OK");
}

static int try_new(struct http_fixture *f, char **ret_error)
{
    const struct http_options o = {.config = &f->config, .auth = {.is_open = true}};
    struct http *http = NULL;
    int r = http_new(&o, &http, ret_error);

    http_free(http);
    return r;
}

static void an_address_that_can_not_be_had_is_named(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(free_p) char *taken = NULL;
    CLEANUP(free_p) char *foreign = NULL;
    CLEANUP(free_p) char *unknown = NULL;

    f->config.port = http_port(f->http);
    assert_int_equal(try_new(f, &taken), -EADDRINUSE);
    assert_non_null(strstr(taken, "server.host 127.0.0.1"));
    assert_non_null(strstr(taken, "--port"));
    f->config.port = 0;
    f->config.host = (char *)"192.0.2.1";
    assert_int_equal(try_new(f, &foreign), -EADDRNOTAVAIL);
    assert_non_null(strstr(foreign, "--host"));
    f->config.host = (char *)"no such name";
    assert_int_equal(try_new(f, &unknown), -EADDRNOTAVAIL);
    assert_non_null(strstr(unknown, "\"no such name\""));
}

static void a_unix_socket_serves_any_host_and_goes_with_the_server(void **state)
{
    struct http_fixture *f = *state;
    char path[] = "/tmp/mcp-execd-http.XXXXXX";
    CLEANUP(buf_deinit) struct buf file = {0}, got = {0};
    struct stat st;

    assert_non_null(mkdtemp(path));
    buf_printf(&file, "%s/socket", path);
    f->config.unix_socket = file.data;
    http_fixture_start(f);
    assert_int_equal(stat(file.data, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    CLEANUP(fd_closep) int fd = client_open_unix(file.data);
    client_send(fd, "GET /echo HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n");
    client_read_until(fd, &got, "200 OK");
    client_send(fd, "GET /echo HTTP/1.1\r\nHost: mcp.example.com\r\nOrigin: http://evil\r\n\r\n");
    client_read_until(fd, &got, "403 Forbidden");
    client_request(fd, "GET", "/park", "");
    http_wait(f, &f->n_held, 1);
    fd_closep(&fd);
    http_wait(f, &f->n_gone, 1);
    /* A second server may not take it away. */
    CLEANUP(free_p) char *error = NULL;
    assert_int_equal(try_new(f, &error), -EADDRINUSE);
    assert_non_null(strstr(error, "server.unix_socket"));
    http_fixture_stop(f);
    assert_int_equal(stat(file.data, &st), -1);
    assert_int_equal(rmdir(path), 0);
}

static void only_a_socket_that_nobody_answers_is_replaced(void **state)
{
    struct http_fixture *f = *state;
    char path[] = "/tmp/mcp-execd-http.XXXXXX";
    CLEANUP(buf_deinit) struct buf file = {0}, got = {0};
    CLEANUP(free_p) char *error = NULL;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_non_null(mkdtemp(path));
    buf_printf(&file, "%s/socket", path);
    memcpy(a.sun_path, file.data, file.len);
    f->config.unix_socket = file.data;
    assert_int_equal(file_replace(path, "socket", "kept", 4), 0);
    assert_int_equal(try_new(f, &error), -EADDRINUSE);
    assert_int_equal(unlink(file.data), 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&a, sizeof a), 0);
    close(stale);
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open_unix(file.data);
    client_send(fd, GET_ECHO);
    client_read_until(fd, &got, "200 OK");
    http_fixture_stop(f);
    assert_int_equal(rmdir(path), 0);
}

#define POSTERS        4
#define POSTS_EACH     20000
#define POSTS_AT_LEAST (POSTERS * POSTS_EACH)

struct poster {
    struct http_fixture *f;
    struct home *home;
    unsigned *n_run;   /* on the home */
    unsigned next;     /* on the home: what must come next from this thread */
    unsigned n_errors; /* on the home */
    pthread_t thread;
};

struct posted {
    struct poster *by;
    unsigned number;
};

static void on_posted(void *arg)
{
    CLEANUP(free_p) struct posted *p = arg;

    p->by->n_errors += p->number != p->by->next++;
    ++*p->by->n_run;
}

static void *post_many(void *arg)
{
    struct poster *by = arg;

    for (unsigned i = 0; i < POSTS_EACH; i++) {
        struct posted *p = xcalloc(1, sizeof *p);
        *p = (struct posted){.by = by, .number = i};
        home_post(by->home, on_posted, p);
    }
    return NULL;
}

static void nothing(struct exchange *x, void *arg)
{
}

static void posts_of_each_thread_run_in_order(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    struct poster posters[POSTERS] = {0};
    unsigned n_run = 0;

    client_request(fd, "GET", "/park", "");
    http_wait(f, &f->n_held, 1);
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.f = f, .home = f->held.home, .n_run = &n_run};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
    }
    for (size_t i = 0; i < POSTERS; i++)
        pthread_join(posters[i].thread, NULL);
    http_with_held(f, nothing, NULL); /* after all the others */
    assert_int_equal(n_run, POSTS_AT_LEAST);
    for (size_t i = 0; i < POSTERS; i++)
        assert_int_equal(posters[i].n_errors, 0);
    http_held_reply(f, "");
}

#define TIMERS 6

struct timers {
    struct http_fixture *f;
    uint64_t begin_ms;
    unsigned order[TIMERS], n_fired;
    bool is_early;
};

struct timer {
    struct timers *all;
    unsigned number;
    uint64_t after_ms;
};

static void on_timer(void *arg)
{
    struct timer *t = arg;
    struct timers *all = t->all;

    pthread_mutex_lock(&all->f->lock);
    all->is_early |= clock_mono_ms() < all->begin_ms + t->after_ms;
    all->order[all->n_fired++] = t->number;
    pthread_cond_broadcast(&all->f->changed);
    pthread_mutex_unlock(&all->f->lock);
}

static void start_timers(struct exchange *x, void *arg)
{
    struct timer *t = arg;

    t->all->begin_ms = clock_mono_ms();
    for (size_t i = 0; i < TIMERS; i++)
        home_after(exchange_home(x), t[i].after_ms, on_timer, &t[i]);
}

static void timers_fire_in_their_order_and_never_early(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    static const uint64_t after_ms[TIMERS] = {120, 40, 80, 0, 41, 0};
    static const unsigned order[TIMERS] = {3, 5, 1, 4, 2, 0};
    struct timers all = {.f = f};
    struct timer timers[TIMERS];

    for (unsigned i = 0; i < TIMERS; i++)
        timers[i] = (struct timer){.all = &all, .number = i, .after_ms = after_ms[i]};
    client_request(fd, "GET", "/park", "");
    http_wait(f, &f->n_held, 1);
    http_with_held(f, start_timers, timers);
    http_wait(f, &all.n_fired, TIMERS);
    assert_memory_equal(all.order, order, sizeof order);
    assert_false(all.is_early);
    http_held_reply(f, "");
}

static void a_drain_refuses_the_new_and_finishes_the_old(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int idle = client_open(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf got = {0};
    CLEANUP(buf_deinit) struct buf last = {0};
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(http_port(f->http)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t end_ms = clock_mono_ms() + PATIENCE_MS;
    bool is_refused = false;

    client_request(fd, "GET", "/stream", "");
    client_read_until(fd, &got, ":\n\n");
    http_wait(f, &f->n_held, 1);
    http_drain(f->http);
    while (!is_refused && clock_mono_ms() < end_ms) {
        CLEANUP(fd_closep) int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        is_refused = connect(late, (struct sockaddr *)&a, sizeof a) < 0 && errno == ECONNREFUSED;
    }
    assert_true(is_refused);
    /* What was connected before is served once more, and told that it is the last time. */
    client_send(idle, GET_ECHO);
    client_read_all(idle, &last);
    assert_non_null(strcasestr(last.data, "connection: close"));
    http_held_write(f, "data: still here\n\n");
    client_read_until(fd, &got, "data: still here\n\n");
    http_held_end(f);
    client_read_until(fd, &got, "0\r\n\r\n");
    http_wait_open_requests(f, 0);
}

static void a_stop_cuts_what_is_open_and_tells(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int parked = client_open(f);
    int idle = client_open(f);

    client_request(parked, "GET", "/park", "");
    http_wait(f, &f->n_held, 1);
    http_stop(f->http);
    assert_int_equal(f->n_gone, 1);
    assert_int_equal(http_open_requests(f->http), 0);
    client_expect_closed(idle);
}

static void a_reply_that_is_on_its_way_survives_a_stop(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r;
    pthread_t stopper;

    client_request(fd, "GET", "/large", "");
    client_read_until(fd, &rest, "0123456789abcde\n");
    assert_int_equal(
        pthread_create(&stopper, NULL, (void *(*)(void *))(void (*)(void))http_stop, f->http), 0);
    client_read_reply(fd, &rest, false, &r);
    assert_int_equal(r.body.len, 8 << 20);
    pthread_join(stopper, NULL);
}

static void a_stop_does_not_wait_for_who_still_sends(void **state)
{
    struct http_fixture *f = *state;
    http_fixture_start(f);
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf got = {0};

    client_send(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n");
    client_read_until(fd, &got, "server.max_body");
    uint64_t begin_ms = clock_mono_ms();
    http_stop(f->http);
    assert_true(clock_mono_ms() - begin_ms < 1000);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u; /* Numerical Recipes; the same run each time */
    return *seed >> 8;
}

static void broken_requests_do_no_harm(void **state)
{
    struct http_fixture *f = *state;
    f->config.max_body_bytes = 64;
    http_fixture_start(f);
    static const char *const seeds[] = {
        "POST /echo?x=%41 HTTP/1.1\r\nHost: localhost:80\r\nContent-Length: "
        "5\r\n\r\nhello" GET_ECHO,
        "POST /any HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://[::1]:80\r\n"
        "Access-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: mcp-param-a, x\r\n\r\n",
        "GET /quiet HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
        "GET /a/../%2e/quiet HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n"};
    uint32_t seed = 1;

    for (int i = 0; i < 2000; i++) {
        CLEANUP(fd_closep) int fd = client_open(f);
        CLEANUP(buf_deinit) struct buf request = {0}, got = {0};

        buf_append_str(&request, seeds[next_random(&seed) % ARRAY_LEN(seeds)]);
        for (uint32_t n = next_random(&seed) % 4; n > 0; n--)
            request.data[next_random(&seed) % request.len] = (char)next_random(&seed);
        size_t len = next_random(&seed) % 3 ? request.len : next_random(&seed) % request.len;
        (void)!send(fd, request.data, len, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        client_read_all(fd, &got);
    }
    assert_int_equal(client_status(f, GET_ECHO), 200);
    http_wait_open_requests(f, 0);
}

static void get_health(void *arg, struct health *ret)
{
    *ret = *(struct health *)arg;
}

#define READY                   \
    {                           \
        .is_keeper_ready = true \
    }

static void readiness_names_the_part_that_is_not(void **state)
{
    struct http_fixture *f = *state;
    struct health health = READY;
    const struct health_source source = {.get = get_health, .arg = &health};
    struct exchange_route routes[HEALTH_ROUTES];
    const struct http_options o = {.config = &f->config,
                                   .routes = routes,
                                   .n_routes = health_routes(&source, routes, HEALTH_ROUTES),
                                   .auth = {.is_open = true}};
    static const struct {
        struct health health;
        const char *path, *says;
    } cases[] = {
        {READY, "/health", "200 OK\r\n|{\"status\":\"healthy\"}"},
        {{.is_disk_low = true, .is_draining = true},
         "/health/live",
         "200 OK\r\n|{\"status\":\"alive\"}"},
        {READY, "/health/ready", "200 OK\r\n|{\"status\":\"ready\""},
        {{.is_draining = false}, "/health/ready", "503 Service|\"keeper\":\"not ready\""},
        {{.is_keeper_ready = true, .is_disk_low = true},
         "/health/ready",
         "503 Service|\"disk\":\"low\""},
        {{.is_keeper_ready = true, .is_draining = true},
         "/health/ready",
         "503 Service|\"draining\":true"},
        {{.is_keeper_ready = true, .tree_memory = true, .note = "what \"holds\""},
         "/health/ready",
         "200 OK|\"limits\":{\"memory\":\"tree\",\"processes\":\"user\",\"cpu\":\"process\"},"
         "\"note\":\"what \\\"holds\\\"\"}"},
        {{.is_keeper_ready = true, .is_limit_missing = true},
         "/health/ready",
         "503 Service|\"status\":\"not ready\""},
        {READY, "/metrics", "200 OK\r\n|http_requests_total"},
    };
    char *error = NULL;

    assert_int_equal(http_new(&o, &f->http, &error), 0);
    assert_int_equal(http_start(f->http), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(fd_closep) int fd = client_open(f);
        CLEANUP(buf_deinit) struct buf rest = {0};
        CLEANUP(reply_deinit) struct reply r;
        const char *bar = strchr(cases[i].says, '|');

        health = cases[i].health;
        client_request(fd, "GET", cases[i].path, "");
        client_read_reply(fd, &rest, false, &r);
        assert_non_null(
            memmem(r.head.data, r.head.len, cases[i].says, (size_t)(bar - cases[i].says)));
        assert_non_null(strstr(r.body.data, bar + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(connections_over_the_limit_wait_for_room),
        HTTP_TEST(running_out_of_descriptors_passes),
        HTTP_TEST(localhost_is_bound),
        HTTP_TEST(an_address_that_can_not_be_had_is_named),
        HTTP_TEST(a_unix_socket_serves_any_host_and_goes_with_the_server),
        HTTP_TEST(only_a_socket_that_nobody_answers_is_replaced),
        HTTP_TEST(posts_of_each_thread_run_in_order),
        HTTP_TEST(timers_fire_in_their_order_and_never_early),
        HTTP_TEST(a_drain_refuses_the_new_and_finishes_the_old),
        HTTP_TEST(a_stop_cuts_what_is_open_and_tells),
        HTTP_TEST(a_reply_that_is_on_its_way_survives_a_stop),
        HTTP_TEST(a_stop_does_not_wait_for_who_still_sends),
        HTTP_TEST(broken_requests_do_no_harm),
        HTTP_TEST(readiness_names_the_part_that_is_not),
        HTTP_TEST(ipv6_is_bound), /* the last: left out where there is none, as in containers */
    };
    size_t n = ARRAY_LEN(tests) - (has_ipv6() ? 0 : 1);
    return _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
}
