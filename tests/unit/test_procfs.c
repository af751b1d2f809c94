/* What /proc says of a thread. Samples are of Linux 6.1, x86-64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "exec/keeper/procfs.h"
#include "state/base/macro.h"

static void a_name_may_hold_anything(void **state)
{
    struct procfs_stat s;

    assert_true(procfs_stat_parse("7 (a) R 1 (b)) S 5 6 7 34817 8 4194560 1 0", &s));
    assert_int_equal(s.state, 'S');
    assert_int_equal(s.parent, 5);
    assert_int_equal(s.group, 6);
    assert_int_equal(s.session, 7);
    assert_int_equal(s.terminal, makedev(136, 1));
    assert_int_equal(s.terminal_group, 8);
}

static void a_large_device_number_is_put_together(void **state)
{
    struct procfs_stat s;

    /* Minor 0x12345: its low byte, the major, the rest. */
    assert_true(procfs_stat_parse("7 (a) S 5 6 7 305170501 -1 0", &s));
    assert_int_equal(s.terminal, makedev(136, 0x12345));
    assert_int_equal(s.terminal_group, -1);
    assert_true(procfs_stat_parse("7 (a) S 5 6 7 0 -1 0", &s));
    assert_int_equal(s.terminal, 0);
}

static void what_is_no_stat_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "7",
                                      "7 (a)",
                                      "7 (a) ",
                                      "7 (a) S",
                                      "7 (a) S 5 6 7 8",
                                      "7 (a) S 5 6 x 8 9",
                                      "7 (a)S 5 6 7 8 9",
                                      "7 (a) S 5 6 99999999999999999999 8 9"};
    struct procfs_stat s;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(procfs_stat_parse(bad[i], &s));
}

static void parse_call(int number, struct procfs_syscall *ret)
{
    char text[200];
    snprintf(text, sizeof(text),
             "%d 0x7 0x7fff5a1c 0x400 0xffffffffffffffff 0x0 0x0 0x7ffe42de3ce8 0x7f140f6d3503\n",
             number);
    assert_true(procfs_syscall_parse(text, ret));
}

static void calls_that_wait_for_input_are_known(void **state)
{
    static const struct {
        int number;
        enum procfs_call call;
    } rows[] = {
        {SYS_read, PROCFS_CALL_READ},         {SYS_readv, PROCFS_CALL_READ},
        {SYS_ppoll, PROCFS_CALL_POLL},        {SYS_pselect6, PROCFS_CALL_SELECT},
        {SYS_epoll_pwait, PROCFS_CALL_EPOLL}, {SYS_restart_syscall, PROCFS_CALL_RESTART},
        {SYS_nanosleep, PROCFS_CALL_OTHER},   {SYS_wait4, PROCFS_CALL_OTHER},
        {SYS_futex, PROCFS_CALL_OTHER},       {SYS_recvfrom, PROCFS_CALL_OTHER},
    };
    struct procfs_syscall s;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        parse_call(rows[i].number, &s);
        assert_int_equal(s.call, rows[i].call);
        assert_int_equal(s.args[0], 7);
        assert_int_equal(s.args[1], 0x7fff5a1c);
    }
}

static void a_thread_that_runs_waits_for_nothing(void **state)
{
    struct procfs_syscall s;
    assert_true(procfs_syscall_parse("running\n", &s));
    assert_int_equal(s.call, PROCFS_CALL_NONE);
    assert_true(procfs_syscall_parse("-1 0x7ffe42de3ce8 0x7f140f6d3503\n", &s));
    assert_int_equal(s.call, PROCFS_CALL_OTHER);
    assert_false(procfs_syscall_parse("", &s));
    assert_false(procfs_syscall_parse("run", &s));
    assert_false(procfs_syscall_parse("0 0x7", &s));
    assert_false(procfs_syscall_parse("0 0x99999999999999999 0x1", &s));
}

static void sleeps_are_counted(void **state)
{
    uint64_t n;

    assert_true(procfs_switches_parse("Name:\tx\nvoluntary_ctxt_switches:\t17\n"
                                      "nonvoluntary_ctxt_switches:\t4\n",
                                      &n));
    assert_int_equal(n, 17);
    assert_false(procfs_switches_parse("Name:\tx\nnonvoluntary_ctxt_switches:\t4\n", &n));
    assert_false(procfs_switches_parse("\nvoluntary_ctxt_switches:\n", &n));
    assert_false(procfs_switches_parse("", &n));
}

static const char epoll_text[] =
    "pos:\t0\nflags:\t02000002\nmnt_id:\t16\nino:\t1057\n"
    "tfd:       14 events:       19 data:                e  pos:0 ino:421 sdev:f\n"
    "tfd:        0 events: 40000001 data:                0  pos:0 ino:3 sdev:18\n"
    "tfd:        9 events:        4 data:                0  pos:0 ino:3 sdev:18\n"
    "tfd:        8 events:        0 data:                0  pos:0 ino:3 sdev:18\n"
    "tfd:  x events: 1\ntfd:        7 event: 1\n";

static void a_set_is_what_is_watched_for_input(void **state)
{
    int fds[4] = {-1, -1, -1, -1};

    assert_int_equal(procfs_epoll_parse(epoll_text, fds, 4), 2);
    assert_int_equal(fds[0], 14);
    assert_int_equal(fds[1], 0);
    assert_int_equal(fds[2], -1);
    assert_int_equal(procfs_epoll_parse(epoll_text, fds, 1), 2); /* more than there is room for */
    assert_int_equal(procfs_epoll_parse("", fds, 4), 0);
    assert_int_equal(procfs_epoll_parse("\n\n", fds, 4), 0);
}

static void children_are_taken_one_by_one(void **state)
{
    const char *text = "12 345 6 ";
    assert_int_equal(procfs_children_next(&text), 12);
    assert_int_equal(procfs_children_next(&text), 345);
    assert_int_equal(procfs_children_next(&text), 6);
    assert_int_equal(procfs_children_next(&text), 0);
    text = "-3";
    assert_int_equal(procfs_children_next(&text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_may_hold_anything),
        cmocka_unit_test(a_large_device_number_is_put_together),
        cmocka_unit_test(what_is_no_stat_is_refused),
        cmocka_unit_test(calls_that_wait_for_input_are_known),
        cmocka_unit_test(a_thread_that_runs_waits_for_nothing),
        cmocka_unit_test(sleeps_are_counted),
        cmocka_unit_test(a_set_is_what_is_watched_for_input),
        cmocka_unit_test(children_are_taken_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
