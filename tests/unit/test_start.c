/* From arguments to what is run: command, runtime, directory, environment, limits, request hash. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "server/mcp/environment.h"
#include "server/mcp/request_hash.h"
#include "server/mcp/sandbox_config.h"
#include "server/mcp/start.h"
#include "server/mcp/workspace.h"
#include "state/base/id.h"
#include "tests/unit/temp_dir.h"

static char *sh_argv[] = {(char *)"sh",     (char *)"-c",      (char *)"{code}",
                          (char *)"{code}", (char *)"{code }", NULL};
static char *absent_argv[] = {(char *)"no-such-program-anywhere", (char *)"{code}", NULL};
static char *python_argv[] = {(char *)"/bin/sh", (char *)"-e", (char *)"{code}", NULL};
static struct config_runtime config_runtimes[] = {
    {.language = (char *)"sh", .argv = sh_argv},
    {.language = (char *)"cobol", .argv = absent_argv},
    {.language = (char *)"python", .argv = python_argv}};
static char *inherited[] = {(char *)"TEST_INHERITED", (char *)"TEST_UNSET", NULL};

struct fixture {
    struct config config;
    struct runtimes runtimes;
    char *dir;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    if (temp_dir_setup((void **)&f->dir) < 0)
        return -1;
    f->config = (struct config){.state_dir = f->dir,
                                .shell = (char *)"/bin/sh",
                                .environment_whitelist = {.v = inherited, .n = 2},
                                .runtimes = config_runtimes,
                                .n_runtimes = ARRAY_LEN(config_runtimes),
                                .timeout_ms = 300000,
                                .max_timeout_ms = 3600000,
                                .max_memory_bytes = 1024 << 20,
                                .kill_grace_ms = 3000,
                                .max_open_files = 1024};
    runtimes_init(&f->runtimes, &f->config);
    *state = f;
    return setenv("TEST_INHERITED", "yes", 1);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    void *dir = f->dir;
    runtimes_deinit(&f->runtimes);
    free(f);
    return temp_dir_teardown(&dir);
}

static struct exec_spec *start(const struct fixture *f, const char *json, char **error)
{
    CLEANUP(json_deletep) cJSON *arguments = cJSON_Parse(json);
    assert_non_null(arguments);
    const struct start_options o = {.config = &f->config,
                                    .runtimes = &f->runtimes,
                                    .principal = "alice",
                                    .session = "s1",
                                    .arguments = arguments,
                                    .is_sync = true};
    *error = NULL;
    return start_spec(&o, error);
}

static void check_refused(const struct fixture *f, const char *json, const char *text)
{
    CLEANUP(free_p) char *error = NULL;
    CLEANUP(exec_spec_freep) struct exec_spec *s = start(f, json, &error);
    assert_null(s);
    assert_non_null(error);
    if (!strstr(error, text))
        fail_msg("\"%s\" does not say \"%s\"", error, text);
}

static struct exec_spec *check_started(const struct fixture *f, const char *json)
{
    CLEANUP(free_p) char *error = NULL;
    struct exec_spec *s = start(f, json, &error);
    if (error)
        fail_msg("%s", error);
    return s;
}

static void a_command_is_run_by_the_shell_in_the_sessions_directory(void **state)
{
    const struct fixture *f = *state;
    CLEANUP(free_p) char *cwd = temp_path(f->dir, "workspaces/s1");
    CLEANUP(exec_spec_freep) struct exec_spec *s = check_started(f, "{\"command\":\"echo $X\"}");
    struct stat st;
    assert_string_equal(s->argv[0], "/bin/sh");
    assert_string_equal(s->argv[1], "-c");
    assert_string_equal(s->argv[2], "echo $X");
    assert_null(s->argv[3]);
    assert_string_equal(s->command, "echo $X");
    assert_string_equal(s->cwd, cwd);
    assert_int_equal(stat(cwd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_string_equal(s->principal, "alice");
    assert_string_equal(s->session_id, "s1");
    assert_true(s->sync);
    assert_false(s->interactive);
    assert_int_equal(s->limits.timeout_ms, 300000);
    assert_null(s->idempotency_key);
}

static void code_takes_the_place_of_the_word_for_it(void **state)
{
    CLEANUP(exec_spec_freep)
    struct exec_spec *s = check_started(*state, "{\"language\":\"shell\",\"code\":\"echo 1\"}");
    assert_int_equal(s->argv[0][0], '/'); /* looked up in PATH */
    assert_string_equal(s->argv[1], "-c");
    assert_string_equal(s->argv[2], "echo 1");
    assert_string_equal(s->argv[3], "echo 1");
    assert_string_equal(s->argv[4], "{code }");
    assert_null(s->argv[5]);
    assert_string_equal(s->command, "shell: echo 1");
    CLEANUP(exec_spec_freep)
    struct exec_spec *py = check_started(*state, "{\"language\":\"py\",\"code\":\"1\"}");
    assert_string_equal(py->argv[0], "/bin/sh");
    assert_string_equal(py->argv[1], "-e");
}

static void what_cannot_be_run_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"{}", "command is required"},
        {"{\"command\":\"x\",\"code\":\"y\"}", "exclude each other"},
        {"{\"language\":\"python\"}", "code is required with language"},
        {"{\"code\":\"1\"}", "language is required with code"},
        {"{\"language\":\"fortran\",\"code\":\"1\"}",
         "language \"fortran\" has no runtime on this server: there are sh, python"},
        {"{\"language\":\"cobol\",\"code\":\"1\"}", "has no runtime on this server"},
        {"{\"command\":\"x\",\"working_directory\":\"/no/such\"}",
         "working_directory /no/such can't be used: No such file or directory"},
        {"{\"command\":\"x\",\"working_directory\":\"below\"}",
         "/workspaces/s1/below can't be used"},
        {"{\"command\":\"x\",\"working_directory\":\"/etc/passwd\"}", "Not a directory"},
        {"{\"command\":\"x\",\"environment\":{\"1A\":\"x\"}}", "\"1A\" is no name of a variable"},
        {"{\"command\":\"x\",\"environment\":{\"\":\"x\"}}", "\"\" is no name of a variable"},
        {"{\"command\":\"x\",\"environment\":{\"A=B\":\"x\"}}", "is no name of a variable"},
        {"{\"command\":\"x\",\"environment\":{\"MCP_EXECUTION_ID\":\"x\"}}", "are reserved"},
        {"{\"command\":\"x\",\"sandbox_config\":{\"network\":{\"denied_domains\":[\"a\"]}}}",
         "sandbox_config.network needs a sandbox, which this server does not offer"},
        {"{\"command\":\"x\",\"sandbox_config\":{\"filesystem\":{\"denyRead\":[]}}}",
         "sandbox_config.filesystem needs a sandbox"},
        {"{\"command\":\"x\",\"sandbox_config\":{\"resource_limits\":{\"max_memory_mb\":1025}}}",
         "sandbox_config.resource_limits.max_memory_mb: 1025 is more than this server grants "
         "(1024): ask for less, or have the operator raise limits.max_memory"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_refused(*state, rows[i][0], rows[i][1]);
}

static void limits_are_narrowed_by_either_spelling(void **state)
{
    CLEANUP(exec_spec_freep)
    struct exec_spec *s = check_started(
        *state, "{\"command\":\"x\",\"timeout_seconds\":0.25,\"sandbox_config\":{\"network\":{},"
                "\"resourceLimits\":{\"maxMemoryMb\":64,\"max_cpu_seconds\":2,"
                "\"maxFileSizeMb\":3,\"max_processes\":4}}}");
    assert_int_equal(s->limits.timeout_ms, 250);
    assert_int_equal(s->limits.max_memory_bytes, 64 << 20);
    assert_int_equal(s->limits.max_cpu_ms, 2000);
    assert_int_equal(s->limits.max_file_bytes, 3 << 20);
    assert_int_equal(s->limits.max_processes, 4);
    assert_int_equal(s->limits.kill_grace_ms, 3000);
    assert_int_equal(s->limits.max_open_files, 1024);
}

static const char *find_env(char *const *env, const char *name)
{
    size_t n = strlen(name);
    const char *found = NULL;
    for (; *env; env++) {
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') {
            assert_null(found); /* once */
            found = *env + n + 1;
        }
    }
    return found;
}

static void the_environment_is_what_is_granted_and_named(void **state)
{
    const struct fixture *f = *state;
    CLEANUP(free_p) char *home = temp_path(f->dir, "workspaces/s1");
    CLEANUP(exec_spec_freep)
    struct exec_spec *s = check_started(
        f, "{\"command\":\"x\",\"environment\":{\"A_1\":\"one = 1\",\"PATH\":\"/opt\"}}");
    assert_string_equal(find_env(s->env, "TEST_INHERITED"), "yes");
    assert_string_equal(find_env(s->env, "A_1"), "one = 1");
    assert_string_equal(find_env(s->env, "PATH"), "/opt");
    assert_string_equal(find_env(s->env, "HOME"), home);
    assert_null(find_env(s->env, "TEST_UNSET"));
    assert_null(find_env(s->env, "TMPDIR"));
    assert_null(find_env(s->env, "TERM"));
    CLEANUP(exec_spec_freep)
    struct exec_spec *pty = check_started(f, "{\"command\":\"x\",\"pty\":true}");
    assert_non_null(find_env(pty->env, "TERM"));
    assert_true(pty->pty && pty->interactive);
}

static void an_environment_that_is_too_large_is_refused(void **state)
{
    struct buf b = {0};
    buf_append_str(&b, "{\"command\":\"x\",\"environment\":{\"A\":\"");
    for (size_t i = 0; i < ENVIRONMENT_MAX_BYTES - 3; i++)
        buf_append_char(&b, 'x');
    size_t len = b.len;
    buf_append_str(&b, "\"}}");
    CLEANUP(exec_spec_freep) struct exec_spec *s = check_started(*state, b.data);
    assert_non_null(s);
    b.len = len;
    buf_append_str(&b, "y\"}}");
    check_refused(*state, b.data, "environment has more than 65536 bytes");
    buf_deinit(&b);
}

static void a_directory_that_is_there_is_used(void **state)
{
    const struct fixture *f = *state;
    CLEANUP(free_p) char *below = temp_path(f->dir, "workspaces/s1/below");
    assert_int_equal(dir_make(below), 0);
    CLEANUP(exec_spec_freep)
    struct exec_spec *s = check_started(f, "{\"command\":\"x\",\"working_directory\":\"below\"}");
    assert_string_equal(s->cwd, below);
    CLEANUP(exec_spec_freep)
    struct exec_spec *t = check_started(f, "{\"command\":\"x\",\"working_directory\":\"/\"}");
    assert_string_equal(t->cwd, "/");
}

/* A principal may be any text: its directory is below the workspaces whatever it is. */
static void a_principals_directory_stays_below_the_workspaces(void **state)
{
    const struct fixture *f = *state;
    static const char *const principals[] = {"alice", "../../etc", "a/b", "", "..", "user@x.org"};
    CLEANUP(free_p) char *base = temp_path(f->dir, "workspaces/");
    for (size_t i = 0; i < ARRAY_LEN(principals); i++) {
        const struct workspace_options o = {.config = &f->config, .principal = principals[i]};
        CLEANUP(free_p) char *home = NULL;
        assert_int_equal(workspace_home(&o, &home), 0);
        assert_memory_equal(home, base, strlen(base));
        assert_null(strchr(home + strlen(base), '/'));
        assert_null(strchr(home + strlen(base), '.'));
    }
}

/* Else it went with the session that it seems to be of, which does not exist. */
static void a_principal_named_like_a_session_has_no_directory_named_so(void **state)
{
    const struct fixture *f = *state;
    char id[ID_MAX + 1];
    id_make("r1", id);
    const struct workspace_options o = {.config = &f->config, .principal = id};
    CLEANUP(free_p) char *home = NULL;
    assert_int_equal(workspace_home(&o, &home), 0);
    assert_false(id_is_valid(strrchr(home, '/') + 1));
}

static void equal_requests_have_equal_hashes(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_equal;
    } rows[] = {
        {"{\"command\":\"x\",\"pty\":true}", "{\"pty\":true, \"command\":\"x\"}", true},
        {"{\"command\":\"x\"}", "{\"command\":\"x\",\"timeout_seconds\":null}", true},
        {"{\"command\":\"x\"}", "{\"command\":\"x\",\"wait_seconds\":5}", true},
        {"{\"command\":\"x\"}", "{\"command\":\"y\"}", false},
        {"{\"command\":\"x\"}", "{\"command\":\"x\",\"environment\":{}}", false},
        {"{\"environment\":{\"A\":\"1\",\"B\":\"2\"}}",
         "{\"environment\":{\"B\":\"2\",\"A\":\"1\"}}", true},
        {"{\"environment\":{\"A\":\"1\"}}", "{\"environment\":{\"A\":\"2\"}}", false},
        {"{\"environment\":{\"wait_seconds\":\"1\"}}", "{\"environment\":{}}", false},
    };
    static const char *const without[] = {"wait_seconds", NULL};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_deletep) cJSON *a = cJSON_Parse(rows[i].a);
        CLEANUP(json_deletep) cJSON *b = cJSON_Parse(rows[i].b);
        char hash_a[SHA256_HEX + 1], hash_b[SHA256_HEX + 1];
        request_hash(a, without, hash_a);
        request_hash(b, without, hash_b);
        assert_int_equal(strlen(hash_a), SHA256_HEX);
        assert_int_equal(strcmp(hash_a, hash_b) == 0, rows[i].is_equal);
    }
}

static void a_key_brings_the_requests_hash(void **state)
{
    CLEANUP(exec_spec_freep)
    struct exec_spec *a = check_started(*state, "{\"command\":\"x\",\"idempotency_key\":\"k\"}");
    CLEANUP(exec_spec_freep)
    struct exec_spec *b = check_started(
        *state, "{\"idempotency_key\":\"k\",\"command\":\"x\",\"output\":{\"format\":\"text\"}}");
    assert_string_equal(a->idempotency_key, "k");
    assert_string_equal(a->request_hash, b->request_hash);
}

#define START_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        START_TEST(a_command_is_run_by_the_shell_in_the_sessions_directory),
        START_TEST(code_takes_the_place_of_the_word_for_it),
        START_TEST(what_cannot_be_run_is_refused),
        START_TEST(limits_are_narrowed_by_either_spelling),
        START_TEST(the_environment_is_what_is_granted_and_named),
        START_TEST(an_environment_that_is_too_large_is_refused),
        START_TEST(a_directory_that_is_there_is_used),
        START_TEST(a_principals_directory_stays_below_the_workspaces),
        START_TEST(a_principal_named_like_a_session_has_no_directory_named_so),
        START_TEST(equal_requests_have_equal_hashes),
        START_TEST(a_key_brings_the_requests_hash),
    };
    return cmocka_run_group_tests_name("start", tests, NULL, NULL);
}
