/* What replicas say to each other: what is written is read back, what is odd is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "state/peer_message.h"

#define ID "r1-abcdefghijklmnopqrstuvwx27"

#define TEXT(s) ((struct peer_text){(s), sizeof(s) - 1})

/* Writes it as the fields of a stream's entry, and reads those. */
static bool pass_on(const struct peer_message *m, struct peer_message *ret)
{
    CLEANUP(redis_args_deinit) struct redis_args args = {0};
    struct peer_text fields[64];
    peer_message_write(m, &args);
    assert_true(args.n <= ARRAY_LEN(fields));
    for (size_t i = 0; i < args.n; i++)
        fields[i] = (struct peer_text){args.v[i], args.len[i]};
    return peer_message_read(fields, args.n, ret);
}

static struct peer_message make(enum peer_op op)
{
    return (struct peer_message){
        .op = op, .id = "r2.1.7", .from = "r2", .exec = ID, .principal = TEXT("alice")};
}

static void assert_text(const struct peer_text *t, const char *data, size_t len)
{
    assert_int_equal(t->len, len);
    assert_memory_equal(t->data, data, len);
}

static void input_arrives_byte_by_byte(void **state)
{
    struct peer_message m = make(PEER_STDIN), seen;
    m.data = TEXT("a\0b\r\n\xff");
    m.input_id = TEXT("answer-1");
    m.eof = 1;
    m.ttl_ms = 5000;
    assert_true(pass_on(&m, &seen));
    assert_int_equal(seen.op, PEER_STDIN);
    assert_string_equal(seen.id, "r2.1.7");
    assert_string_equal(seen.exec, ID);
    assert_text(&seen.data, "a\0b\r\n\xff", 6);
    assert_text(&seen.input_id, "answer-1", 8);
    assert_text(&seen.principal, "alice", 5);
    assert_int_equal(seen.eof, 1);
    assert_int_equal(seen.ttl_ms, 5000);
}

static void no_input_and_empty_input_differ(void **state)
{
    struct peer_message m = make(PEER_STDIN), seen;
    assert_true(pass_on(&m, &seen));
    assert_null(seen.data.data);
    m.data = TEXT("");
    assert_true(pass_on(&m, &seen));
    assert_non_null(seen.data.data);
    assert_int_equal(seen.data.len, 0);
}

static void an_answer_needs_no_execution_but_an_outcome(void **state)
{
    struct peer_message m = {.op = PEER_ANSWER, .id = "r2.1.7", .from = "r1"}, seen;
    assert_false(pass_on(&m, &seen));
    m.outcome = TEXT("ok");
    m.status = EXECUTION_CANCELLED;
    m.first = 12;
    assert_true(pass_on(&m, &seen));
    assert_int_equal(seen.status, EXECUTION_CANCELLED);
    assert_int_equal(seen.first, 12);
}

static void what_is_odd_is_refused(void **state)
{
    struct peer_message seen, good = make(PEER_CANCEL), m;
    assert_true(pass_on(&good, &seen));
#define REFUSED(change)                   \
    do {                                  \
        m = good;                         \
        change;                           \
        assert_false(pass_on(&m, &seen)); \
    } while (0)
    REFUSED(m.from[0] = '\0');
    REFUSED(memcpy(m.from, "R2", 3));
    REFUSED(memcpy(m.exec, "r1-short", 9));
    REFUSED(m.id[0] = '\0');
    REFUSED(m.principal.data = NULL);
    REFUSED(m.principal = TEXT("ali\0ce"));
    REFUSED(m.signo = 65);
    REFUSED(m.force = 2);
    REFUSED(m.status = EXECUTION_STATUS_MAX + 1);
    static const struct peer_text odd[] = {TEXT("op"), TEXT("cancel"), TEXT("id")};
    assert_false(peer_message_read(odd, 3, &seen));
    static const struct peer_text bad[] = {TEXT("signo"), TEXT("9x")};
    assert_false(peer_message_read(bad, 2, &seen));
}

static void fields_of_a_later_version_are_left_aside(void **state)
{
    static const struct peer_text fields[] = {
        TEXT("op"),   TEXT("cancel"), TEXT("id"),        TEXT("x"),     TEXT("from"), TEXT("r2"),
        TEXT("exec"), TEXT(ID),       TEXT("principal"), TEXT("alice"), TEXT("why"),  TEXT("so")};
    struct peer_message seen;
    assert_true(peer_message_read(fields, ARRAY_LEN(fields), &seen));
    assert_int_equal(seen.op, PEER_CANCEL);
}

static void a_stream_is_named_after_its_replica(void **state)
{
    CLEANUP(free_p) char *key = peer_stream_key("r1");
    assert_string_equal(key, "replica:r1:commands");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_arrives_byte_by_byte),
        cmocka_unit_test(no_input_and_empty_input_differ),
        cmocka_unit_test(an_answer_needs_no_execution_but_an_outcome),
        cmocka_unit_test(what_is_odd_is_refused),
        cmocka_unit_test(fields_of_a_later_version_are_left_aside),
        cmocka_unit_test(a_stream_is_named_after_its_replica),
    };
    return cmocka_run_group_tests_name("peer_message", tests, NULL, NULL);
}
