#include "tests/unit/http_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "state/base/clock.h"
#include "state/base/fd.h"

static void note(struct http_fixture *f, unsigned *counter)
{
    pthread_mutex_lock(&f->lock);
    ++*counter;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void on_gone(void *arg)
{
    struct http_fixture *f = arg;

    exchange_unref(f->held.x);
    f->held.x = NULL;
    note(f, &f->n_gone);
}

static void hold(struct http_fixture *f, struct exchange *x)
{
    f->held = (struct held){.x = exchange_ref(x), .home = exchange_home(x)};
    exchange_on_gone(x, on_gone, f);
    note(f, &f->n_held);
}

static void serve_echo(struct exchange *x, void *arg)
{
    size_t len;
    const char *body = exchange_body(x, &len);
    const struct exchange_header headers[] = {{"X-Method", exchange_method(x)},
                                              {"X-Query", exchange_query(x)},
                                              {"X-Who", exchange_principal(x)}};

    exchange_reply(x, 200, "text/plain", body, len, headers, ARRAY_LEN(headers));
}

static void serve_accepted(struct exchange *x, void *arg)
{
    exchange_reply(x, 202, NULL, NULL, 0, NULL, 0);
}

static void serve_nothing(struct exchange *x, void *arg)
{
}

static void serve_park(struct exchange *x, void *arg)
{
    hold(arg, x);
}

static void serve_stream(struct exchange *x, void *arg)
{
    struct http_fixture *f = arg;
    static const struct exchange_header header = {"X-Accel-Buffering", "no"};

    if (exchange_stream_begin(x, 200, "text/event-stream", &header, 1)) {
        hold(f, x);
        return;
    }
    f->is_over_limit = true;
    exchange_reply(x, 503, NULL, NULL, 0, NULL, 0);
}

static void on_quiet_gone(void *arg)
{
    exchange_unref(arg);
}

/* A stream without events that nobody counts, as many as wanted. */
static void serve_quiet(struct exchange *x, void *arg)
{
    if (!exchange_stream_begin(x, 200, "text/event-stream", NULL, 0)) {
        exchange_reply(x, 503, NULL, NULL, 0, NULL, 0);
        return;
    }
    exchange_on_gone(exchange_ref(x), on_quiet_gone, x);
}

/* Megabytes in one piece: more than a socket takes at once. */
static void serve_large(struct exchange *x, void *arg)
{
    CLEANUP(buf_deinit) struct buf body = {0};

    while (body.len < 8u << 20)
        buf_append_str(&body, "0123456789abcde\n");
    exchange_reply(x, 200, "text/plain", body.data, body.len, NULL, 0);
}

static char *check_token(void *arg, const struct exchange *x, const char **ret_challenge)
{
    const struct http_fixture *f = arg;
    const char *given = exchange_header(x, "authorization", NULL);

    if (given && strcmp(given, f->token) == 0)
        return strdup("somebody");
    *ret_challenge = "Bearer realm=\"test\"";
    return NULL;
}

int http_fixture_set_up(void **state)
{
    struct http_fixture *f = xcalloc(1, sizeof *f);

    f->config = (struct config){.host = (char *)"127.0.0.1",
                                .replica_id = (char *)"r1",
                                .threads = 2,
                                .max_connections = 100,
                                .max_streams = 10,
                                .max_body_bytes = 1 << 20,
                                .max_header_bytes = 64 << 10,
                                .request_timeout_ms = 10000,
                                .write_timeout_ms = 10000,
                                .heartbeat_ms = 10000,
                                .max_stream_buffer_bytes = 1 << 20};
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    *state = f;
    return 0;
}

void http_fixture_stop(struct http_fixture *f)
{
    f->http = http_free(f->http);
}

int http_fixture_tear_down(void **state)
{
    struct http_fixture *f = *state;

    http_fixture_stop(f);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
    free(f);
    return 0;
}

void http_fixture_start(struct http_fixture *f)
{
    const struct exchange_route routes[] = {
        {.path = "/echo", .methods = "POST, GET", .handle = serve_echo},
        {.path = "/any", .handle = serve_echo},
        {.path = "/open", .methods = "GET", .is_public = true, .handle = serve_echo},
        {.path = "/accepted", .methods = "POST", .handle = serve_accepted},
        {.path = "/nothing", .methods = "GET", .handle = serve_nothing},
        {.path = "/park", .methods = "POST, GET", .handle = serve_park, .arg = f},
        {.path = "/stream", .methods = "POST, GET", .handle = serve_stream, .arg = f},
        {.path = "/quiet", .methods = "POST, GET", .handle = serve_quiet},
        {.path = "/large", .methods = "GET", .handle = serve_large}};
    const struct http_options o = {
        .config = &f->config,
        .routes = routes,
        .n_routes = ARRAY_LEN(routes),
        .auth = {.check = check_token, .arg = f, .is_open = f->token == NULL}};
    CLEANUP(free_p) char *error = NULL;

    assert_int_equal(http_new(&o, &f->http, &error), 0);
    assert_int_equal(http_start(f->http), 0);
}

void http_wait(struct http_fixture *f, const unsigned *counter, unsigned n)
{
    struct timespec until;
    int r = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    pthread_mutex_lock(&f->lock);
    while (*counter < n && r == 0)
        r = pthread_cond_timedwait(&f->changed, &f->lock, &until);
    unsigned reached = *counter;
    pthread_mutex_unlock(&f->lock);
    assert_true(reached >= n);
}

struct job {
    struct http_fixture *f;
    void (*fn)(struct exchange *x, void *arg);
    void *arg;
    unsigned is_done;
};

static void run_job(void *arg)
{
    struct job *j = arg;

    if (j->f->held.x)
        j->fn(j->f->held.x, j->arg);
    note(j->f, &j->is_done);
}

void http_with_held(struct http_fixture *f, void (*fn)(struct exchange *x, void *arg), void *arg)
{
    struct job j = {.f = f, .fn = fn, .arg = arg};

    http_wait(f, &f->n_held, 1); /* the client may hear of it before the handler returns */
    pthread_mutex_lock(&f->lock);
    struct home *home = f->held.home;
    pthread_mutex_unlock(&f->lock);
    home_post(home, run_job, &j);
    http_wait(f, &j.is_done, 1);
}

static void reply_now(struct exchange *x, void *arg)
{
    exchange_reply(x, 200, "text/plain", arg, strlen(arg), NULL, 0);
}

static void write_now(struct exchange *x, void *arg)
{
    exchange_stream_write(x, arg, strlen(arg));
}

static void end_now(struct exchange *x, void *arg)
{
    exchange_stream_end(x);
}

static void release(struct exchange *x, void *arg)
{
    struct http_fixture *f = arg;

    exchange_unref(TAKE_PTR(f->held.x));
}

void http_release_held(struct http_fixture *f)
{
    http_with_held(f, release, f);
}

void http_held_reply(struct http_fixture *f, const char *body)
{
    http_with_held(f, reply_now, (void *)body);
    http_release_held(f);
}

void http_held_write(struct http_fixture *f, const char *text)
{
    http_with_held(f, write_now, (void *)text);
}

void http_held_end(struct http_fixture *f)
{
    http_with_held(f, end_now, NULL);
    http_release_held(f);
}

static void unwatch(struct exchange *x, void *arg)
{
    exchange_on_gone(x, NULL, NULL);
}

void http_unwatch_held(struct http_fixture *f)
{
    http_with_held(f, unwatch, NULL);
}

/* Nobody tells, so it is asked again and again, with a wait on what never comes between. */
void http_wait_open_requests(struct http_fixture *f, unsigned n)
{
    uint64_t end_ms = clock_mono_ms() + PATIENCE_MS;

    while (http_open_requests(f->http) != n) {
        assert_true(clock_mono_ms() < end_ms);
        poll(NULL, 0, 1);
    }
}

int client_open(struct http_fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(http_port(f->http)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

int client_open_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && strlen(path) < sizeof a.sun_path);
    memcpy(a.sun_path, path, strlen(path));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

void client_send(int fd, const char *text)
{
    for (size_t len = strlen(text); len > 0;) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n < 0)
            return; /* refused before the end: the reply tells */
        text += n;
        len -= (size_t)n;
    }
}

void client_request(int fd, const char *method, const char *path, const char *more)
{
    CLEANUP(buf_deinit) struct buf b = {0};

    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, path, more);
    client_send(fd, b.data);
}

/* Bytes read; 0 at the end. */
static size_t read_some(int fd, struct buf *to)
{
    char chunk[65536];
    struct pollfd p = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    ssize_t n = recv(fd, chunk, sizeof chunk, 0);
    if (n > 0)
        buf_append(to, chunk, (size_t)n);
    return n > 0 ? (size_t)n : 0;
}

void reply_deinit(struct reply *r)
{
    buf_deinit(&r->head);
    buf_deinit(&r->body);
}

char *reply_header(const struct reply *r, const char *name)
{
    for (const char *line = strstr(r->head.data, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        size_t len = strlen(name);
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1 + strspn(line + len + 1, " ");
            return strndup(value, strcspn(value, "\r\n"));
        }
    }
    return NULL;
}

void client_read_until(int fd, struct buf *got, const char *needle)
{
    while (!got->data || !memmem(got->data, got->len, needle, strlen(needle)))
        assert_true(read_some(fd, got) > 0);
}

void client_read_reply(int fd, struct buf *rest, bool is_head, struct reply *ret)
{
    *ret = (struct reply){0};
    client_read_until(fd, rest, "\r\n\r\n");
    size_t head = (size_t)(strstr(rest->data, "\r\n\r\n") + 4 - rest->data);
    buf_append(&ret->head, rest->data, head);
    buf_consume(rest, head);
    assert_int_equal(sscanf(ret->head.data, "HTTP/1.1 %d ", &ret->status), 1);
    CLEANUP(free_p) char *length = reply_header(ret, "content-length");
    size_t len = length && !is_head ? strtoul(length, NULL, 10) : 0;
    while (rest->len < len)
        assert_true(read_some(fd, rest) > 0);
    if (len > 0)
        buf_append(&ret->body, rest->data, len);
    buf_append_str(&ret->body, "");
    buf_consume(rest, len);
}

void client_read_all(int fd, struct buf *got)
{
    while (read_some(fd, got) > 0)
        ;
}

void client_expect_closed(int fd)
{
    CLEANUP(buf_deinit) struct buf got = {0};

    client_read_all(fd, &got);
    assert_int_equal(got.len, 0);
    close(fd);
}

void client_reset(int fd)
{
    struct linger now = {.l_onoff = 1};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
}

int client_status(struct http_fixture *f, const char *request)
{
    CLEANUP(fd_closep) int fd = client_open(f);
    CLEANUP(buf_deinit) struct buf rest = {0};
    CLEANUP(reply_deinit) struct reply r;

    client_send(fd, request);
    client_read_reply(fd, &rest, false, &r);
    return r.status;
}
