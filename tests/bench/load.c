/*
 * Closed-loop load: CONNECTIONS keep-alive connections, each a thread, send the same POST again and
 * again and time each reply. The body comes from stdin; "@@" in it is replaced by a number that
 * never repeats. load PORT PATH COUNT CONNECTIONS [HEADER: VALUE]… < body
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "tests/bench/samples.h"

#define BODY_MAX  65536
#define REPLY_MAX (4u << 20)

static struct samples samples;
static uint16_t port;
static size_t per_thread, errors;
static unsigned long next_number;
static char body[BODY_MAX], head[8192];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int dial(void)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        perror("load: connect");
        exit(1);
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static size_t make_request(char *out, size_t size)
{
    char text[BODY_MAX + 32];
    const char *mark = strstr(body, "@@");
    if (mark)
        (void)snprintf(text, sizeof(text), "%.*s%lu%s", (int)(mark - body), body,
                       __atomic_add_fetch(&next_number, 1, __ATOMIC_RELAXED), mark + 2);
    else
        memcpy(text, body, strlen(body) + 1);
    return (size_t)snprintf(out, size, "%sContent-Length: %zu\r\n\r\n%s", head, strlen(text), text);
}

/* Reads one reply with a Content-Length into buf; true for status 200 without "isError":true. */
static bool read_reply(int fd, char *buf)
{
    size_t n = 0, want = 0;
    for (;;) {
        ssize_t r = read(fd, buf + n, REPLY_MAX - n - 1);
        if (r <= 0) {
            fprintf(stderr, "load: the server closed the connection\n");
            exit(1);
        }
        n += (size_t)r;
        buf[n] = '\0';
        const char *end = strstr(buf, "\r\n\r\n");
        if (!want && end) {
            const char *len = strcasestr(buf, "\r\ncontent-length:");
            if (!len || len > end) {
                fprintf(stderr, "load: a reply without Content-Length:\n%.400s\n", buf);
                exit(1);
            }
            want = (size_t)(end + 4 - buf) + strtoul(len + 17, NULL, 10);
        }
        if (want && n >= want)
            break;
    }
    return strncmp(buf, "HTTP/1.1 200", 12) == 0 && !strstr(buf, "\"isError\":true") &&
           !strstr(buf, "\"error\":{");
}

static void *run(void *arg)
{
    int fd = dial();
    static __thread char request[BODY_MAX + 16384];
    char *reply = malloc(REPLY_MAX);
    if (!reply)
        abort();
    for (size_t i = 0; i < per_thread; i++) {
        size_t len = make_request(request, sizeof(request));
        uint64_t start = bench_now_us();
        if (write(fd, request, len) != (ssize_t)len)
            abort();
        bool ok = read_reply(fd, reply);
        samples_add(&samples, bench_now_us() - start);
        bench_pause();
        if (!ok) {
            pthread_mutex_lock(&lock);
            if (errors++ == 0)
                fprintf(stderr, "load: first bad reply: %.600s\n", reply);
            pthread_mutex_unlock(&lock);
        }
    }
    free(reply);
    close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: load PORT PATH COUNT CONNECTIONS [HEADER]... < body\n");
        return 2;
    }
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    size_t count = strtoul(argv[3], NULL, 10), threads = strtoul(argv[4], NULL, 10);
    if (!count || !threads || threads > 256)
        return 2;
    size_t n = (size_t)snprintf(head, sizeof(head),
                                "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                "Content-Type: application/json\r\n"
                                "Accept: application/json, text/event-stream\r\n",
                                argv[2]);
    for (int i = 5; i < argc; i++)
        n += (size_t)snprintf(head + n, sizeof(head) - n, "%s\r\n", argv[i]);
    body[fread(body, 1, sizeof(body) - 1, stdin)] = '\0';
    per_thread = count / threads;
    samples_init(&samples, count);
    pthread_t t[256];
    uint64_t start = bench_now_us();
    for (size_t i = 0; i < threads; i++)
        pthread_create(&t[i], NULL, run, NULL);
    for (size_t i = 0; i < threads; i++)
        pthread_join(t[i], NULL);
    samples_print(&samples, bench_now_us() - start, errors);
    return 0;
}
