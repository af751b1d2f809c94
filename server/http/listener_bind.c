/* Binding: what can go wrong here is the operator's to mend, so each error says what and how. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "server/http/listener.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define UNIX_MODE 0660

static char *error_text(const char *fmt, ...) PRINTF_LIKE(1, 2);
static char *error_text(const char *fmt, ...)
{
    char *text;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    return text;
}

static const char *way_out(int r)
{
    switch (-r) {
    case EADDRINUSE:
        return "another program listens there: stop it or choose another server.port (--port)";
    case EADDRNOTAVAIL:
        return "this machine has no such address: choose another server.host (--host)";
    case EACCES:
        return "ports below 1024 need CAP_NET_BIND_SERVICE: choose another server.port (--port)";
    default:
        return "choose another server.host or server.port";
    }
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
    return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                          : ((const struct sockaddr_in *)a)->sin_port);
}

/* One address; with port 0 the first takes any and the others follow it. 0 or -errno. */
static int bind_address(struct http *http, const struct addrinfo *ai)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    int on = 1;
    CLEANUP(fd_closep)
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    memcpy(&a, ai->ai_addr, ai->ai_addrlen);
    if (a.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&a)->sin6_port = htons(http->port);
    else
        ((struct sockaddr_in *)&a)->sin_port = htons(http->port);
    /* Keep-alive probes are inherited by what is accepted: they find peers that vanished. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&a, ai->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return -errno;
    http->port = port_of(&a);
    http->bound[http->n_bound++] = (struct bound){.fd = TAKE_FD(fd)};
    return 0;
}

/* localhost is often both 127.0.0.1 and ::1; a family that is switched off is no error as long as
 * one address works. */
static int bind_tcp(struct http *http, char **ret_error)
{
    const char *host = http->config->host;
    /* RFC 6761, 6.3: localhost is loopback, whatever a resolver says or if there is none. */
    bool is_localhost = strcasecmp(host, "localhost") == 0;
    struct addrinfo *all,
        hints = {.ai_socktype = SOCK_STREAM, .ai_flags = is_localhost ? 0 : AI_PASSIVE};
    int r = getaddrinfo(is_localhost ? NULL : host, "0", &hints, &all);

    if (r != 0) {
        *ret_error = error_text("server.host: \"%s\" is no address of this machine: %s", host,
                                gai_strerror(r));
        return -EADDRNOTAVAIL;
    }
    for (const struct addrinfo *ai = all; ai && r == 0; ai = ai->ai_next) {
        if (http->n_bound == HTTP_LISTENERS_MAX - 1)
            break;
        r = bind_address(http, ai);
        /* With port 0 the port of the first may be taken at the second. */
        bool is_missing = r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT ||
                          (r == -EADDRINUSE && http->n_bound > 0 && http->config->port == 0);
        if (is_missing && (http->n_bound > 0 || ai->ai_next))
            r = 0;
    }
    freeaddrinfo(all);
    if (r < 0)
        *ret_error = error_text("server.host %s, port %u: %s: %s", host,
                                (unsigned)http->config->port, strerror(-r), way_out(r));
    return r;
}

/* A socket file that nobody answers on is left over from a server that was killed. */
static bool is_stale(const struct sockaddr_un *a)
{
    struct stat st;
    CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && lstat(a->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
           connect(fd, (const struct sockaddr *)a, sizeof *a) < 0 && errno == ECONNREFUSED;
}

/* Nobody can connect before listen(2), so the mode is right from the first moment on. */
static int bind_unix_at(struct http *http, const struct sockaddr_un *a)
{
    struct stat st;
    CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    int r = bind(fd, (const struct sockaddr *)a, sizeof *a) < 0 ? -errno : 0;
    if (r == -EADDRINUSE && is_stale(a)) {
        LOG_INFO("stale_socket_replaced", LOG_STR("path", a->sun_path));
        (void)unlink(a->sun_path);
        r = bind(fd, (const struct sockaddr *)a, sizeof *a) < 0 ? -errno : 0;
    }
    if (r < 0)
        return r;
    if (lstat(a->sun_path, &st) < 0)
        return -errno;
    http->unix_path = strdup(a->sun_path);
    if (!http->unix_path)
        abort();
    http->unix_device = st.st_dev;
    http->unix_inode = st.st_ino;
    if (chmod(a->sun_path, UNIX_MODE) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    http->bound[http->n_bound++] = (struct bound){.fd = TAKE_FD(fd), .is_unix = true};
    return 0;
}

static int bind_unix(struct http *http, char **ret_error)
{
    const char *path = http->config->unix_socket;
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof a.sun_path) {
        *ret_error = error_text("server.unix_socket: \"%s\" is longer than %zu bytes (unix(7)): "
                                "choose a shorter path",
                                path, sizeof a.sun_path - 1);
        return -ENAMETOOLONG;
    }
    memcpy(a.sun_path, path, strlen(path));
    int r = bind_unix_at(http, &a);
    if (r < 0)
        *ret_error = error_text(
            "server.unix_socket: %s: %s%s", path, strerror(-r),
            r == -EADDRINUSE ? ": a server answers there, or it is no socket: choose another path"
                             : "");
    return r;
}

int listener_bind(struct http *http, char **ret_error)
{
    http->port = http->config->port;
    int r = bind_tcp(http, ret_error);
    if (r == 0 && http->config->unix_socket)
        r = bind_unix(http, ret_error);
    return r;
}

void listener_unbind(struct http *http)
{
    struct stat st;

    for (size_t i = 0; i < http->n_bound; i++)
        fd_closep(&http->bound[i].fd);
    /* A server that came after us may have its own socket there. */
    if (http->unix_path && lstat(http->unix_path, &st) == 0 && st.st_dev == http->unix_device &&
        st.st_ino == http->unix_inode)
        (void)unlink(http->unix_path);
    free(http->unix_path);
    http->unix_path = NULL;
}
