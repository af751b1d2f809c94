/*
 * Who waits for input, by real programs under a real keeper: seen when it is so, and not seen when
 * it is not. Each row is run with a pipe, with a terminal, or with both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "state/base/clock.h"
#include "state/journal_format.h"
#include "tests/unit/keeper_fixture.h"

/* The bound. A machine that runs ten things at once gets several tries. */
#define SEEN_WITHIN_MS 200
#define TRIES          8
/* So long what does not wait is watched: some looks, each of which could be wrong. */
#define WATCH_MS 700

#define PIPE   1u
#define PTY    2u
#define BOTH   (PIPE | PTY)
#define SECRET 4u

static int set_up(void **state)
{
    *state = fixture_new(true);
    return 0;
}

static int tear_down(void **state)
{
    fixture_free(*state);
    return 0;
}

static struct seen *spawn(struct fixture *f, const char *script, bool is_pty)
{
    struct exec_spec *s = fixture_spec((const char *const[]){"/bin/bash", "-c", script, NULL});
    s->interactive = true;
    s->pty = is_pty;
    return fixture_spawn(f, s);
}

static bool is_waiting(struct fixture *f, void *arg)
{
    return waiting_is_for_input(((struct seen *)arg)->totals.waiting);
}

static bool is_not_waiting(struct fixture *f, void *arg)
{
    return !is_waiting(f, arg);
}

static bool is_over(struct fixture *f, void *arg)
{
    return clock_mono_ms() >= *(const uint64_t *)arg;
}

static void watch_for(struct fixture *f, uint64_t ms)
{
    uint64_t end = clock_mono_ms() + ms;
    fixture_wait(f, is_over, &end, "the time is over");
}

static void end(struct fixture *f, struct seen *s)
{
    assert_int_equal(keeper_client_kill(f->client, s->id, KEEPER_KILL_NOW, 0, REASON_CANCELLED), 0);
    fixture_wait_ended(f, s);
}

struct row {
    const char *what, *script;
    unsigned inputs;
};

#define PYTHON "exec python3 -c '"

static const struct row waiting_rows[] = {
    {"cat", "exec cat", BOTH},
    {"read of bash", "read -p 'Go on? ' x", BOTH},
    {"read of bash, with an editor", "read -e -p 'Go on? ' x", PTY},
    {"read of bash, with a time", "read -t 60 x", BOTH},
    {"read of sh", "exec sh -c 'printf \"Go on? [Y/n] \"; read x'", BOTH},
    {"a child of a shell", "sh -c 'sh -c \"cat; true\"; true'; true", BOTH},
    {"an interactive bash", "exec bash --norc -i", PTY},
    {"a bash that reads its commands", "exec bash", PIPE},
    {"a python", "exec python3 -iq", BOTH},
    {"input()", PYTHON "input(\"name? \")'", BOTH},
    {"a silent one, after a while", "sleep 0.4; read x", BOTH},
    {"poll", PYTHON "import select; p = select.poll(); p.register(0, 1); p.poll()'", BOTH},
    {"select", PYTHON "import select; select.select([0], [], [], 60)'", BOTH},
    {"epoll", PYTHON "import select; e = select.epoll(); e.register(0, 1); e.poll()'", BOTH},
    {"one that polls again and again",
     PYTHON "import select\nwhile not select.select([0], [], [], 0.02)[0]: pass'", BOTH},
    {"a thread of many",
     PYTHON "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\ninput()'",
     BOTH},
    {"a terminal by its name", "read x </dev/tty", PTY},
    {"a password", "read -s -p 'Password: ' x", PTY | SECRET},
    {"getpass", PYTHON "import getpass; getpass.getpass()'", PTY | SECRET},
    {"a shell with a job behind", "set -m; sleep 60 & read x", BOTH},
    {"a shell with a hundred jobs", "for i in {1..100}; do sleep 60 & done; read x", BOTH},
    {"an orphan", "(sh -c 'read x' <&3 &) 3<&0; exec sleep 60", PIPE},
    {"a terminal within", "exec script -qc 'read -p \"Go on? \" x' /dev/null", BOTH},
};

static const struct row other_rows[] = {
    {"busy", "while :; do :; done", BOTH},
    {"asleep", "exec sleep 60", BOTH},
    {"a shell that waits for its child", "sleep 60; true", BOTH},
    {"read of a pipe that nobody writes", "sleep 60 | cat", BOTH},
    {"a socket", PYTHON "import socket; a, b = socket.socketpair(); a.recv(1)'", BOTH},
    {"a server",
     PYTHON "import socket, select; s = socket.create_server((\"127.0.0.1\", 0)); "
            "select.select([s], [], [])'",
     BOTH},
    {"epoll without input",
     PYTHON "import select, socket; a, b = socket.socketpair(); e = select.epoll(); "
            "e.register(a, 1); e.poll()'",
     BOTH},
    {"a thread reads, another one works",
     PYTHON "import threading, os, hashlib\n"
            "threading.Thread(target=os.read, args=(0, 1), daemon=True).start()\n"
            "while True: hashlib.sha256(bytes(1 << 22))'",
     BOTH},
    {"input closed", "exec 0</dev/null; cat; sleep 60", BOTH},
    {"a reader behind, that the terminal stops", "set -m; cat & exec sleep 60", PTY},
    {"one behind that polls the terminal",
     "set -m; python3 -c 'import select; select.select([0], [], [])' & exec sleep 60", PTY},
    {"a stopped one", "sh -c 'kill -STOP $$; read x'", BOTH},
    {"a terminal within, where nobody reads", "exec script -qc 'sleep 60' /dev/null", BOTH},
};

/* How long after `from` it was seen. */
static uint64_t see_waiting(struct fixture *f, const struct row *row, bool is_pty)
{
    struct seen *s = spawn(f, row->script, is_pty);
    fixture_wait(f, is_waiting, s, row->what);
    /* Without output: since it was started, which says too much. */
    uint64_t from_us = s->totals.last_output_us ? s->totals.last_output_us : s->totals.started_us;
    uint64_t ms = (clock_real_us() - from_us) / 1000;
    assert_int_equal(s->totals.waiting, row->inputs & SECRET ? WAITING_SECRET : WAITING_INPUT);
    end(f, s);
    return ms;
}

static void what_waits_is_seen(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(waiting_rows); i++)
        for (unsigned input = PIPE; input <= PTY; input <<= 1) {
            if (!(waiting_rows[i].inputs & input))
                continue;
            uint64_t ms = see_waiting(*state, &waiting_rows[i], input == PTY);
            print_message("%s (%s): %u ms\n", waiting_rows[i].what,
                          input == PTY ? "terminal" : "pipe", (unsigned)ms);
        }
}

static void what_does_not_wait_is_not_seen(void **state)
{
    struct fixture *f = *state;
    struct seen *all[2 * ARRAY_LEN(other_rows)];
    const struct row *rows[2 * ARRAY_LEN(other_rows)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(other_rows); i++)
        for (unsigned input = PIPE; input <= PTY; input <<= 1) {
            if (!(other_rows[i].inputs & input))
                continue;
            rows[n] = &other_rows[i];
            all[n++] = spawn(f, other_rows[i].script, input == PTY);
        }
    watch_for(f, 3 * WATCH_MS);
    for (size_t i = 0; i < n; i++) {
        if (all[i]->has_waited)
            fail_msg("%s was seen waiting", rows[i]->what);
        assert_int_equal(all[i]->n_ended, 0);
        end(f, all[i]);
    }
}

static void a_prompt_is_seen_soon(void **state)
{
    static const struct row row = {"read of bash", "sleep 0.2; read -p 'Go on? ' x", BOTH};
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < TRIES && least > SEEN_WITHIN_MS; i++) {
        uint64_t ms = see_waiting(*state, &row, i % 2);
        least = ms < least ? ms : least;
    }
    assert_true(least <= SEEN_WITHIN_MS);
}

/* The begin of a line is in the journal before anybody is told that it is waited for. */
static void the_prompt_is_there_when_it_is_told(void **state)
{
    struct fixture *f = *state;
    struct seen *s = spawn(f, "read -p 'Go on? ' x", true);
    size_t len;

    fixture_wait(f, is_waiting, s, "it waits");
    CLEANUP(free_p) char *text = fixture_output(f, s, JOURNAL_STDOUT, &len);
    assert_non_null(strstr(text, "Go on? "));
    end(f, s);
}

static void input_ends_the_wait_at_once(void **state)
{
    struct fixture *f = *state;
    for (int is_pty = 0; is_pty < 2; is_pty++) {
        struct seen *s = spawn(f, "read x; sleep 0.5; read y; echo $x$y", is_pty);
        fixture_wait(f, is_waiting, s, "it waits");
        assert_int_equal(fixture_stdin(f, s, "a\n", false, NULL), KEEPER_STDIN_OK);
        fixture_wait(f, is_not_waiting, s, "it goes on");
        s->has_waited = false;
        watch_for(f, 200);
        assert_false(s->has_waited);
        fixture_wait(f, is_waiting, s, "it waits again");
        assert_int_equal(fixture_stdin(f, s, "b\n", false, NULL), KEEPER_STDIN_OK);
        fixture_wait_ended(f, s);
    }
}

/* A begun line is not for who reads lines: it still waits, as is seen after a while. */
static void a_begun_line_leaves_it_waiting(void **state)
{
    struct fixture *f = *state;
    struct seen *s = spawn(f, "stty -echo; read x; echo got $x", true);
    fixture_wait(f, is_waiting, s, "it waits");
    assert_int_equal(fixture_stdin(f, s, "be", false, NULL), KEEPER_STDIN_OK);
    fixture_wait(f, is_not_waiting, s, "it is looked at anew");
    fixture_wait(f, is_waiting, s, "it waits again");
    assert_int_equal(fixture_stdin(f, s, "gun\n", false, NULL), KEEPER_STDIN_OK);
    fixture_wait_output(f, s, "got begun");
    fixture_wait_ended(f, s);
}

/* What was typed ahead is read before anything is waited for. */
static void unread_input_is_no_wait(void **state)
{
    struct fixture *f = *state;
    for (int is_pty = 0; is_pty < 2; is_pty++) {
        struct seen *s = spawn(f, "echo up; sleep 0.6; read x; echo got $x; exec sleep 60", is_pty);
        fixture_wait_output(f, s, "up");
        assert_int_equal(fixture_stdin(f, s, "ahead\n", false, NULL), KEEPER_STDIN_OK);
        fixture_wait_output(f, s, "got ahead");
        watch_for(f, WATCH_MS);
        assert_false(s->has_waited);
        end(f, s);
    }
}

static void after_the_end_of_input_nobody_waits(void **state)
{
    struct fixture *f = *state;
    for (int is_pty = 0; is_pty < 2; is_pty++) {
        struct seen *s = spawn(f, "cat; echo over; exec sleep 60", is_pty);
        fixture_wait(f, is_waiting, s, "it waits");
        assert_int_equal(fixture_stdin(f, s, "", true, NULL), KEEPER_STDIN_OK);
        fixture_wait_output(f, s, "over");
        s->has_waited = false;
        watch_for(f, WATCH_MS);
        assert_false(s->has_waited);
        end(f, s);
    }
}

/* Only who takes input is looked at. */
static void who_takes_no_input_never_waits(void **state)
{
    struct fixture *f = *state;
    struct seen *s = fixture_spawn(f, fixture_script("read x; sleep 60 | cat"));
    watch_for(f, WATCH_MS);
    assert_false(s->has_waited);
    end(f, s);
}

/* Who polls input together with a socket is believed after a second of silence only. */
static void what_a_socket_may_answer_takes_longer(void **state)
{
    struct fixture *f = *state;
    struct seen *s = spawn(f,
                           PYTHON "import select, socket; a, b = socket.socketpair(); "
                                  "print(\"up\", flush=True); select.select([0, a], [], [])'",
                           false);
    fixture_wait_output(f, s, "up");
    fixture_wait(f, is_waiting, s, "it waits");
    assert_true(clock_real_us() - s->totals.last_output_us > 900 * 1000);
    end(f, s);
}

/* The kernel then shows a call of its own, restart_syscall(2). */
static void a_poll_that_was_stopped_goes_on(void **state)
{
    struct fixture *f = *state;
    struct seen *s = spawn(f,
                           "python3 -c 'import select; p = select.poll(); p.register(0, 1); "
                           "p.poll()' <&0 & sleep 0.3; kill -STOP $!; echo stopped; sleep 0.3; "
                           "kill -CONT $!; echo up; wait",
                           false);
    fixture_wait_output(f, s, "stopped");
    s->has_waited = false;
    fixture_wait_output(f, s, "up");
    assert_false(s->has_waited);
    fixture_wait(f, is_waiting, s, "it waits");
    end(f, s);
}

/* A client that comes later is told as well. */
static void who_attaches_later_is_told(void **state)
{
    struct fixture *f = *state;
    struct seen *s = spawn(f, "read x", false);
    fixture_wait(f, is_waiting, s, "it waits");
    fixture_detach(f);
    s->totals.waiting = WAITING_NO;
    fixture_attach(f);
    assert_int_equal(s->n_running, 1);
    assert_true(is_waiting(f, s));
    end(f, s);
}

/* Looks have a budget: many take their turns, and all are seen in the end. */
static void many_are_seen_in_turn(void **state)
{
    struct fixture *f = *state;
    struct seen *all[60];
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        all[i] = spawn(f, "exec cat", i % 2);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        fixture_wait(f, is_waiting, all[i], "each waits");
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        end(f, all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_waits_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_wait_is_not_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_prompt_is_seen_soon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_prompt_is_there_when_it_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(input_ends_the_wait_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_begun_line_leaves_it_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unread_input_is_no_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_the_end_of_input_nobody_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_takes_no_input_never_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_socket_may_answer_takes_longer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_poll_that_was_stopped_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_attaches_later_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_are_seen_in_turn, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
