/* What clients keep for us: only what we signed, for whom and what we signed it, in its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "server/mcp/state_key.h"
#include "server/mcp/state_token.h"
#include "state/base/clock.h"
#include "tests/unit/temp_dir.h"

static const unsigned char key[MCP_STATE_KEY_BYTES] = {1, 2, 3};
static const struct state_binding to = {.key = key,
                                        .key_len = sizeof(key),
                                        .principal = "alice",
                                        .method = "tools/call",
                                        .target = "execute_code"};

static void expect_payload(const struct state_binding *by, const char *token, const char *payload)
{
    CLEANUP(free_p) char *got = state_token_read(by, token);
    if (!payload) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, payload);
}

static void what_was_signed_is_read_back(void **state)
{
    static const char *const payloads[] = {"", "x", "0:0123456789abcdef.r1-x",
                                           "{\"a\":\"\xc3\xa4\"}"};
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        CLEANUP(free_p) char *token = state_token_make(&to, payloads[i], 1000);
        expect_payload(&to, token, payloads[i]);
    }
}

static void every_changed_character_is_noticed(void **state)
{
    static const char others[] = "AZaz09+/=!";
    CLEANUP(free_p) char *token = state_token_make(&to, "what it says", 1000);
    for (size_t i = 0; token[i]; i++) {
        char was = token[i];
        for (const char *other = others; *other; other++) {
            if (*other == was)
                continue;
            token[i] = *other;
            expect_payload(&to, token, NULL);
        }
        token[i] = was;
    }
    for (size_t len = strlen(token); len-- > 0;) {
        token[len] = '\0';
        expect_payload(&to, token, NULL);
    }
}

static void it_is_good_for_what_it_was_made_for_only(void **state)
{
    CLEANUP(free_p) char *token = state_token_make(&to, "x", 1000);
    struct state_binding other = to;
    other.principal = "bob";
    expect_payload(&other, token, NULL);
    other = to;
    other.method = "cursor tools/call";
    expect_payload(&other, token, NULL);
    other = to;
    other.target = "list_files";
    expect_payload(&other, token, NULL);
    other = to;
    other.target = "execute_code_"; /* nor may a part move from one string to the next */
    expect_payload(&other, token, NULL);
    static const unsigned char other_key[MCP_STATE_KEY_BYTES] = {1, 2, 4};
    other = to;
    other.key = other_key;
    expect_payload(&other, token, NULL);
}

static void it_expires_unless_it_is_for_ever(void **state)
{
    uint64_t mono = clock_mono_us(), real = clock_real_us();
    clock_hold(mono, real);
    CLEANUP(free_p) char *token = state_token_make(&to, "x", 1000);
    CLEANUP(free_p) char *lasting = state_token_make(&to, "x", STATE_TOKEN_FOREVER);
    clock_hold(mono, real + 999000);
    expect_payload(&to, token, "x");
    clock_hold(mono, real + 1002000);
    expect_payload(&to, token, NULL);
    clock_hold(mono, real + UINT64_C(1000000) * 86400 * 36500);
    expect_payload(&to, lasting, "x");
    clock_hold(0, 0);
}

static void a_shared_secret_makes_the_same_key_everywhere(void **state)
{
    struct config a = {.state_secret = (char *)"0123456789abcdef", .state_dir = (char *)"/nowhere"};
    struct config b = {.state_secret = (char *)"0123456789abcdeg", .state_dir = (char *)"/nowhere"};
    unsigned char first[MCP_STATE_KEY_BYTES], same[MCP_STATE_KEY_BYTES], other[MCP_STATE_KEY_BYTES];
    assert_int_equal(state_key_load(&a, first), 0);
    assert_int_equal(state_key_load(&a, same), 0);
    assert_int_equal(state_key_load(&b, other), 0);
    assert_memory_equal(first, same, sizeof(first));
    assert_memory_not_equal(first, other, sizeof(first));
}

static void without_a_secret_the_key_outlives_a_restart(void **state)
{
    struct config c = {.state_dir = *state};
    unsigned char first[MCP_STATE_KEY_BYTES], again[MCP_STATE_KEY_BYTES];
    CLEANUP(free_p) char *path = temp_path(*state, "state.key");
    struct stat st;
    assert_int_equal(state_key_load(&c, first), 0);
    assert_int_equal(state_key_load(&c, again), 0);
    assert_memory_equal(first, again, sizeof(first));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    /* A file that is no key is replaced by one. */
    assert_int_equal(file_replace(*state, "state.key", "short", 5), 0);
    assert_int_equal(state_key_load(&c, again), 0);
    assert_memory_not_equal(first, again, sizeof(first));
    assert_int_equal(state_key_load(&c, first), 0);
    assert_memory_equal(first, again, sizeof(first));
}

static void a_directory_that_takes_no_key_is_told(void **state)
{
    CLEANUP(free_p) char *dir = temp_path(*state, "missing");
    struct config c = {.state_dir = dir};
    unsigned char any[MCP_STATE_KEY_BYTES];
    assert_true(state_key_load(&c, any) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_signed_is_read_back),
        cmocka_unit_test(every_changed_character_is_noticed),
        cmocka_unit_test(it_is_good_for_what_it_was_made_for_only),
        cmocka_unit_test(it_expires_unless_it_is_for_ever),
        cmocka_unit_test(a_shared_secret_makes_the_same_key_everywhere),
        temp_dir_test(without_a_secret_the_key_outlives_a_restart),
        temp_dir_test(a_directory_that_takes_no_key_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
