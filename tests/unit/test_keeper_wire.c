/* What the keeper and its servers say: every message comes back as it went, nothing else is taken.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/keeper_wire.h"

#define ID "r1-abcdefghijklmnopqrstuvwxyz"

static char *argv_text[] = {(char *)"/bin/sh", (char *)"-c", (char *)"", NULL};
static char *env_text[] = {(char *)"A=1", NULL};
static char *no_text[] = {NULL};
static char *wrap_text[] = {(char *)"/usr/bin/bwrap", (char *)"--unshare-all", NULL};

static const struct keeper_message samples[] = {
    {.type = KEEPER_HELLO, .hello = {1, 3, "0.1.0"}},
    {.type = KEEPER_ERROR, .text = "not a message"},
    {.type = KEEPER_UPGRADE, .text = "/usr/bin/mcp-exec-keeper"},
    {.type = KEEPER_LIST},
    {.type = KEEPER_RUNNING, .id = ID, .running = {7, 1, 2, 3, 4, WAITING_INPUT, 5}},
    {.type = KEEPER_LIST_END},
    {.type = KEEPER_SPAWN,
     .id = ID,
     .spawn = {.dir = "/d",
               .cwd = "/",
               .argv = argv_text,
               .env = env_text,
               .is_interactive = true,
               .limits = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}},
    {.type = KEEPER_SPAWN,
     .id = ID,
     .spawn = {.dir = "/d", .cwd = "/", .argv = argv_text, .env = no_text, .is_pty = true}},
    {.type = KEEPER_STARTED,
     .id = ID,
     .running = {.pid = 7, .started_us = 1, .events = 2, .output_bytes = 3, .last_output_us = 4}},
    {.type = KEEPER_GREW, .id = ID, .running = {7, 1, 2, 3, UINT64_MAX, WAITING_MAX, UINT64_MAX}},
    {.type = KEEPER_ENDED, .id = ID},
    {.type = KEEPER_STDIN, .id = ID, .input = {5, "a\0b", 3, true, "input"}},
    {.type = KEEPER_STDIN, .id = ID, .input = {6, "", 0, false, NULL}},
    {.type = KEEPER_STDIN_DONE, .input_done = {5, KEEPER_STDIN_GONE}},
    {.type = KEEPER_KILL, .id = ID, .kill = {KEEPER_KILL_SIGNAL, 15, REASON_CANCELLED}},
    {.type = KEEPER_QUIT},
    {.type = KEEPER_SPAWN,
     .id = ID,
     .spawn = {.dir = "/d",
               .cwd = "/",
               .argv = argv_text,
               .env = no_text,
               .sandbox = {.wrap = wrap_text,
                           .checks = env_text,
                           .init = "/usr/bin/mcp-exec-init",
                           .workspace = "/w",
                           .stage = "/mnt",
                           .filter = "filter",
                           .filter_len = 6,
                           .passwd = "sandbox:x:1000:1000:sandbox:/workspace:/bin/sh\n",
                           .group = "",
                           .uid = UINT32_MAX - 1,
                           .wants_listener = true,
                           .can_pool = true,
                           .pool_max = 4,
                           .pool_idle_ms = 5}}},
    {.type = KEEPER_LISTENER, .id = ID, .listener_fd = -1},
    {.type = KEEPER_LIST_END, .host = {true, false, true}},
    {.type = KEEPER_NOTE, .id = ID, .note = {JOURNAL_VIOLATION, "{\"reason\":\"network\"}"}},
};

static void encode(const struct keeper_message *m, struct buf *out)
{
    assert_int_equal(keeper_message_encode(m, out), 0);
}

static void every_message_comes_back_as_it_went(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        CLEANUP(buf_deinit) struct buf packet = {0};
        CLEANUP(buf_deinit) struct buf again = {0};
        struct keeper_message m;

        encode(&samples[i], &packet);
        assert_int_equal(keeper_message_decode(packet.data, packet.len, &m), 0);
        assert_int_equal(m.type, samples[i].type);
        assert_string_equal(m.id, samples[i].id);
        encode(&m, &again);
        assert_int_equal(again.len, packet.len);
        assert_memory_equal(again.data, packet.data, packet.len);
        keeper_message_deinit(&m);
    }
}

static void fields_keep_their_values(void **state)
{
    CLEANUP(buf_deinit) struct buf packet = {0};
    struct keeper_message m;

    encode(&samples[6], &packet);
    assert_int_equal(keeper_message_decode(packet.data, packet.len, &m), 0);
    assert_string_equal(m.spawn.dir, "/d");
    assert_string_equal(m.spawn.argv[1], "-c");
    assert_string_equal(m.spawn.argv[2], "");
    assert_null(m.spawn.argv[3]);
    assert_string_equal(m.spawn.env[0], "A=1");
    assert_null(m.spawn.env[1]);
    assert_true(m.spawn.is_interactive);
    assert_false(m.spawn.is_pty);
    assert_memory_equal(&m.spawn.limits, &samples[6].spawn.limits, sizeof(m.spawn.limits));
    keeper_message_deinit(&m);
    packet.len = 0;
    encode(&samples[11], &packet);
    assert_int_equal(keeper_message_decode(packet.data, packet.len, &m), 0);
    assert_int_equal(m.input.len, 3);
    assert_memory_equal(m.input.data, "a\0b", 3);
    assert_string_equal(m.input.input_id, "input");
}

static void refuse(const void *data, size_t len)
{
    struct keeper_message m;
    /* An own copy of the exact size, so that the sanitizer sees a read behind it. */
    char *copy = malloc(len ? len : 1);
    if (len > 0)
        memcpy(copy, data, len);
    assert_int_equal(keeper_message_decode(copy, len, &m), -EBADMSG);
    free(copy);
}

static void a_packet_cut_anywhere_is_refused(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        CLEANUP(buf_deinit) struct buf packet = {0};
        encode(&samples[i], &packet);
        for (size_t len = 0; len < packet.len; len++) {
            uint32_t size = (uint32_t)len;
            refuse(packet.data, len);
            /* Also when the header agrees with the cut. */
            if (len >= 8) {
                memcpy(packet.data + 4, &size, sizeof(size));
                refuse(packet.data, len);
            }
        }
    }
}

static void bytes_behind_the_last_field_are_refused(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        CLEANUP(buf_deinit) struct buf packet = {0};
        encode(&samples[i], &packet);
        buf_append(&packet, "\0\0\0\0", 4);
        uint32_t size = (uint32_t)packet.len;
        memcpy(packet.data + 4, &size, sizeof(size));
        refuse(packet.data, packet.len);
    }
}

static void what_does_not_fit_into_a_packet_is_refused(void **state)
{
    CLEANUP(buf_deinit) struct buf packet = {0};
    CLEANUP(free_p) char *big = xcalloc(1, KEEPER_MESSAGE_MAX + 1);
    char *argv[] = {(char *)"/bin/true", big, NULL};
    struct keeper_message m = samples[7];

    memset(big, 'x', KEEPER_MESSAGE_MAX);
    m.spawn.argv = argv;
    buf_append_str(&packet, "kept");
    assert_int_equal(keeper_message_encode(&m, &packet), -E2BIG);
    assert_int_equal(packet.len, 4);
    big[200 * 1024] = '\0';
    assert_int_equal(keeper_message_encode(&m, &packet), 0);
    refuse(big, KEEPER_MESSAGE_MAX);
}

static void what_no_end_would_say_is_not_sent(void **state)
{
    struct keeper_message bad[] = {samples[6],  samples[6],  samples[10],
                                   samples[11], samples[14], samples[9]};
    CLEANUP(buf_deinit) struct buf packet = {0};

    bad[0].spawn.cwd = "relative";
    bad[1].spawn.argv = no_text;
    memcpy(bad[2].id, "../../etc", sizeof("../../etc"));
    bad[3].input.len = KEEPER_STDIN_CHUNK_MAX + 1;
    bad[3].input.data = xcalloc(1, bad[3].input.len);
    bad[4].kill.signo = 65;
    bad[5].running.waiting = WAITING_MAX + 1;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(keeper_message_encode(&bad[i], &packet), -EINVAL);
    assert_int_equal(packet.len, 0);
    free((void *)bad[3].input.data);
}

/* A count of strings that the packet can't hold must not make the reader allocate for it. */
static void a_lying_count_is_refused(void **state)
{
    CLEANUP(buf_deinit) struct buf packet = {0};
    uint32_t count = UINT32_MAX;

    encode(&samples[6], &packet);
    char *at = memmem(packet.data, packet.len, "\3\0\0\0\10\0\0\0/bin/sh", 15);
    assert_non_null(at);
    memcpy(at, &count, sizeof(count));
    refuse(packet.data, packet.len);
}

static void the_highest_common_version_is_spoken(void **state)
{
    assert_int_equal(keeper_version_common(KEEPER_VERSION_MIN, KEEPER_VERSION_MIN),
                     KEEPER_VERSION_MIN);
    assert_int_equal(keeper_version_common(KEEPER_VERSION_MIN, 99), KEEPER_VERSION_MAX);
    assert_int_equal(keeper_version_common(KEEPER_VERSION_MAX + 1, 99), 0);
    assert_int_equal(keeper_version_common(0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back_as_it_went),
        cmocka_unit_test(fields_keep_their_values),
        cmocka_unit_test(a_packet_cut_anywhere_is_refused),
        cmocka_unit_test(bytes_behind_the_last_field_are_refused),
        cmocka_unit_test(what_does_not_fit_into_a_packet_is_refused),
        cmocka_unit_test(what_no_end_would_say_is_not_sent),
        cmocka_unit_test(a_lying_count_is_refused),
        cmocka_unit_test(the_highest_common_version_is_spoken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
