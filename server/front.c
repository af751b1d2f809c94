#include "server/front.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "server/auth/auth.h"
#include "server/http/http.h"
#include "server/stdio/private_dir.h"
#include "server/stdio/stdio.h"
#include "state/base/fd.h"
#include "state/base/log.h"

struct front {
    const struct config *config;                     /* borrowed */
    struct auth *auth;                               /* owned */
    struct http *http;                               /* owned */
    struct exchange_route routes[3 + HEALTH_ROUTES]; /* http borrows them */
    struct stdio *stdio;                             /* owned */
    int in_fd, out_fd;                               /* owned: the client's pipes */
    char *private_dir;                               /* owned; NULL: the operator named one */
};

/* ---- pipes ---- */

/* Standard input is empty from now on, and what is printed goes to standard error. */
static int take_pipes(struct front *f)
{
    f->in_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    f->out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    CLEANUP(fd_closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (f->in_fd < 0 || f->out_fd < 0 || null < 0)
        return -errno;
    bool has_errors = fcntl(STDERR_FILENO, F_GETFD) >= 0;
    if (dup2(null, STDIN_FILENO) < 0 || dup2(has_errors ? STDERR_FILENO : null, STDOUT_FILENO) < 0)
        return -errno;
    return 0;
}

static int prepare_pipes(struct front *f, struct config *c)
{
    int r = take_pipes(f);

    if (r < 0) {
        fprintf(stderr, "mcp-execd: --stdio needs an open stdin and stdout: %s\n", strerror(-r));
        return r;
    }
    if (c->state_dir)
        return 0;
    r = private_dir_make(&f->private_dir);
    if (r < 0)
        fprintf(stderr,
                "mcp-execd: no private state directory can be made: %s (name one with "
                "--state-dir)\n",
                strerror(-r));
    else
        c->state_dir = xstrdup(f->private_dir);
    return r;
}

static void on_client_gone(void *arg)
{
    (void)kill(getpid(), SIGTERM); /* main hears it */
}

static int start_stdio(struct front *f, struct mcp *m)
{
    f->stdio = stdio_new(&(struct stdio_options){.config = f->config,
                                                 .in_fd = f->in_fd,
                                                 .out_fd = f->out_fd,
                                                 .handle = mcp_serve,
                                                 .arg = m,
                                                 .on_end = on_client_gone});
    int r = stdio_start(f->stdio);
    if (r < 0)
        fprintf(stderr, "mcp-execd: %s\n", strerror(-r));
    LOG_INFO("serving_stdio", LOG_STR("state_dir", f->config->state_dir),
             LOG_STR("version", MCP_EXECD_VERSION));
    return r;
}

/* ---- HTTP ---- */

static size_t set_routes(struct front *f, struct mcp *m, struct health_source *health)
{
    size_t n = 0;
    f->routes[n++] = (struct exchange_route){.path = "/mcp", .handle = mcp_serve, .arg = m};
    f->routes[n++] = (struct exchange_route){.path = "/mcp/sse", .handle = mcp_serve_sse, .arg = m};
    f->routes[n++] = (struct exchange_route){.path = "/sse", .handle = mcp_serve_sse, .arg = m};
    return n + health_routes(health, f->routes + n, ARRAY_LEN(f->routes) - n);
}

static int start_http(struct front *f, struct mcp *m, struct health_source *health)
{
    const struct config *c = f->config;
    f->auth = auth_new(c);
    const struct http_options o = {.config = c,
                                   .routes = f->routes,
                                   .n_routes = set_routes(f, m, health),
                                   .auth = auth_authenticator(f->auth)};
    CLEANUP(free_p) char *error = NULL;
    int r = http_new(&o, &f->http, &error);
    if (r < 0)
        fprintf(stderr, "mcp-execd: %s\n", error ? error : strerror(-r));
    if (r == 0)
        r = http_start(f->http);
    if (r == 0)
        LOG_INFO("listening", LOG_STR("host", c->host), LOG_U64("port", http_port(f->http)),
                 LOG_STR("unix", c->unix_socket), LOG_STR("state_dir", c->state_dir),
                 LOG_STR("version", MCP_EXECD_VERSION));
    return r;
}

/* ---- either ---- */

int front_new(struct config *c, struct front **ret)
{
    struct front *f = xcalloc(1, sizeof(*f));

    f->config = c;
    f->in_fd = f->out_fd = -1;
    int r = c->stdio ? prepare_pipes(f, c) : 0;
    if (r < 0)
        front_free(f);
    else
        *ret = f;
    return r;
}

int front_start(struct front *f, struct mcp *m, struct health_source *health)
{
    return f->config->stdio ? start_stdio(f, m) : start_http(f, m, health);
}

char *front_address(const struct front *f)
{
    const struct config *c = f->config;
    char *address = NULL;

    if (!f->http)
        return NULL;
    if (asprintf(&address, strchr(c->host, ':') ? "[%s]:%u" : "%s:%u", c->host,
                 http_port(f->http)) < 0)
        abort();
    return address;
}

unsigned front_open_requests(const struct front *f)
{
    return f->http ? http_open_requests(f->http) : f->stdio ? stdio_open_requests(f->stdio) : 0;
}

bool front_has_balancer(const struct front *f)
{
    return f->http && http_has_balancer(f->http);
}

void front_drain(struct front *f)
{
    if (f->http)
        http_drain(f->http);
}

void front_stop(struct front *f)
{
    if (f->http)
        http_stop(f->http);
    if (f->stdio)
        stdio_stop(f->stdio);
}

void front_close(struct front *f)
{
    f->http = http_free(f->http);
    f->auth = auth_free(f->auth);
    f->stdio = stdio_free(f->stdio);
}

struct front *front_free(struct front *f)
{
    if (!f)
        return NULL;
    assert(!f->http && !f->stdio);
    fd_closep(&f->in_fd);
    fd_closep(&f->out_fd);
    if (f->private_dir)
        private_dir_remove(f->private_dir);
    free(f->private_dir);
    free(f);
    return NULL;
}
