/* What the client makes of a keeper that is none of ours: a socket on which the test speaks. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "exec/keeper/packets.h"
#include "exec/keeper_client.h"
#include "state/base/clock.h"
#include "state/base/fd.h"
#include "tests/unit/temp_dir.h"

#define WAIT_MS 20000

struct fixture {
    char *state_dir; /* owned */
    struct event_base *base;
    struct keeper_client *client;
    int listener;
};

static const struct keeper_client_events events; /* nobody is told anything before it is ready */

static int listen_at(const char *state_dir)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/" KEEPER_SOCKET_NAME, state_dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    assert_int_equal(temp_dir_setup((void **)&f->state_dir), 0);
    f->listener = listen_at(f->state_dir);
    f->base = event_base_new();
    const struct keeper_client_options o = {.state_dir = f->state_dir, .keeper_path = "/bin/false"};
    assert_int_equal(keeper_client_new(f->base, &o, &events, NULL, &f->client), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    keeper_client_free(f->client);
    event_base_free(f->base);
    fd_closep(&f->listener);
    assert_int_equal(temp_dir_teardown((void **)&f->state_dir), 0);
    free(f);
    return 0;
}

/* The next connection of the client, which has said HELLO. */
static int accept_next(struct fixture *f)
{
    static char space[KEEPER_MESSAGE_MAX];
    struct keeper_message m = {0};
    const struct timeval tick = {.tv_usec = 50 * 1000};
    uint64_t end = clock_mono_ms() + WAIT_MS;
    int fd;
    while ((fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC)) < 0) {
        assert_true(clock_mono_ms() < end);
        event_base_loopexit(f->base, &tick); /* also when nothing happens */
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    assert_int_equal(packets_receive(fd, space, &m), PACKETS_MESSAGE);
    assert_int_equal(m.type, KEEPER_HELLO);
    return fd;
}

static void tries_again_with_one_that_never_answers(void **state)
{
    struct fixture *f = *state;
    CLEANUP(fd_closep) int first = accept_next(f);
    CLEANUP(fd_closep) int second = accept_next(f);
    char c;
    assert_true(second >= 0);
    assert_int_equal(recv(first, &c, 1, 0), 0); /* hung up on */
    assert_false(keeper_client_is_ready(f->client));
}

/* It could not become the program that it was asked to become, and said nothing. */
static void tries_again_with_one_that_stays_too_old(void **state)
{
    static char space[KEEPER_MESSAGE_MAX];
    struct fixture *f = *state;
    CLEANUP(fd_closep) int first = accept_next(f);
    const struct keeper_message old = {
        .type = KEEPER_HELLO,
        .hello = {KEEPER_VERSION_MAX + 1, KEEPER_VERSION_MAX + 1, "other"},
    };
    struct packets p;
    struct keeper_message m = {0};
    packets_init(&p, 0);
    assert_int_equal(packets_send(&p, first, &old), 0);
    CLEANUP(fd_closep) int second = accept_next(f);
    assert_true(second >= 0);
    assert_int_equal(packets_receive(first, space, &m), PACKETS_MESSAGE);
    assert_int_equal(m.type, KEEPER_UPGRADE);
    assert_string_equal(m.text, "/bin/false");
    assert_false(keeper_client_is_ready(f->client));
}

/* As an unprivileged user whose other processes have as many descriptors on their way as it may
 * have open; 0: as it should be, else the line. */
static int send_without_room(void)
{
    static char space[KEEPER_MESSAGE_MAX];
    const struct rlimit few = {.rlim_cur = 20, .rlim_max = 20};
    const struct keeper_message quit = {.type = KEEPER_QUIT};
    struct keeper_message m = {.type = KEEPER_LISTENER, .id = "r1-abcdefghijklmnopqrstuvwxyz"};
    int others[2], ours[2], r = 0;
    struct packets full, p;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, others) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ours) < 0 || setrlimit(RLIMIT_NOFILE, &few) < 0 ||
        (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0))
        return __LINE__;
    packets_init(&p, 1u << 20);
    packets_init(&full, 1u << 20);
    m.listener_fd = others[0];
    for (int i = 0; i < 30 && r == 0; i++)
        r = packets_send(&full, others[1], &m);
    if (r != 0 || packets_send(&p, ours[1], &m) != 0 || packets_send(&p, ours[1], &quit) != 0 ||
        !packets_is_empty(&p))
        return __LINE__;
    /* What can't be sent was left out, not queued, and what comes behind it arrives. */
    if (packets_receive(ours[0], space, &m) != PACKETS_MESSAGE || m.type != KEEPER_QUIT)
        return __LINE__;
    return 0;
}

static void a_descriptor_that_can_not_be_sent_holds_nothing_up(void **state)
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(send_without_room());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(tries_again_with_one_that_never_answers),
        TEST(tries_again_with_one_that_stays_too_old),
        cmocka_unit_test(a_descriptor_that_can_not_be_sent_holds_nothing_up),
    };
    return cmocka_run_group_tests_name("keeper_client", tests, NULL, NULL);
}
