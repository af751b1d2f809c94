/* Which value is in force: the defaults, and the four layers over each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "config/profile.h"
#include "tests/unit/config_fixture.h"

static struct outcome run_well(const struct setup *s)
{
    struct outcome o = fixture_run(s);
    assert_string_equal(o.errors, "");
    assert_int_equal(o.action, CONFIG_RUN);
    return o;
}
#define RUN_WELL(...) run_well(&(const struct setup){__VA_ARGS__})

static void check_runtime(const struct config *c, const char *language, const char *a,
                          const char *b)
{
    for (size_t i = 0; i < c->n_runtimes; i++) {
        if (strcmp(c->runtimes[i].language, language) != 0)
            continue;
        assert_string_equal(c->runtimes[i].argv[0], a);
        assert_string_equal(c->runtimes[i].argv[1], b);
        assert_string_equal(c->runtimes[i].argv[2], "{code}");
        assert_null(c->runtimes[i].argv[3]);
        return;
    }
    fail_msg("no runtime for %s", language);
}

static void the_defaults_are_those_of_the_contract(void **state)
{
    CLEANUP(outcome_deinit) struct outcome o = RUN_WELL(.yaml = NULL);
    const struct config *c = o.config;
    assert_string_equal(c->host, "127.0.0.1");
    assert_int_equal(c->port, 8080);
    assert_null(c->token);
    assert_null(c->redis_url);
    assert_int_equal(c->max_concurrent, 10);
    assert_int_equal(c->max_per_session, 5);
    assert_int_equal(c->timeout_ms, 300000);
    assert_string_equal(c->log_file, "sandbox_server.log");
    assert_int_equal(c->log_max_bytes, 10 * 1024 * 1024);
    assert_int_equal(c->log_keep_days, 7);
    assert_int_equal(c->retention_ttl_ms, 3600000);
    assert_false(c->insecure);
    assert_null(c->unix_socket);
    assert_null(c->allowed_hosts.v);
    assert_int_equal(c->allowed_hosts.n, 0);
    assert_int_equal(c->log_format, CONFIG_LOG_KV);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_int_equal(c->max_output_bytes, 1ull << 30);
    assert_int_equal(c->environment_whitelist.n, 5);
    assert_string_equal(c->environment_whitelist.v[4], "TERM");
    assert_null(c->environment_whitelist.v[5]);
    assert_int_equal(c->n_runtimes, 6);
    check_runtime(c, "python", "python3", "-c");
    check_runtime(c, "node", "node", "-e");
    check_runtime(c, "bash", "bash", "-c");
    check_runtime(c, "sh", "sh", "-c");
    check_runtime(c, "perl", "perl", "-e");
    check_runtime(c, "ruby", "ruby", "-e");
}

static void the_file_wins_over_the_defaults(void **state)
{
    CLEANUP(outcome_deinit) struct outcome o = RUN_WELL(.yaml = "server: {port: 1}\n");
    assert_int_equal(o.config->port, 1);
    assert_string_equal(o.config->host, "127.0.0.1");
}

static void the_environment_wins_over_the_file(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o =
        RUN_WELL(.yaml = "server: {port: 1}\nlimits: {timeout: 7}\n", .env = {"SANDBOX_PORT=2"});
    assert_int_equal(o.config->port, 2);
    assert_int_equal(o.config->timeout_ms, 7000);
}

static void flags_win_over_the_environment(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o = RUN_WELL(.yaml = "server: {port: 1}\n", .env = {"SANDBOX_PORT=2"},
                                .flags = {"--port", "3"});
    assert_int_equal(o.config->port, 3);
}

static void the_last_flag_wins(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o = RUN_WELL(.flags = {"--port=3", "--set", "server.port=4", "-p", "5"});
    assert_int_equal(o.config->port, 5);
}

static void every_variable_of_the_contract_is_read(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o =
        RUN_WELL(.env = {"SANDBOX_HOST=::1", "SANDBOX_MAX_CONCURRENT=11", "SANDBOX_TIMEOUT=12",
                         "SANDBOX_MAX_PER_SESSION=6", "SANDBOX_LOG_FILE=a.log",
                         "SANDBOX_REPLICA_ID=r1", "SANDBOX_STATE_DIR=/s"});
    assert_string_equal(o.config->host, "::1");
    assert_int_equal(o.config->max_concurrent, 11);
    assert_int_equal(o.config->max_per_session, 6);
    assert_int_equal(o.config->timeout_ms, 12000);
    assert_string_equal(o.config->log_file, "a.log");
    assert_string_equal(o.config->replica_id, "r1");
    assert_string_equal(o.config->state_dir, "/s");
}

static void every_flag_of_the_contract_is_read(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o =
        RUN_WELL(.flags = {"--host=0.0.0.0", "-p80", "-t", "0123456789abcdef", "--max-concurrent=3",
                           "--max-per-session", "2", "--timeout=1m", "--log-file", "",
                           "--replica-id=r2", "--state-dir=/t"});
    assert_string_equal(o.config->host, "0.0.0.0");
    assert_int_equal(o.config->port, 80);
    assert_string_equal(o.config->token, "0123456789abcdef");
    assert_int_equal(o.config->max_concurrent, 3);
    assert_int_equal(o.config->max_per_session, 2);
    assert_int_equal(o.config->timeout_ms, 60000);
    assert_string_equal(o.config->log_file, "");
    assert_string_equal(o.config->replica_id, "r2");
    assert_string_equal(o.config->state_dir, "/t");
}

static void every_type_is_read_from_the_file(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o =
        RUN_WELL(.yaml = "server:\n"
                         "  unix_socket: /run/x.sock\n"
                         "  insecure: yes\n"
                         "  max_body: 1MiB\n"
                         "  heartbeat: 500ms\n"
                         "  threads: \"3\"\n"
                         "  allowed_hosts:\n    - a.example\n    - 'b.example'\n"
                         "  allowed_origins: [\"https://a.example\"]\n"
                         "log: {format: json, level: error, file: \"\"}\n"
                         "exec: {environment_whitelist: [], working_directory: /w, keeper: ~}\n");
    const struct config *c = o.config;
    assert_string_equal(c->unix_socket, "/run/x.sock");
    assert_true(c->insecure);
    assert_int_equal(c->max_body_bytes, 1 << 20);
    assert_int_equal(c->heartbeat_ms, 500);
    assert_int_equal(c->threads, 3);
    assert_int_equal(c->allowed_hosts.n, 2);
    assert_string_equal(c->allowed_hosts.v[1], "b.example");
    assert_null(c->allowed_hosts.v[2]);
    assert_string_equal(c->allowed_origins.v[0], "https://a.example");
    assert_int_equal(c->log_format, CONFIG_LOG_JSON);
    assert_int_equal(c->log_level, LOG_ERR);
    assert_string_equal(c->log_file, "");
    assert_int_equal(c->environment_whitelist.n, 0);
    assert_null(c->environment_whitelist.v);
    assert_string_equal(c->working_directory, "/w");
    assert_null(c->keeper_path);
}

static void set_reaches_every_key(void **state)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        if (!k->preset)
            continue;
        CLEANUP(mem_free_p) char *set = mem_format("--set=%s=%s", k->path, k->preset);
        CLEANUP(outcome_deinit) struct outcome o = RUN_WELL(.flags = {set});
        assert_non_null(o.config);
    }
    CLEANUP(outcome_deinit)
    struct outcome o =
        RUN_WELL(.flags = {"--set", "server.allowed_hosts=[a, b]", "--set", "log.level=debug",
                           "--set", "exec.runtimes.lua=[lua, -e, \"{code}\"]", "--set",
                           "server.unix_socket="});
    assert_int_equal(o.config->allowed_hosts.n, 2);
    assert_int_equal(o.config->log_level, LOG_DEBUG);
    assert_null(o.config->unix_socket);
    assert_int_equal(o.config->n_runtimes, 7);
    check_runtime(o.config, "lua", "lua", "-e");
}

static void a_profile_is_the_default_but_for_what_it_says(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o =
        RUN(.yaml = "sandbox:\n  profile: build\n  profiles:\n    build: {network: proxy}\n",
            .flags = {"--set", "sandbox.profiles.build.tmp_size=1MiB"});
    assert_int_equal(o.action, CONFIG_RUN);
    assert_int_equal(o.config->n_profiles, 3);
    const struct config_profile *none = config_profile_find(o.config, "none"),
                                *preset = config_profile_find(o.config, "default"),
                                *build = config_profile_find(o.config, "build");
    assert_int_equal(none->isolation, CONFIG_ISOLATION_NONE);
    assert_int_equal(preset->isolation, CONFIG_ISOLATION_BWRAP);
    assert_int_equal(preset->network, CONFIG_NETWORK_NONE);
    assert_int_equal(preset->tmp_bytes, 256 << 20);
    assert_int_equal(build->network, CONFIG_NETWORK_PROXY);
    assert_int_equal(build->tmp_bytes, 1 << 20);
    assert_int_equal(build->read_only.n, preset->read_only.n);
    assert_string_equal(build->read_only.v[0], "/usr");
    assert_null(config_profile_find(o.config, "other"));
}

static void runtimes_are_replaced_added_and_removed_one_by_one(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o = RUN_WELL(.yaml = "exec:\n"
                                        "  runtimes:\n"
                                        "    python: [pypy, -c, \"{code}\"]\n"
                                        "    perl: []\n"
                                        "    c++: [cxx, --, \"{code}\"]\n");
    assert_int_equal(o.config->n_runtimes, 6);
    check_runtime(o.config, "python", "pypy", "-c");
    check_runtime(o.config, "c++", "cxx", "--");
    check_runtime(o.config, "node", "node", "-e");
    for (size_t i = 0; i < o.config->n_runtimes; i++)
        assert_string_not_equal(o.config->runtimes[i].language, "perl");
}

static void an_empty_variable_is_unset_except_where_it_says_something(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o = RUN_WELL(.yaml = "auth: {token: 0123456789abcdef}\nserver: {port: 7}\n",
                                .env = {"SANDBOX_AUTH_TOKEN=", "SANDBOX_PORT=", "REDIS_URL=",
                                        "SANDBOX_LOG_FILE="});
    assert_string_equal(o.config->token, "0123456789abcdef");
    assert_int_equal(o.config->port, 7);
    assert_null(o.config->redis_url);
    assert_string_equal(o.config->log_file, "");
    CLEANUP(outcome_deinit) struct outcome open = RUN_WELL(.env = {"SANDBOX_AUTH_TOKEN="});
    assert_null(open.config->token);
}

static void variables_that_only_look_like_ours_are_left_alone(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o =
        RUN_WELL(.env = {"SANDBOX_PORTS=1", "XSANDBOX_PORT=2", "SANDBOX_PORT", "PORT=3"});
    assert_int_equal(o.config->port, 8080);
}

static void an_empty_file_or_section_changes_nothing(void **state)
{
    static const char *const files[] = {"", "# nothing\n", "server:\nlimits: ~\n", "---\n"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CLEANUP(outcome_deinit) struct outcome o = RUN_WELL(.yaml = files[i]);
        assert_int_equal(o.config->port, 8080);
    }
}

static void the_file_in_etc_is_read_when_none_is_named(void **state)
{
    fixture_write("etc.yaml", "server: {port: 5}\n");
    CLEANUP(outcome_deinit) struct outcome named = RUN_WELL(.yaml = "", .etc_file = "etc.yaml");
    assert_int_equal(named.config->port, 8080);
    CLEANUP(outcome_deinit) struct outcome o = RUN_WELL(.etc_file = "etc.yaml");
    assert_int_equal(o.config->port, 5);
    CLEANUP(outcome_deinit) struct outcome below = RUN_WELL(.etc_file = "etc.yaml/below");
    assert_int_equal(below.config->port, 8080);
}

static void a_replica_is_called_like_its_host(void **state)
{
    static const char *const cases[][2] = {
        {"web-1.Example.COM", "web_1_example_com"},
        {"a_b", "a_b"},
        {"", "replica"},
        {"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwx"},
        {"h\xc3\xb6st", "h__st"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(outcome_deinit) struct outcome o = RUN_WELL(.host_name = cases[i][0]);
        assert_string_equal(o.config->replica_id, cases[i][1]);
    }
}

static void state_goes_where_it_can_be_written(void **state)
{
    fixture_write("config.yaml", ""); /* a file: nobody can make a directory below it */
    static const char no[] = "config.yaml/state";
    static const struct {
        struct setup setup;
        const char *dir;
    } cases[] = {
        {{.state_dir = "/tmp"}, "/tmp"},
        {{.state_dir = "/tmp/mcp-execd-not-there"}, "/tmp/mcp-execd-not-there"},
        {{.state_dir = no, .env = {"XDG_STATE_HOME=/x", "HOME=/h"}}, "/x/mcp-execd"},
        {{.state_dir = no, .env = {"HOME=/h"}}, "/h/.local/state/mcp-execd"},
        {{.state_dir = no, .env = {"XDG_STATE_HOME=x", "HOME=/h"}}, "/h/.local/state/mcp-execd"},
        {{.state_dir = "/tmp/not/there", .env = {"HOME=/h"}}, "/h/.local/state/mcp-execd"},
        {{.state_dir = "/tmp", .env = {"SANDBOX_STATE_DIR=/e"}}, "/e"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(outcome_deinit) struct outcome o = run_well(&cases[i].setup);
        assert_string_equal(o.config->state_dir, cases[i].dir);
    }
}

/* One that a client runs: nothing of the machine's service, and nothing left where it was started.
 */
static void stdio_has_defaults_of_its_own(void **state)
{
    fixture_write("etc.yaml", "limits:\n  timeout: 7\n");
    CLEANUP(outcome_deinit)
    struct outcome o = run_well(&(struct setup){.etc_file = "etc.yaml", .flags = {"--stdio"}});
    assert_true(o.config->stdio);
    assert_null(o.config->state_dir); /* a private one is made when it is needed */
    assert_string_equal(o.config->log_file, "");
    assert_int_equal(o.config->timeout_ms, 300 * 1000);
    CLEANUP(outcome_deinit)
    struct outcome alone = fixture_run(&(struct setup){
        .env = {"REDIS_URL=redis://h", "SANDBOX_HOST=0.0.0.0"}, .flags = {"--stdio"}});
    assert_string_equal(alone.errors, "warning: REDIS_URL: not used with --stdio: the "
                                      "server of one client shares nothing\n");
    assert_int_equal(alone.action, CONFIG_RUN);
    assert_null(alone.config->redis_url);
    CLEANUP(outcome_deinit)
    struct outcome named = run_well(&(struct setup){.yaml = "limits:\n  timeout: 7\n",
                                                    .env = {"SANDBOX_LOG_FILE=/l"},
                                                    .flags = {"--stdio", "--state-dir=/t"}});
    assert_string_equal(named.config->state_dir, "/t");
    assert_string_equal(named.config->log_file, "/l");
    assert_int_equal(named.config->timeout_ms, 7 * 1000);
}

static void a_relative_state_directory_becomes_absolute(void **state)
{
    CLEANUP(mem_free_p) char *here = getcwd(NULL, 0);
    CLEANUP(mem_free_p) char *wanted = mem_format("%s/state", here);
    CLEANUP(outcome_deinit) struct outcome o = RUN_WELL(.flags = {"--state-dir", "state"});
    assert_string_equal(o.config->state_dir, wanted);
}

static void loopback_needs_no_token(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "127.9.9.9", "localhost", "::1",
                                        "::ffff:127.0.0.1"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        CLEANUP(outcome_deinit) struct outcome o = RUN_WELL(.flags = {"--host", hosts[i]});
        assert_string_equal(o.config->host, hosts[i]);
    }
}

static void the_world_may_ask_with_a_token(void **state)
{
    CLEANUP(outcome_deinit)
    struct outcome o =
        RUN_WELL(.flags = {"--host=0.0.0.0"}, .env = {"SANDBOX_AUTH_TOKEN=0123456789abcdef"});
    assert_string_equal(o.config->token, "0123456789abcdef");
}

static void config_free_takes_null(void **state)
{
    config_free(NULL);
}

/* The entry that main() calls: with what this machine has. */
static void variables_that_are_secrets_are_forgotten(void **state)
{
    char *const token = strdup("SANDBOX_AUTH_TOKEN=0123456789abcdef");
    assert_int_equal(putenv(token), 0);
    assert_int_equal(setenv("SANDBOX_HOST", "127.0.0.1", 1), 0);
    config_forget_secrets();
    assert_null(getenv("SANDBOX_AUTH_TOKEN"));
    assert_string_equal(token, "SANDBOX_AUTH_TOKEN="); /* the memory that /proc shows */
    assert_string_equal(getenv("SANDBOX_HOST"), "127.0.0.1");
    free(token);
}

static void config_load_looks_at_this_machine(void **state)
{
    char *argv[] = {(char *)"mcp-execd", (char *)"--config=config.yaml", (char *)"--port=0", NULL};
    char *environ_[] = {(char *)"HOME=/h", NULL};
    struct config *c = NULL;
    fixture_write("config.yaml", "");
    assert_int_equal(config_load(3, argv, environ_, &c), CONFIG_RUN);
    assert_int_equal(c->port, 0);
    assert_true(c->replica_id[0]);
    assert_int_equal(c->state_dir[0], '/');
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_of_the_contract),
        cmocka_unit_test(the_file_wins_over_the_defaults),
        cmocka_unit_test(the_environment_wins_over_the_file),
        cmocka_unit_test(flags_win_over_the_environment),
        cmocka_unit_test(the_last_flag_wins),
        cmocka_unit_test(every_variable_of_the_contract_is_read),
        cmocka_unit_test(every_flag_of_the_contract_is_read),
        cmocka_unit_test(every_type_is_read_from_the_file),
        cmocka_unit_test(set_reaches_every_key),
        cmocka_unit_test(a_profile_is_the_default_but_for_what_it_says),
        cmocka_unit_test(runtimes_are_replaced_added_and_removed_one_by_one),
        cmocka_unit_test(an_empty_variable_is_unset_except_where_it_says_something),
        cmocka_unit_test(variables_that_only_look_like_ours_are_left_alone),
        cmocka_unit_test(an_empty_file_or_section_changes_nothing),
        cmocka_unit_test(the_file_in_etc_is_read_when_none_is_named),
        cmocka_unit_test(a_replica_is_called_like_its_host),
        cmocka_unit_test(state_goes_where_it_can_be_written),
        cmocka_unit_test(stdio_has_defaults_of_its_own),
        cmocka_unit_test(a_relative_state_directory_becomes_absolute),
        cmocka_unit_test(loopback_needs_no_token),
        cmocka_unit_test(the_world_may_ask_with_a_token),
        cmocka_unit_test(config_free_takes_null),
        cmocka_unit_test(config_load_looks_at_this_machine),
        cmocka_unit_test(variables_that_are_secrets_are_forgotten),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
