/* What Redis holds of an execution: written, read back, and refused when it is anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "state/base/id.h"
#include "state/base/json.h"
#include "state/record.h"
#include "tests/unit/exit_equal.h"
#include "tests/unit/random.h"

static struct record example(void)
{
    struct record r = {
        .status = EXECUTION_TIMEOUT,
        .replica = "r1",
        .principal = xstrdup("anonymous"),
        .session_id = xstrdup("r2-abcdefghijklmnopqrstuvwxyz"),
        .command = xstrdup("printf '\"status\":\"running\"\\n'; echo \xc3\xa4"),
        .output = xstrdup("{\"grep\":\"a\\\"b\"}"),
        .interactive = true,
        .waiting = WAITING_SECRET,
        .inputs = UINT64_C(1) << 40,
        .created_us = UINT64_C(1764120000000001),
        .started_us = UINT64_C(1764120000500000),
        .last_output_us = UINT64_C(1764120001999999),
        .changed_us = UINT64_C(1764120001000000),
        .events = 17,
        .output_bytes = 70000,
        .first_event = 3,
        .first_offset = 65536,
        .has_exit = true,
        .exit = {.reason = REASON_TIMEOUT,
                 .exit_code = -9,
                 .term_signal = 9,
                 .error = "a \"quoted\" error",
                 .started_us = UINT64_C(1764120000500000),
                 .ended_us = UINT64_C(1764120002000000),
                 .wall_ms = 1500,
                 .user_ms = 3,
                 .max_rss_bytes = 4096,
                 .events = 17,
                 .output_bytes = 70000,
                 .stdout_bytes = 69000,
                 .stderr_bytes = 1000,
                 .processes_killed = 2},
    };
    id_make("r1", r.id);
    memset(r.stdout_sha256, 'a', 64);
    memset(r.stderr_sha256, '0', 64);
    return r;
}

static void assert_same_text(const char *a, const char *b)
{
    if (a && b)
        assert_string_equal(a, b);
    else
        assert_ptr_equal(a, b);
}

static void check_round_trip(const struct record *r)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(buf_deinit) struct buf again = {0};
    CLEANUP(record_deinit) struct record back = {0};
    record_write(r, &text);
    if (!record_read(text.data, text.len, &back))
        fail_msg("not read: %s", text.data);
    assert_same_text(back.principal, r->principal);
    assert_same_text(back.session_id, r->session_id);
    assert_same_text(back.command, r->command);
    assert_exit_equal(&back.exit, &r->exit);
    assert_int_equal(back.created_us, r->created_us);
    assert_int_equal(back.started_us, r->started_us);
    assert_int_equal(back.last_output_us, r->last_output_us);
    assert_int_equal(back.changed_us, r->changed_us);
    assert_same_text(back.output, r->output);
    assert_int_equal(back.waiting, r->interactive ? r->waiting : WAITING_NO);
    assert_int_equal(back.inputs, r->interactive ? r->inputs : 0);
    assert_int_equal(back.events, r->events);
    assert_int_equal(back.first_offset, r->first_offset);
    record_write(&back, &again);
    assert_string_equal(again.data, text.data);
}

static void reads_back_what_was_written(void **state)
{
    CLEANUP(record_deinit) struct record r = example();
    check_round_trip(&r);
    r.status = EXECUTION_RUNNING;
    r.has_exit = false;
    memset(&r.exit, 0, sizeof(r.exit));
    r.stdout_sha256[0] = r.stderr_sha256[0] = '\0';
    check_round_trip(&r);
    r.interactive = false;
    free(TAKE_PTR(r.output));
    check_round_trip(&r);
    r.status = EXECUTION_PENDING;
    free(r.session_id);
    r.session_id = NULL;
    r.started_us = r.last_output_us = 0;
    r.events = r.output_bytes = r.first_event = r.first_offset = 0;
    check_round_trip(&r);
}

/* Every name of the contract's row `execution:<id>`, and of 1.1. */
static void has_the_contracts_members(void **state)
{
    static const char *const names[] = {
        "id",           "session_id", "command",          "status",        "started_at",
        "completed_at", "exit_code",  "error_message",    "interactive",   "replica",
        "owner",        "bytes_out",  "first_event",      "events",        "signal",
        "reason",       "usage",      "processes_killed", "stdout_sha256", "stderr_sha256"};
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(record_deinit) struct record r = example();
    CLEANUP(json_deletep) cJSON *o = NULL;
    size_t at;
    const char *v;
    record_write(&r, &text);
    assert_int_equal(json_parse(text.data, text.len, &o, &at), JSON_OK);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!json_get(o, names[i]))
            fail_msg("no member %s", names[i]);
    assert_true(json_get_str(o, "signal", &v));
    assert_string_equal(v, "SIGKILL");
    assert_true(json_get_str(o, "completed_at", &v));
    assert_string_equal(v, "2025-11-26T01:20:02.000000Z");
}

/* Scripts look for it there. */
static void the_status_stands_at_the_head(void **state)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(record_deinit) struct record r = example();
    id_make("abcdefghijklmnopqrstuvwx", r.id);
    memcpy(r.replica, "abcdefghijklmnopqrstuvwx", 25);
    record_write(&r, &text);
    const char *at = strstr(text.data, "\"status\":\"timeout\"");
    assert_non_null(at);
    assert_true(at - text.data < RECORD_HEAD_MAX - 32);
    assert_true(at < strstr(text.data, "\"command\""));
}

/* One change each that must not pass. */
static void anything_else_is_refused(void **state)
{
    static const struct {
        const char *is, *becomes;
    } cases[] = {
        {"\"status\":\"timeout\"", "\"status\":\"done\""},
        {"\"status\":\"timeout\"", "\"status\":\"running\""}, /* with an exit */
        {"\"status\":\"timeout\"", "\"status\":\"lost\""},    /* for another reason */
        {"\"replica\":\"r1\"", "\"replica\":\"r2\""},
        {"\"id\":\"r1-", "\"id\":\"../r1-"},
        {"\"id\":\"r1-", "\"id\":\"r1-x"},
        {"\"events\":17,\"bytes", "\"events\":2,\"bytes"}, /* begins behind its end */
        {"\"events\":17,\"bytes", "\"events\":-1,\"bytes"},
        {"\"first_offset\":65536", "\"first_offset\":70001"},
        {"\"first_event\":3", "\"first_event\":3.5"},
        {"\"bytes_out\":70000", "\"bytes_out\":\"70000\""},
        {"\"owner\":\"anonymous\"", "\"owner\":null"},
        {"\"session_id\":\"r2-", "\"session_id\":\"*/../"},
        {"\"interactive\":true", "\"interactive\":1"},
        {"\"waiting\":\"secret\"", "\"waiting\":\"what\""},
        {"\"waiting\":\"secret\"", "\"waits\":\"secret\""},
        {"\"inputs\":", "\"inputs\":-"},
        {"created_at\":\"2025-11-26T", "created_at\":\"2025-02-31T"},
        {"created_at\":\"2025-11-26T", "created_at\":\"1900-11-26T"},
        {"created_at\":\"2025-11-26T", "created_at\":\"2025-11-26 "},
        {"created_at\":\"2025", "created_at\":\"+025"},
        {"aaaa\"", "aaaA\""},
        {"\"exit\":{", "\"exit\":{\"exit_code\":1,"},
        {"\"term_signal\":9", "\"term_signal\":99999999999"},
        {"\"command\":", "\"comment\":"},
        {"}", "} "},
    };
    CLEANUP(record_deinit) struct record r = example();
    CLEANUP(buf_deinit) struct buf text = {0};
    record_write(&r, &text);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct record back;
        struct buf b = {0};
        const char *at = strstr(text.data, cases[i].is);
        if (!at)
            fail_msg("no %s in %s", cases[i].is, text.data);
        buf_append(&b, text.data, (size_t)(at - text.data));
        buf_append_str(&b, cases[i].becomes);
        buf_append_str(&b, at + strlen(cases[i].is));
        if (i == ARRAY_LEN(cases) - 1)
            b.data[b.len - 1] = 'x'; /* something behind the object */
        if (record_read(b.data, b.len, &back))
            fail_msg("taken: %s", b.data);
        buf_deinit(&b);
    }
    struct record back;
    for (size_t len = 0; len < text.len; len++)
        assert_false(record_read(text.data, len, &back));
}

/* ---- events ---- */

static void check_event(const struct record_event *e, const struct execution_exit *x,
                        const char *wanted)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(buf_deinit) struct buf data = {0};
    struct record_event back;
    record_event_write(e, x, &text);
    if (wanted)
        assert_string_equal(text.data, wanted);
    if (!record_event_read(text.data, text.len, &data, &back))
        fail_msg("not read: %s", text.data);
    assert_int_equal(back.number, e->number);
    assert_int_equal(back.record.type, e->record.type);
    assert_int_equal(back.record.flags, e->record.flags);
    assert_int_equal(back.record.time_us, e->record.time_us);
    assert_int_equal(back.record.value, e->record.value);
    assert_int_equal(back.record.length, e->record.length);
    assert_memory_equal(back.data, e->data ? e->data : "", e->record.length);
    assert_int_equal(back.record.note_bytes, e->record.note_bytes);
    assert_memory_equal(back.data, e->data ? e->data : "", e->record.note_bytes);
}

#define NOTE     "{\"reason\":\"network\",\"target\":\"x:443\"}"
#define NOTE_LEN (sizeof(NOTE) - 1)
#define MET      "{\"reason\":\"processes\",\"message\":\"m\"}"

static void events_look_as_the_contract_says(void **state)
{
    const struct execution_exit x = {
        .reason = REASON_EXITED, .exit_code = 3, .started_us = 1, .wall_ms = 250};
    const struct execution_exit failed = {.reason = REASON_SPAWN_FAILED, .error = "exec: gone"};
    const struct {
        struct record_event e;
        const struct execution_exit *x;
        const char *wanted;
    } cases[] = {
        {{.number = 4,
          .record = {.type = JOURNAL_VIOLATION, .note_bytes = NOTE_LEN, .time_us = 7},
          .data = NOTE},
         NULL,
         "{\"event_id\":\"4\",\"type\":\"violation\",\"reason\":\"network\",\"target\":\"x:443\","
         "\"ts\":0.000007}"},
        {{.number = 5,
          .record = {.type = JOURNAL_LIMIT_MET, .note_bytes = sizeof(MET) - 1, .time_us = 7},
          .data = MET},
         NULL,
         "{\"event_id\":\"5\",\"type\":\"resource_limit\",\"reason\":\"processes\","
         "\"message\":\"m\",\"ts\":0.000007}"},
        {{.number = 0, .record = {.type = JOURNAL_READY, .time_us = 1735550000200000}},
         NULL,
         "{\"event_id\":\"0\",\"type\":\"ready\",\"ts\":1735550000.200000}"},
        {{.number = 17,
          .record = {.type = JOURNAL_STDOUT, .length = 6, .time_us = 1735550000200001},
          .data = "a\"\xc3\xa4\x1b\n"},
         NULL,
         "{\"event_id\":\"17\",\"type\":\"stdout\",\"data\":\"a\\\"\xc3\xa4\\u001b\\n\","
         "\"ts\":1735550000.200001}"},
        {{.number = 18,
          .record = {.type = JOURNAL_STDERR, .length = 3, .flags = JOURNAL_PARTIAL, .time_us = 7},
          .data = "\xff\0z"},
         NULL,
         "{\"event_id\":\"18\",\"type\":\"stderr\",\"data\":\"/wB6\",\"encoding\":\"base64\","
         "\"ts\":0.000007,\"partial\":true}"},
        {{.number = 19, .record = {.type = JOURNAL_TIMEOUT, .value = 1500}},
         NULL,
         "{\"event_id\":\"19\",\"type\":\"timeout\",\"timeout_seconds\":1.500,\"ts\":0.000000,"
         "\"value\":1500}"},
        {{.number = 20, .record = {.type = JOURNAL_LIMIT, .value = REASON_OOM}},
         NULL,
         "{\"event_id\":\"20\",\"type\":\"resource_limit\",\"reason\":\"oom\",\"ts\":0.000000,"
         "\"value\":6}"},
        {{.number = 21, .record = {.type = JOURNAL_EXIT, .value = 3}},
         &x,
         "{\"event_id\":\"21\",\"type\":\"exit\",\"code\":3,\"duration_ms\":250,\"ts\":0.000000,"
         "\"value\":3}"},
        {{.number = 22, .record = {.type = JOURNAL_EXIT, .value = (uint64_t)-9}}, NULL, NULL},
        {{.number = 23, .record = {.type = JOURNAL_ERROR, .value = 2}},
         &failed,
         "{\"event_id\":\"23\",\"type\":\"error\",\"message\":\"exec: gone\",\"ts\":0.000000,"
         "\"value\":2}"},
        {{.number = 24, .record = {.type = JOURNAL_CANCELLED}}, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_event(&cases[i].e, cases[i].x, cases[i].wanted);
}

/* Bytes of any kind, and what a terminal might print. */
static void every_byte_comes_back(void **state)
{
    struct random rnd = {.state = 4711};
    static char data[JOURNAL_RECORD_MAX];
    for (int i = 0; i < 300; i++) {
        uint32_t len = (uint32_t)random_below(&rnd, i % 10 ? 300 : JOURNAL_RECORD_MAX + 1);
        bool is_text = random_below(&rnd, 2);
        for (uint32_t j = 0; j < len; j++)
            data[j] = (char)random_below(&rnd, is_text ? 128 : 256);
        const struct record_event e = {
            .number = random_below(&rnd, 1000000000),
            .record = {.type = random_below(&rnd, 2) ? JOURNAL_STDOUT : JOURNAL_STDERR,
                       .flags = random_below(&rnd, 2) ? JOURNAL_PARTIAL : 0,
                       .length = len,
                       .time_us = random_below(&rnd, UINT64_C(4000000000000000))},
            .data = data};
        check_event(&e, NULL, NULL);
    }
}

static void an_event_that_is_none_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"event_id\":17,\"type\":\"ready\",\"ts\":1}",
        "{\"event_id\":\"017\",\"type\":\"ready\",\"ts\":1}",
        "{\"event_id\":\"-1\",\"type\":\"ready\",\"ts\":1}",
        "{\"event_id\":\"1.00005\",\"type\":\"ready\",\"ts\":1}",
        "{\"event_id\":\"1111111111111111\",\"type\":\"ready\",\"ts\":1}",
        "{\"event_id\":\"1\",\"type\":\"Ready\",\"ts\":1}",
        "{\"event_id\":\"1\",\"type\":\"ready\",\"ts\":-1}",
        "{\"event_id\":\"1\",\"type\":\"ready\",\"ts\":1e30}",
        "{\"event_id\":\"1\",\"type\":\"ready\",\"ts\":\"1\"}",
        "{\"event_id\":\"1\",\"type\":\"ready\",\"ts\":1,\"partial\":1}",
        "{\"event_id\":\"1\",\"type\":\"ready\",\"ts\":1,\"value\":1.5}",
        "{\"event_id\":\"1\",\"type\":\"stdout\",\"ts\":1}",
        "{\"event_id\":\"1\",\"type\":\"stdout\",\"data\":1,\"ts\":1}",
        "{\"event_id\":\"1\",\"type\":\"stdout\",\"data\":\"a\\u0000b\",\"ts\":1}",
        "{\"event_id\":\"1\",\"type\":\"stdout\",\"data\":\"YQ==\",\"encoding\":\"hex\",\"ts\":1}",
        "{\"event_id\":\"1\",\"type\":\"stdout\",\"data\":\"YQ\",\"encoding\":\"base64\",\"ts\":1}",
        "{\"event_id\":\"1\",\"type\":\"stdout\",\"data\":\"\",\"encoding\":\"base64\",\"ts\":1}",
        "{\"event_id\":\"1\",\"type\":\"stdout\",\"data\":\"Y===\",\"encoding\":\"base64\",\"ts\":"
        "1}",
        "{\"event_id\":\"1\",\"type\":\"stdout\",\"data\":\"Y=Q=\",\"encoding\":\"base64\",\"ts\":"
        "1}",
        "{\"event_id\":\"1\",\"type\":\"stdout\",\"data\":\"Y "
        "Q=\",\"encoding\":\"base64\",\"ts\":1}",
    };
    CLEANUP(buf_deinit) struct buf data = {0};
    struct record_event e;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (record_event_read(texts[i], strlen(texts[i]), &data, &e))
            fail_msg("taken: %s", texts[i]);
}

static void more_than_a_record_is_refused(void **state)
{
    CLEANUP(buf_deinit) struct buf data = {0};
    struct record_event e;
    for (size_t over = 0; over < 2; over++) {
        CLEANUP(buf_deinit) struct buf text = {0};
        buf_append_str(&text, "{\"event_id\":\"1\",\"type\":\"stdout\",\"ts\":1,\"data\":\"");
        for (size_t i = 0; i < JOURNAL_RECORD_MAX + over; i++)
            buf_append_char(&text, 'x');
        buf_append_str(&text, "\"}");
        assert_int_equal(record_event_read(text.data, text.len, &data, &e), over == 0);
    }
}

static void check_key(char *key, const char *expected)
{
    assert_string_equal(key, expected);
    free(key);
}

static void a_key_says_where_its_principal_ends(void **state)
{
    check_key(record_owner_key("token"), "owner:token:executions");
    check_key(record_idempotency_key("token", "build-42"), "idempotency:token:build-42");
    check_key(record_idempotency_key("a", "b:c%d"), "idempotency:a:b:c%d");
    check_key(record_idempotency_key("a:b", "c%d"), "idempotency:a%3Ab:c%d");
    check_key(record_idempotency_key("a%3Ab", "c%d"), "idempotency:a%253Ab:c%d");
    check_key(record_owner_key("https://id.example/u"), "owner:https%3A//id.example/u:executions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_was_written),
        cmocka_unit_test(has_the_contracts_members),
        cmocka_unit_test(the_status_stands_at_the_head),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(events_look_as_the_contract_says),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(an_event_that_is_none_is_refused),
        cmocka_unit_test(more_than_a_record_is_refused),
        cmocka_unit_test(a_key_says_where_its_principal_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
