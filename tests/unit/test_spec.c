#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "state/spec.h"
#include "tests/unit/temp_dir.h"

#define ID "r1-abcdefghijklmnopqrstuvwx27"

/* A string that may be written to, as the members of a spec are. */
#define S(text) ((char[]){text})

static char *argv_odd[] = {S("/bin/sh"),
                           S("-c"),
                           S(""),
                           S(" a  b "),
                           S("\"quoted\" \\ \x01\n\t\x7f"),
                           S("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                           S("\\u0000"),
                           NULL};
static char *env_odd[] = {S("A="), S("B=x=y"), S("NO_EQUALS"), S("C=\n"), NULL};

static struct spec_sandbox sandbox_odd = {
    .profile = S("build"),
    .workspace = S("/state/workspaces/a \"b\""),
    .wrap = argv_odd,
    .checks = env_odd,
    .uid = 200001,
    .can_pool = true,
    .network = SPEC_NETWORK_PROXY,
    .allowed_domains = env_odd,
    .denied_domains = argv_odd,
    .allowed_ports = env_odd,
    .allowed_addresses = argv_odd,
    .proxy_secret = S("s3cret"),
};

static const struct exec_spec full = {
    .id = ID,
    .principal = S("somebody \"else\""),
    .session_id = S("r1-session"),
    .command = S("echo 'a\nb'"),
    .argv = argv_odd,
    .env = env_odd,
    .cwd = S("/tmp/\xc3\xa9"),
    .idempotency_key = S("key/1"),
    .request_hash = S("00ff"),
    .interactive = true,
    .sync = true,
    .created_us = UINT64_C(1735787045678901),
    .limits = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, UINT64_C(1) << 53},
    .sandbox = &sandbox_odd,
};

static void assert_strv_equal(char *const *a, char *const *b)
{
    for (; *a && *b; a++, b++)
        assert_string_equal(*a, *b);
    assert_null(*a);
    assert_null(*b);
}

static void assert_str_equal(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
}

static void assert_sandbox_equal(const struct spec_sandbox *a, const struct spec_sandbox *b)
{
    assert_int_equal(!a, !b);
    if (!a)
        return;
    assert_string_equal(a->profile, b->profile);
    assert_string_equal(a->workspace, b->workspace);
    assert_strv_equal(a->wrap, b->wrap);
    assert_strv_equal(a->checks, b->checks);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->can_pool, b->can_pool);
    assert_int_equal(a->network, b->network);
    assert_strv_equal(a->allowed_domains, b->allowed_domains);
    assert_strv_equal(a->denied_domains, b->denied_domains);
    assert_strv_equal(a->allowed_ports, b->allowed_ports);
    assert_strv_equal(a->allowed_addresses, b->allowed_addresses);
    assert_str_equal(a->proxy_secret, b->proxy_secret);
}

static void assert_spec_equal(const struct exec_spec *a, const struct exec_spec *b)
{
    assert_string_equal(a->id, b->id);
    assert_str_equal(a->principal, b->principal);
    assert_str_equal(a->session_id, b->session_id);
    assert_str_equal(a->command, b->command);
    assert_strv_equal(a->argv, b->argv);
    assert_strv_equal(a->env, b->env);
    assert_str_equal(a->cwd, b->cwd);
    assert_str_equal(a->idempotency_key, b->idempotency_key);
    assert_str_equal(a->request_hash, b->request_hash);
    assert_int_equal(a->interactive, b->interactive);
    assert_int_equal(a->pty, b->pty);
    assert_int_equal(a->sync, b->sync);
    assert_int_equal(a->created_us, b->created_us);
    assert_memory_equal(&a->limits, &b->limits, sizeof(a->limits));
    assert_sandbox_equal(a->sandbox, b->sandbox);
}

static void reads_back_exactly_what_was_written(void **state)
{
    struct exec_spec s = full, *back = NULL;
    assert_int_equal(exec_spec_write(&s, *state), 0);
    assert_int_equal(exec_spec_read(*state, &back), 0);
    assert_spec_equal(&s, back);
    assert_null(exec_spec_free(back));
}

static void reads_back_a_spec_without_what_is_optional(void **state)
{
    struct exec_spec s = full, *back = NULL;
    char *no_env[] = {NULL}, *one[] = {S("/bin/true"), NULL};
    s.session_id = s.idempotency_key = s.request_hash = NULL;
    s.env = no_env;
    s.argv = one;
    s.interactive = s.sync = false;
    s.pty = true;
    s.limits = (struct execution_limits){0};
    s.sandbox = NULL;
    assert_int_equal(exec_spec_write(&s, *state), 0);
    assert_int_equal(exec_spec_read(*state, &back), 0);
    assert_spec_equal(&s, back);
    exec_spec_free(back);
    assert_null(exec_spec_free(NULL));
}

static void only_its_owner_can_read_the_file(void **state)
{
    struct exec_spec s = full;
    char *path = temp_path(*state, "spec.json");
    struct stat st;
    assert_int_equal(exec_spec_write(&s, *state), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    free(path);
}

static void refuses_to_write_what_would_not_come_back(void **state)
{
    char *bad[] = {S("/bin/true"), S("\xff"), NULL};
    struct exec_spec s = full, *back = NULL;
    s.argv = bad;
    assert_int_equal(exec_spec_write(&s, *state), -EILSEQ);
    s = full;
    s.env = bad;
    assert_int_equal(exec_spec_write(&s, *state), -EILSEQ);
    s = full;
    s.cwd = bad[1];
    assert_int_equal(exec_spec_write(&s, *state), -EILSEQ);
    assert_int_equal(exec_spec_read(*state, &back), -ENOENT);
}

/* The file of full, with the first `from` replaced. */
static int read_with(const char *dir, const char *from, const char *to, struct exec_spec **ret)
{
    struct exec_spec s = full;
    char *path = temp_path(dir, "spec.json"), *text;
    struct buf b = {0};
    size_t len;
    assert_int_equal(exec_spec_write(&s, dir), 0);
    assert_int_equal(file_read(path, 100000, &text, &len), 0);
    char *at = strstr(text, from);
    assert_non_null(at);
    buf_append(&b, text, (size_t)(at - text));
    buf_append_str(&b, to);
    buf_append_str(&b, at + strlen(from));
    assert_int_equal(file_replace(dir, "spec.json", b.data, b.len), 0);
    buf_deinit(&b);
    free(text);
    free(path);
    return exec_spec_read(dir, ret);
}

static void unknown_members_are_passed_over(void **state)
{
    struct exec_spec s = full, *back = NULL;
    assert_int_equal(read_with(*state, "{\"id\"", "{\"new\":[{}],\"id\"", &back), 0);
    assert_spec_equal(&s, back);
    exec_spec_free(back);
}

static void a_damaged_file_is_no_spec(void **state)
{
    static const char *const damages[][2] = {
        {ID, "../../etc"},
        {"\"principal\"", "\"p\""},
        {"\"command\"", "\"c\""},
        {"\"cwd\":\"", "\"cwd\":1,\"x\":\""},
        {"\"session_id\":\"", "\"session_id\":7,\"x\":\""},
        {"\"argv\":[", "\"argv\":[],\"x\":["},
        {"\"argv\":[", "\"argv\":[1,"},
        {"\"argv\":[", "\"argv\":{},\"x\":["},
        {"\"env\":[", "\"env\":null,\"x\":["},
        {"\"interactive\":true", "\"interactive\":1"},
        {"\"pty\":false", "\"pty\":null"},
        {"\"sync\":true", "\"sync\":\"true\""},
        {"\"created_us\":", "\"created_us\":-"},
        {"\"timeout_ms\":1", "\"timeout_ms\":1.5"},
        {"\"max_open_files\"", "\"max\""},
        {"\"limits\":{", "\"limits\":[],\"x\":{"},
        {"\"id\":", "\"id\":\"" ID "\",\"id\":"},
        {"}}", "}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct exec_spec *back = NULL;
        if (read_with(*state, damages[i][0], damages[i][1], &back) != -EBADMSG || back)
            fail_msg("taken: %s", damages[i][1]);
    }
}

static void an_empty_or_missing_file_is_told_apart(void **state)
{
    struct exec_spec *back = NULL;
    assert_int_equal(exec_spec_read(*state, &back), -ENOENT);
    assert_int_equal(file_replace(*state, "spec.json", "", 0), 0);
    assert_int_equal(exec_spec_read(*state, &back), -EBADMSG);
    assert_null(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_dir_test(reads_back_exactly_what_was_written),
        temp_dir_test(reads_back_a_spec_without_what_is_optional),
        temp_dir_test(only_its_owner_can_read_the_file),
        temp_dir_test(refuses_to_write_what_would_not_come_back),
        temp_dir_test(unknown_members_are_passed_over),
        temp_dir_test(a_damaged_file_is_no_spec),
        temp_dir_test(an_empty_or_missing_file_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
