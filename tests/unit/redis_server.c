#include "tests/unit/redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "state/base/buf.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "tests/unit/temp_dir.h"

void redis_server_need(void)
{
    if (system("command -v redis-server redis-cli redis-sentinel >/dev/null") == 0)
        return;
    print_message("1..0 # SKIP redis-server is not installed (scripts/setup test)\n");
    exit(77);
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sa;
}

uint16_t redis_free_port(void)
{
    struct sockaddr_in sa = loopback(0);
    socklen_t len = sizeof(sa);
    CLEANUP(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&sa, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        fail_msg("no free port: %s", strerror(errno));
    return ntohs(sa.sin_port);
}

static bool is_listening(uint16_t port)
{
    struct sockaddr_in sa = loopback(port);
    CLEANUP(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
}

static void write_config(const struct redis_server *s, const char *path)
{
    FILE *f = fopen(path, "we");
    if (!f)
        fail_msg("%s: %s", path, strerror(errno));
    fprintf(f, "port %u\nbind 127.0.0.1\ndir %s\nlogfile %s/log\ndaemonize no\n", s->port, s->dir,
            s->dir);
    if (!s->is_sentinel)
        fprintf(f,
                "save \"\"\nappendonly no\nenable-debug-command local\n"
                "repl-diskless-sync-delay 0\nunixsocket %s/socket\n",
                s->dir);
    for (const char *p = s->lines ? s->lines : ""; *p; p++) {
        if (p[0] == '%' && p[1] == 'd') {
            (void)fputs(s->dir, f);
            p++;
        } else {
            (void)fputc(*p, f);
        }
    }
    if (fclose(f) != 0)
        fail_msg("%s: %s", path, strerror(errno));
}

/* It dies with us, also when a test is killed. */
static void run_server(const struct redis_server *s, const char *path)
{
    CLEANUP(fd_closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(null, 0);
    (void)dup2(null, 1);
    execlp("redis-server", "redis-server", path, s->is_sentinel ? "--sentinel" : NULL,
           (char *)NULL);
    _exit(127);
}

static void show_log(const struct redis_server *s)
{
    CLEANUP(free_p) char *path = temp_path(s->dir, "log");
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    if (file_read(path, 1 << 20, &text, &len) == 0)
        print_error("%s\n", len > 3000 ? text + len - 3000 : text);
}

void redis_server_restart(struct redis_server *s)
{
    CLEANUP(free_p) char *path = temp_path(s->dir, "redis.conf");
    uint64_t end = clock_mono_ms() + REDIS_WAIT_MS;
    if (!s->is_sentinel || access(path, F_OK) != 0) /* a sentinel keeps what it learned in it */
        write_config(s, path);
    s->pid = fork();
    if (s->pid < 0)
        fail_msg("fork: %s", strerror(errno));
    if (s->pid == 0)
        run_server(s, path);
    while (!is_listening(s->port)) {
        const struct timespec t = {.tv_nsec = 5000000};
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid || clock_mono_ms() > end) {
            show_log(s);
            fail_msg("redis-server does not listen on %u", s->port);
        }
        (void)nanosleep(&t, NULL);
    }
}

static struct redis_server *start(const char *lines, bool is_sentinel)
{
    struct redis_server *s = xcalloc(1, sizeof(*s));
    if (temp_dir_setup((void **)&s->dir) != 0)
        fail_msg("no directory: %s", strerror(errno));
    s->lines = lines;
    s->is_sentinel = is_sentinel;
    s->port = redis_free_port();
    redis_server_restart(s);
    return s;
}

struct redis_server *redis_server_start(const char *lines)
{
    return start(lines, false);
}

struct redis_server *redis_server_start_sentinel(const char *lines)
{
    return start(lines, true);
}

void redis_server_signal(const struct redis_server *s, int signo)
{
    if (s->pid)
        (void)kill(s->pid, signo);
}

void redis_server_stop(struct redis_server *s)
{
    if (!s->pid)
        return;
    redis_server_signal(s, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void redis_server_free(struct redis_server *s)
{
    if (!s)
        return;
    redis_server_stop(s);
    (void)temp_dir_teardown((void **)&s->dir);
    free(s);
}

char *redis_server_cli(const struct redis_server *s, const char *command)
{
    CLEANUP(buf_deinit) struct buf line = {0};
    struct buf out = {0};
    char piece[4096];
    size_t n;
    buf_printf(&line, "timeout 20 redis-cli -s %s/socket %s 2>&1", s->dir, command);
    FILE *f = popen(line.data, "re");
    while (f && (n = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_append(&out, piece, n);
    if (!f || pclose(f) != 0)
        fail_msg("%s: %s", line.data, out.data ? out.data : "");
    if (out.len > 0 && out.data[out.len - 1] == '\n')
        out.data[--out.len] = '\0';
    return buf_steal(&out);
}

char *redis_server_url(const struct redis_server *s)
{
    struct buf b = {0};
    buf_printf(&b, "redis://127.0.0.1:%u/0", s->port);
    return buf_steal(&b);
}

void redis_wait(struct event_base *base, bool (*is_done)(void *arg), void *arg, const char *what)
{
    static const struct timeval look = {.tv_usec = 20000};
    uint64_t end = clock_mono_ms() + REDIS_WAIT_MS;
    while (!is_done(arg)) {
        if (clock_mono_ms() > end)
            fail_msg("waited in vain: %s", what);
        (void)event_base_loopexit(base, &look);
        (void)event_base_loop(base, EVLOOP_ONCE);
    }
}
