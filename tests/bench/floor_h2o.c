/*
 * The floor of a call: h2o answers every request with one constant JSON reply, one loop a thread.
 *   floor_h2o THREADS        prints the port, serves until killed
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include <h2o.h>

static h2o_globalconf_t config;

struct loop {
    h2o_context_t ctx;
    h2o_accept_ctx_t accept;
    int fd;
};

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    static const char body[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"resultType\":\"complete\"}}";
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = sizeof(body) - 1;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_send_inline(req, body, sizeof(body) - 1);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    struct loop *l = listener->data;
    h2o_socket_t *sock;
    if (!err && (sock = h2o_evloop_socket_accept(listener)))
        h2o_accept(&l->accept, sock);
}

static void *run(void *arg)
{
    struct loop *l = calloc(1, sizeof(*l));
    if (!l)
        abort();
    h2o_context_init(&l->ctx, h2o_evloop_create(), &config);
    l->accept.ctx = &l->ctx;
    l->accept.hosts = config.hosts;
    h2o_socket_t *sock =
        h2o_evloop_socket_create(l->ctx.loop, dup(*(int *)arg), H2O_SOCKET_FLAG_DONT_READ);
    sock->data = l;
    h2o_socket_read_start(sock, on_accept);
    for (;;)
        h2o_evloop_run(l->ctx.loop, INT32_MAX);
    return NULL;
}

static int listen_any(uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        abort();
    *ret_port = ntohs(a.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    long threads = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (threads < 1 || threads > 8) {
        fprintf(stderr, "usage: floor_h2o THREADS\n");
        return 2;
    }
    uint16_t port;
    int fd = listen_any(&port);
    h2o_config_init(&config);
    config.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_request;
    printf("%u\n", port);
    fflush(stdout);
    pthread_t t;
    for (long i = 1; i < threads; i++)
        pthread_create(&t, NULL, run, &fd);
    run(&fd);
    return 0;
}
