/* What is generated from the table of keys: --print-config, --help, the example file, the
 * reference; and the table itself. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/document.h"
#include "tests/unit/config_fixture.h"

/* A configuration in which no key has its default. */
static const char everything[] =
    "server:\n  host: localhost\n  port: 1\n  unix_socket: /run/with space\n  stdio: true\n"
    "  threads: 2\n"
    "  insecure: true\n  max_connections: 3\n  max_streams: 4\n  max_body: 5KiB\n"
    "  max_header: 6KiB\n  request_timeout: 7\n  write_timeout: 8s\n  heartbeat: 9m\n"
    "  update_interval: 39ms\n  drain_timeout: 10h\n  max_stream_buffer: 11MB\n  allowed_hosts: "
    "[\"a: b\", '#c', d]\n"
    "  allowed_origins: [\"https://[::1]:8080\", \"\"]\n"
    "  execution_id_header: true\n"
    "sessions: {max: 12, ttl: 13d}\n"
    "exec:\n  replica_id: \"14\"\n  state_dir: /st\xc3\xa4te\n  keeper: \"null\"\n"
    "  shell: \"/bin/\\\"q\\\\\"\n  working_directory: \"/x # y\"\n"
    "  environment_whitelist: [A]\n"
    "  runtimes:\n    python: []\n    lua: [lua, \"\\t\\n\\u2028\\u0085\\x7f\", \"{code}\"]\n"
    "limits:\n  max_concurrent: 15\n  max_per_session: 16\n  max_pending: 17\n  timeout: 18ms\n"
    "  max_timeout: 19\n  idle_timeout: 20\n  kill_grace: 21\n  max_wait: 22\n"
    "  max_waiters: 23\n  max_watched: 24\n  max_output: 0\n  keep_output: 25\n  max_reply: 26MiB\n"
    "  max_stdin: 27KiB\n  max_command: 28KiB\n  max_memory: 29GiB\n  max_cpu: 30\n"
    "  max_file: 31TB\n  max_processes: 32\n  require_tree: true\n  max_open_files: 33\n"
    "sandbox:\n  profile: build\n  bwrap: /b\n  init: /i\n  first_uid: 60000\n  uids: 9\n"
    "  pool: 0\n  pool_idle: 1s\n  workspace_quota: 0\n  workspace_ttl: 1d\n  profiles:\n"
    "    default: {read_only: [/a b, \"/c: d\"], hidden: []}\n    none: {uid: 0}\n"
    "    build: {network: proxy, allowed_domains: [\"*.example.com\"], tmp_size: 1MiB}\n"
    "tasks: {sync_wait: 40, poll_interval: 41, experimental: true, require_name: true, "
    "ask_secrets: true}\n"
    "confirm:\n  commands: [\"a b\"]\n  profiles: [none]\n  longer_than: 34\n"
    "files:\n  enabled: false\n  max_file: 31MiB\n  max_entries: 333\n"
    "retention:\n  ttl: 34\n  max_executions: 35\n  max_disk: 36MiB\n  min_free: 0\n"
    "egress:\n  max_connections: 51\n  max_per_execution: 52\n  max_header: 53KiB\n"
    "  head_timeout: 54s\n  connect_timeout: 55s\n  idle_timeout: 56s\n"
    "  nameservers: [192.0.2.53, \"192.0.2.54:5353\"]\n  hosts_file: \"\"\n"
    "log:\n  file: \"\"\n  format: json\n  level: debug\n  max_size: 37KiB\n  keep_days: 38\n"
    "redis:\n  tls_ca: /ca\n  tls_cert: /cert\n  tls_key: /key\n  timeout: 39s\n"
    "  max_queue: 40MiB\n  batch: 41ms\n  max_output: 42MiB\n  max_channels: 43\n"
    "  heartbeat_ttl: 44s\n  grace: 45s\n  command_timeout: 46s\n  max_commands: 47\n"
    "  max_shadows: 48\n  max_shadow_bytes: 49MiB\n  shadow_ttl: 50s\n";

/* Without what says where each value came from. */
static void strip_comments(char *text)
{
    char *to = text;
    for (char *line = text; *line;) {
        size_t len = strcspn(line, "\n"), kept = len;
        for (size_t i = 0; i + 1 < len; i++) { /* the last " # " begins the comment */
            if (strncmp(line + i, " # ", 3) == 0)
                kept = i;
        }
        memmove(to, line, kept);
        to += kept;
        *to++ = '\n';
        line += len + (line[len] == '\n');
    }
    *to = '\0';
}

static char *print(const struct setup *s)
{
    struct outcome o = fixture_run(s);
    assert_string_equal(o.errors, "");
    assert_int_equal(o.action, CONFIG_EXIT_OK);
    free(o.errors);
    return o.out;
}

static void check_round_trip(const char *yaml)
{
    CLEANUP(mem_free_p)
    char *once = print(&(struct setup){.yaml = yaml, .flags = {"--print-config"}});
    CLEANUP(mem_free_p)
    char *twice = print(&(struct setup){.yaml = once, .flags = {"--print-config"}});
    CLEANUP(mem_free_p)
    char *thrice = print(&(struct setup){.yaml = twice, .flags = {"--print-config"}});
    assert_string_equal(twice, thrice);
    strip_comments(once);
    strip_comments(twice);
    assert_string_equal(once, twice);
}

static void what_it_prints_says_the_same_again(void **state)
{
    check_round_trip("");
    check_round_trip(everything);
}

static void the_configuration_without_defaults_has_none(void **state)
{
    CLEANUP(mem_free_p)
    char *text = print(&(struct setup){.yaml = everything, .flags = {"--print-config"}});
    size_t n_defaults = 0;
    for (const char *p = text; (p = strstr(p, " # default\n")); p++)
        n_defaults++;
    size_t n_secrets = 0;
    for (size_t i = 0; i < config_n_keys; i++)
        n_secrets += config_keys[i].type == CONFIG_T_SECRET || config_keys[i].type == CONFIG_T_URL;
    assert_int_equal(n_defaults, n_secrets + 5); /* … and five runtimes */
}

static void each_value_says_where_it_came_from(void **state)
{
    CLEANUP(mem_free_p)
    char *text = print(&(struct setup){
        .yaml = "server:\n  threads: 2\nexec:\n  runtimes:\n    perl: []\n",
        .env = {"SANDBOX_PORT=81"},
        .flags = {"--timeout=7", "--set=log.level=error", "-t0123456789abcdef", "--print-config"}});
    static const char *const wanted[] = {
        "server:\n  host: 127.0.0.1                            # default\n",
        "  port: 81                                   # environment SANDBOX_PORT\n",
        "  threads: 2                                 # config.yaml:2\n",
        "    perl: []                                 # config.yaml:5\n",
        "    ruby: [ruby, -e, \"{code}\"]               # default\n",
        "  timeout: 7s                                # flag --timeout\n",
        "  level: error                               # flag --set\n",
        "  token: \"***\"                               # flag -t\n",
        "  environment_whitelist: [PATH, LANG, LC_ALL, TZ, TERM] # default\n",
        "  replica_id: unit                           # default\n",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (!strstr(text, wanted[i]))
            fail_msg("%s is missing in:\n%s", wanted[i], text);
    }
}

static void a_masked_token_is_not_taken_for_one(void **state)
{
    CLEANUP(mem_free_p)
    char *text = print(&(struct setup){.yaml = "",
                                       .env = {"SANDBOX_AUTH_TOKEN=hunter-two-and-three"},
                                       .flags = {"--print-config"}});
    assert_null(strstr(text, "hunter"));
    CLEANUP(outcome_deinit) struct outcome bad = RUN(.yaml = text);
    assert_int_equal(bad.action, CONFIG_EXIT_BAD);
    assert_string_equal(bad.errors,
                        "config.yaml:23: auth.token: \"***\" stands for the token that "
                        "--print-config masked; put the token there, or set SANDBOX_AUTH_TOKEN\n");
    CLEANUP(outcome_deinit)
    struct outcome good = RUN(.yaml = text, .env = {"SANDBOX_AUTH_TOKEN=hunter-two-and-three"});
    assert_int_equal(good.action, CONFIG_RUN);
    assert_string_equal(good.config->token, "hunter-two-and-three");
}

static void a_file_name_cannot_break_out_of_its_comment(void **state)
{
    fixture_write("etc.yaml", "");
    CLEANUP(outcome_deinit)
    struct outcome o = RUN(.etc_file = "etc.yaml", .flags = {"--print-config"});
    assert_null(strstr(o.out, "etc.yaml")); /* nothing in it, nothing came from it */
    struct config_origin origin = {.kind = ORIGIN_FILE, .name = "a\nauth: {}", .line = 3};
    CLEANUP(mem_free_p) char *text = NULL;
    size_t len = 0;
    FILE *f = mem_stream(&text, &len);
    report_write_origin(f, &origin);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(text, "\"a\\nauth: {}\":3");
}

static void checking_says_that_all_is_well(void **state)
{
    CLEANUP(mem_free_p)
    char *text = print(&(struct setup){.yaml = everything, .flags = {"--check-config"}});
    assert_string_equal(text, "the configuration is valid\n");
}

static void neither_checks_nor_prints_what_is_wrong(void **state)
{
    static const char *const flags[] = {"--check-config", "--print-config"};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(outcome_deinit) struct outcome o = RUN(.flags = {flags[i], "--port=x"});
        assert_int_equal(o.action, CONFIG_EXIT_BAD);
        assert_string_equal(o.out, "");
    }
}

static void output_that_goes_nowhere_is_an_error(void **state)
{
    CLEANUP(mem_close_p) FILE *full = fopen("/dev/full", "we");
    static char *const argv[] = {(char *)"mcp-execd", (char *)"--help", NULL};
    static char *const none[] = {NULL};
    CLEANUP(mem_free_p) char *errors = NULL;
    size_t len = 0;
    FILE *f = mem_stream(&errors, &len);
    const struct config_world world = {
        .file = "none.yaml", .machine = {"/tmp", "unit", none}, .out = full, .errors = f};
    struct config *c = NULL;
    assert_int_equal(load_from(2, argv, &world, &c), CONFIG_EXIT_BAD);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(errors, "standard output: No space left on device\n");
}

static char *help(void)
{
    /* Whatever else is wrong, who asks for help gets it. */
    struct outcome o = RUN(.flags = {"--nonsense", "-h"});
    assert_int_equal(o.action, CONFIG_EXIT_OK);
    free(o.errors);
    return o.out;
}

static void help_fits_a_terminal(void **state)
{
    CLEANUP(mem_free_p) char *text = help();
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        if (strcspn(line, "\n") >= 80)
            fail_msg("%.*s", (int)strcspn(line, "\n"), line);
    }
}

static void help_names_every_flag_its_variable_and_default(void **state)
{
    CLEANUP(mem_free_p) char *text = help();
    for (char *p = text; *p; p++) { /* texts are wrapped */
        if (isspace((unsigned char)*p))
            *p = ' ';
    }
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        if (!k->flag)
            continue;
        CLEANUP(mem_free_p) char *flag = mem_format(" --%s ", k->flag);
        CLEANUP(mem_free_p)
        char *names = mem_format("(%s%s%s; default: ", k->path, k->variable ? ", " : "",
                                 k->variable ? k->variable : "");
        assert_non_null(strstr(text, flag));
        assert_non_null(strstr(text, names));
    }
    for (size_t i = 0; i < config_n_commands; i++) {
        CLEANUP(mem_free_p) char *flag = mem_format(" --%s ", config_commands[i].flag);
        assert_non_null(strstr(text, flag));
    }
}

static void version_names_the_program_and_its_version(void **state)
{
    CLEANUP(mem_free_p) char *text = print(&(struct setup){.flags = {"--version"}});
    static const char begin[] = "mcp-execd " MCP_EXECD_VERSION " (libyaml ";
    assert_int_equal(strncmp(text, begin, strlen(begin)), 0);
}

/* The generated files. */

static char *generated(void (*write)(FILE *))
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = mem_stream(&text, &len);
    write(f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static char *committed(const char *name)
{
    const char *top = getenv("top_srcdir");
    CLEANUP(mem_free_p) char *path = mem_format("%s/%s", top ? top : ".", name);
    char *text = fixture_read(path);
    if (!text)
        fail_msg("%s cannot be read; run from the top, or set top_srcdir", path);
    return text;
}

static void the_example_file_is_what_the_table_says(void **state)
{
    CLEANUP(mem_free_p) char *wanted = generated(document_write_example);
    CLEANUP(mem_free_p) char *found = committed("config/mcp-execd.yaml");
    if (strcmp(wanted, found) != 0)
        fail_msg("config/mcp-execd.yaml is not what the table says: run make config-docs");
}

static void the_reference_is_what_the_table_says(void **state)
{
    CLEANUP(mem_free_p) char *wanted = generated(document_write_reference);
    CLEANUP(mem_free_p) char *found = committed("docs/configuration.md");
    const char *tables = strstr(found, DOCUMENT_MARK);
    if (!tables || strcmp(wanted, tables) != 0)
        fail_msg("docs/configuration.md is not what the table says: run make config-docs");
}

static void the_example_file_changes_nothing(void **state)
{
    CLEANUP(mem_free_p) char *example = generated(document_write_example);
    CLEANUP(mem_free_p) char *none = print(&(struct setup){.flags = {"--print-config"}});
    CLEANUP(mem_free_p)
    char *text = print(&(struct setup){.yaml = example, .flags = {"--print-config"}});
    assert_string_equal(text, none);
}

static void the_example_file_with_every_key_in_force_is_the_defaults(void **state)
{
    CLEANUP(mem_free_p) char *example = generated(document_write_example);
    char *to = example;
    for (char *p = example; *p; p++) { /* "  # port: 8080" to "  port: 8080" */
        if (p[0] == '#' && p[1] == ' ' && p[-1] == ' ')
            p += 2;
        *to++ = *p;
    }
    *to = '\0';
    assert_non_null(strstr(example, "\n  port: 8080\n"));
    assert_non_null(strstr(example, "\n    node: [node, -e, \"{code}\"]\n"));
    CLEANUP(mem_free_p) char *none = print(&(struct setup){.flags = {"--print-config"}});
    CLEANUP(mem_free_p)
    char *text = print(&(struct setup){.yaml = example, .flags = {"--print-config"}});
    assert_non_null(strstr(text, "port: 8080                                 # config.yaml:"));
    strip_comments(none);
    strip_comments(text);
    assert_string_equal(text, none);
}

static void the_table_contradicts_nothing(void **state)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        assert_ptr_equal(config_key_find(k->path), k);
        assert_true(k->preset || k->absent);
        assert_true(k->offset + k->width <= sizeof(struct config));
        if (k->max > 0) { /* a number: of a width that is stored, and no wider than it */
            assert_true(k->width == 2 || k->width == 4 || k->width == 8);
            assert_true(k->width == 8 || k->max < 1ull << (8 * k->width));
            assert_true(k->min < k->max);
        }
        size_t n_sections = 0;
        for (size_t s = 0; s < config_n_sections; s++)
            n_sections += config_key_is_in(k, &config_sections[s]);
        assert_int_equal(n_sections, 1);
        for (size_t j = 0; j < i; j++) {
            const struct config_key *other = &config_keys[j];
            assert_true(other->offset + other->width <= k->offset ||
                        k->offset + k->width <= other->offset);
            assert_false(k->flag && other->flag && strcmp(k->flag, other->flag) == 0);
            assert_false(k->letter && k->letter == other->letter);
        }
        for (size_t j = 0; j < config_n_commands; j++) {
            assert_false(k->flag && strcmp(k->flag, config_commands[j].flag) == 0);
            assert_false(k->letter && k->letter == config_commands[j].letter);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_prints_says_the_same_again),
        cmocka_unit_test(the_configuration_without_defaults_has_none),
        cmocka_unit_test(each_value_says_where_it_came_from),
        cmocka_unit_test(a_masked_token_is_not_taken_for_one),
        cmocka_unit_test(a_file_name_cannot_break_out_of_its_comment),
        cmocka_unit_test(checking_says_that_all_is_well),
        cmocka_unit_test(neither_checks_nor_prints_what_is_wrong),
        cmocka_unit_test(output_that_goes_nowhere_is_an_error),
        cmocka_unit_test(help_fits_a_terminal),
        cmocka_unit_test(help_names_every_flag_its_variable_and_default),
        cmocka_unit_test(version_names_the_program_and_its_version),
        cmocka_unit_test(the_example_file_is_what_the_table_says),
        cmocka_unit_test(the_reference_is_what_the_table_says),
        cmocka_unit_test(the_example_file_changes_nothing),
        cmocka_unit_test(the_example_file_with_every_key_in_force_is_the_defaults),
        cmocka_unit_test(the_table_contradicts_nothing),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
