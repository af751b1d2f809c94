/* Bearer tokens: what is let in, what is not, and what a client is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/auth/auth.h"
#include "server/auth/token.h"

#define SECRET "c0rrect-horse-battery"

/* An exchange is what its functions say: here, one header. */
struct exchange {
    const char *authorization;
    size_t count;
};

const char *exchange_header(const struct exchange *x, const char *name, size_t *ret_count)
{
    assert_string_equal(name, "authorization");
    if (ret_count)
        *ret_count = x->count;
    return x->authorization;
}

/* Would be linked by who looks for a token there. */
const char *exchange_query(const struct exchange *x)
{
    fail_msg("the query was read");
    return "access_token=" SECRET;
}

static void judges_the_authorization_header(void **state)
{
    static const struct {
        const char *header;
        size_t count;
        enum token_verdict verdict;
    } cases[] = {
        {"Bearer " SECRET, 1, TOKEN_GOOD},
        {"bearer " SECRET, 1, TOKEN_GOOD},
        {"BEARER   " SECRET, 1, TOKEN_GOOD},
        {NULL, 0, TOKEN_MISSING},
        {"", 1, TOKEN_MISSING},
        {"Bearer", 1, TOKEN_MISSING},
        {"Bearer ", 1, TOKEN_MISSING},
        {"Bearer    ", 1, TOKEN_MISSING},
        {"Bearer" SECRET, 1, TOKEN_MISSING},
        {"Bearer\t" SECRET, 1, TOKEN_MISSING},
        {"Bearer: " SECRET, 1, TOKEN_MISSING},
        {SECRET, 1, TOKEN_MISSING},
        {"Basic " SECRET, 1, TOKEN_MISSING},
        {"Bearer " SECRET " " SECRET, 1, TOKEN_MISSING},
        {"Bearer " SECRET "\t", 1, TOKEN_MISSING},
        {"Bearer " SECRET, 2, TOKEN_MISSING},
        {"Bearer C0rrect-horse-battery", 1, TOKEN_WRONG},
        {"Bearer c0rrect-horse-batter", 1, TOKEN_WRONG},
        {"Bearer " SECRET "y", 1, TOKEN_WRONG},
        {"Bearer x", 1, TOKEN_WRONG},
        {"Bearer " SECRET "," SECRET, 1, TOKEN_WRONG},
    };
    struct token t;
    token_init(&t, SECRET);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum token_verdict v = token_check(&t, cases[i].header, cases[i].count);
        if (v != cases[i].verdict)
            fail_msg("%s: %d", cases[i].header ? cases[i].header : "(none)", (int)v);
    }
}

static void does_not_take_its_digest_for_the_token(void **state)
{
    struct token t;
    char header[sizeof("Bearer ") + TOKEN_DIGEST_LEN] = "Bearer ";
    token_init(&t, SECRET);
    memcpy(header + strlen("Bearer "), t.digest, TOKEN_DIGEST_LEN);
    assert_int_not_equal(token_check(&t, header, 1), TOKEN_GOOD);
}

static char *ask(char *token, const struct exchange *x, const char **ret_challenge, bool *ret_open)
{
    struct config c = {.token = token};
    struct auth *a = auth_new(&c);
    struct authenticator auth = auth_authenticator(a);
    *ret_challenge = NULL;
    *ret_open = auth.is_open;
    char *principal = auth.check(auth.arg, x, ret_challenge);
    assert_null(auth_free(a));
    return principal;
}

static void everyone_is_anonymous_without_a_token(void **state)
{
    const struct exchange requests[] = {{NULL, 0}, {"Bearer whatever", 1}};
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        const char *challenge;
        bool is_open;
        CLEANUP(free_p) char *principal = ask(NULL, &requests[i], &challenge, &is_open);
        assert_string_equal(principal, "anonymous");
        assert_null(challenge);
        assert_true(is_open);
    }
}

static void who_sends_the_token_is_the_principal_token(void **state)
{
    const struct exchange x = {"Bearer " SECRET, 1};
    const char *challenge;
    bool is_open;
    CLEANUP(free_p) char *principal = ask((char *)SECRET, &x, &challenge, &is_open);
    assert_string_equal(principal, "token");
    assert_null(challenge);
    assert_false(is_open);
}

static void a_refusal_says_what_is_missing_or_wrong(void **state)
{
    static const struct {
        struct exchange x;
        const char *challenge;
    } cases[] = {
        {{NULL, 0}, "Bearer realm=\"mcp-execd\""},
        {{"Basic dTpw", 1}, "Bearer realm=\"mcp-execd\""},
        {{"Bearer wrong", 1},
         "Bearer realm=\"mcp-execd\", error=\"invalid_token\", "
         "error_description=\"This is not the token the server was set up with\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *challenge;
        bool is_open;
        assert_null(ask((char *)SECRET, &cases[i].x, &challenge, &is_open));
        assert_string_equal(challenge, cases[i].challenge);
    }
}

static void a_token_in_the_query_is_not_looked_at(void **state)
{
    const struct exchange x = {NULL, 0};
    const char *challenge;
    bool is_open;
    assert_null(ask((char *)SECRET, &x, &challenge, &is_open));
}

static void auth_free_takes_null(void **state)
{
    assert_null(auth_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_the_authorization_header),
        cmocka_unit_test(does_not_take_its_digest_for_the_token),
        cmocka_unit_test(everyone_is_anonymous_without_a_token),
        cmocka_unit_test(who_sends_the_token_is_the_principal_token),
        cmocka_unit_test(a_refusal_says_what_is_missing_or_wrong),
        cmocka_unit_test(a_token_in_the_query_is_not_looked_at),
        cmocka_unit_test(auth_free_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
