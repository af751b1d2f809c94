/* What an operator is told when something is wrong: every kind of error with its exact text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/config_fixture.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct error_case {
    struct setup setup;
    const char *errors;
};

static void check_bad(const struct error_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fixture_check(&cases[i].setup, CONFIG_EXIT_BAD, cases[i].errors);
}

static void names_the_place_the_value_and_the_way_out(void **state)
{
    static const struct error_case cases[] = {
        {{.yaml = "limits:\n  max_output: 64X\n"},
         "config.yaml:2: limits.max_output: \"64X\" is not a size (try 64MiB)\n"},
        {{.yaml = "limits:\n  max_output: plenty\n"},
         "config.yaml:2: limits.max_output: \"plenty\" is not a size (try 64MiB)\n"},
        {{.yaml = "limits: {timeout: 5min}\n"},
         "config.yaml:1: limits.timeout: \"5min\" is not a duration (try 5s or 500ms, 5m, 1h, "
         "7d)\n"},
        {{.yaml = "server: {max_body: 33MiB}\n"},
         "config.yaml:1: server.max_body: \"33MiB\" is out of range (1KiB to 32MiB)\n"},
        {{.yaml = "server: {heartbeat: 1ms}\n"},
         "config.yaml:1: server.heartbeat: \"1ms\" is out of range (10ms to 1h)\n"},
        {{.yaml = "limits: {max_output: 99999999999999999999}\n"},
         "config.yaml:1: limits.max_output: \"99999999999999999999\" is out of range (0 to "
         "1024TiB)\n"},
        {{.env = {"SANDBOX_PORT=99999"}}, "SANDBOX_PORT=\"99999\": is out of range (0 to 65535)\n"},
        {{.env = {"SANDBOX_PORT=http"}},
         "SANDBOX_PORT=\"http\": is not a port number (0 to 65535)\n"},
        {{.flags = {"--port", "abc"}}, "--port: \"abc\" is not a port number (0 to 65535)\n"},
        {{.flags = {"-pabc"}}, "-p: \"abc\" is not a port number (0 to 65535)\n"},
        {{.flags = {"--max-concurrent=0"}},
         "--max-concurrent: \"0\" is out of range (1 to 1000000)\n"},
        {{.flags = {"--set", "server.threads=two"}},
         "--set server.threads: \"two\" is not a number (0 to 64)\n"},
        {{.yaml = "log:\n  format: xml\n"},
         "config.yaml:2: log.format: \"xml\" is not one of kv, json\n"},
        {{.yaml = "log:\n  level: verbose\n"},
         "config.yaml:2: log.level: \"verbose\" is not one of debug, info, warning, error\n"},
        {{.yaml = "server:\n  insecure: maybe\n"},
         "config.yaml:2: server.insecure: \"maybe\" is neither true nor false\n"},
        {{.flags = {"--insecure=perhaps"}}, "--insecure: \"perhaps\" is neither true nor false\n"},
        {{.yaml = "server: {host: \"\"}\n"},
         "config.yaml:1: server.host: \"\" is empty (leave it out for the default, 127.0.0.1)\n"},
        {{.yaml = "server: {port: }\n"},
         "config.yaml:1: server.port: has no value (leave the line out for the default, 8080)\n"},
        {{.yaml = "server: {unix_socket: \"a\\nb\"}\n"},
         "config.yaml:1: server.unix_socket: \"a\\nb\" has a control character\n"},
        {{.env = {"SANDBOX_LOG_FILE=\xff.log"}},
         "SANDBOX_LOG_FILE=\"\\xFF.log\": is not valid UTF-8\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void names_what_is_there_when_it_is_no_scalar_or_no_list(void **state)
{
    static const struct error_case cases[] = {
        {{.yaml = "server: {port: [1]}\n"},
         "config.yaml:1: server.port: a list is not a port number\n"},
        {{.yaml = "server: {host: {a: b}}\n"},
         "config.yaml:1: server.host: a mapping is not a string\n"},
        {{.yaml = "server:\n  allowed_hosts: a.example\n"},
         "config.yaml:2: server.allowed_hosts: \"a.example\" is not a list (put it in [ ])\n"},
        {{.yaml = "server: {allowed_hosts: {a: b}}\n"},
         "config.yaml:1: server.allowed_hosts: a mapping is not a list (try [])\n"},
        {{.yaml = "server: {allowed_hosts: }\n"},
         "config.yaml:1: server.allowed_hosts: is not a list (try [])\n"},
        {{.yaml = "server:\n  allowed_hosts:\n    - a\n    - [b]\n"},
         "config.yaml:2: server.allowed_hosts: a list has something else than a string (element "
         "2)\n"},
        {{.yaml = "server: {allowed_hosts: [\"a\\tb\"]}\n"},
         "config.yaml:1: server.allowed_hosts: a list has a string that has a control character "
         "(element 1)\n"},
        {{.flags = {"--set=server.allowed_hosts=[a"}},
         "--set server.allowed_hosts: \"[a\" cannot be read: not valid YAML: did not find expected "
         "',' or ']'\n"},
        {{.yaml = "server: 80\n"},
         "config.yaml:1: server is a section: put its keys below it, indented\n"},
        {{.yaml = "just words\n"},
         "config.yaml:1: not a mapping of sections; see config/mcp-execd.yaml\n"},
        {{.yaml = "- a\n"},
         "config.yaml:1: not a mapping of sections; see config/mcp-execd.yaml\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void says_what_a_profile_needs(void **state)
{
    static const struct error_case cases[] = {
        {{.yaml = "sandbox: {profile: defualt}\n"},
         "config.yaml:1: sandbox.profile: \"defualt\" is none of sandbox.profiles (default and "
         "none are always there)\n"},
        {{.yaml = "sandbox:\n  profiles:\n    build:\n      netwrok: none\n"},
         "config.yaml:4: unknown key sandbox.profiles.build.netwrok; did you mean network?\n"},
        {{.yaml = "sandbox:\n  profiles:\n    build:\n      network: all\n"},
         "config.yaml:4: sandbox.profiles.build.network: \"all\" is not one of none, proxy, "
         "host\n"},
        {{.yaml = "sandbox: {profiles: {build: {writable: [cache]}}}\n"},
         "config.yaml:1: sandbox.profiles.build.writable: a list has \"cache\", which is not an "
         "absolute path\n"},
        {{.yaml = "sandbox: {profiles: {build: {writable: [/a/../b]}}}\n"},
         "config.yaml:1: sandbox.profiles.build.writable: a list has \"/a/../b\": write a path "
         "without /./, /../, // and a slash at its end\n"},
        {{.yaml = "sandbox: {profiles: {build: {hidden: [/a/]}}}\n"},
         "config.yaml:1: sandbox.profiles.build.hidden: a list has \"/a/\": write a path "
         "without /./, /../, // and a slash at its end\n"},
        {{.yaml = "sandbox: {profiles: {build: {environment: [SANDBOX_AUTH_TOKEN]}}}\n"},
         "config.yaml:1: sandbox.profiles.build.environment: a list has SANDBOX_AUTH_TOKEN, a "
         "secret of the server; commands must not see it\n"},
        {{.yaml = "sandbox: {profiles: {build: {allowed_domains: [\"*\"]}}}\n"},
         "config.yaml:1: sandbox.profiles.build.allowed_domains: a list has \"*\", which is no "
         "host (try example.com or *.example.com)\n"},
        {{.yaml = "sandbox: {profiles: {build: {allowed_ports: [443, 90-80]}}}\n"},
         "config.yaml:1: sandbox.profiles: build: \"90-80\" is not a port (allowed_ports: try "
         "443, or 8000-8999)\n"},
        {{.yaml =
              "sandbox: {profiles: {build: {allowed_addresses: [10.0.0.1/8, \"fd00::/8\"]}}}\n"},
         "config.yaml:1: sandbox.profiles: build: \"10.0.0.1/8\" is not a range of addresses "
         "(allowed_addresses: try 10.1.0.0/16)\n"},
        {{.yaml = "egress: {nameservers: [192.0.2.53, \"[::1]:53\", \"a.example\"]}\n"},
         "config.yaml:1: egress.nameservers: \"a.example\" is not an address (try 192.0.2.53, or "
         "\"192.0.2.53:5353\")\n"},
        {{.yaml = "sandbox: {profiles: {Build: {}}}\n"},
         "config.yaml:1: sandbox.profiles.Build: a mapping is for no profile (name it with a-z, "
         "0-9, _ and -, at most 32)\n"},
        {{.yaml = "sandbox: {profiles: {build: [a]}}\n"},
         "config.yaml:1: sandbox.profiles.build: a list is not a mapping of fields to values\n"},
        {{.yaml = "sandbox: {profiles: }\n"},
         "config.yaml:1: sandbox.profiles: must be a mapping of names to fields\n"},
        {{.flags = {"--set", "sandbox.profiles.build.uid=70000"}},
         "--set sandbox.profiles.build.uid: \"70000\" is out of range (0 to 65534)\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void says_what_a_runtime_needs(void **state)
{
    static const char without_code[] = "config.yaml:3: exec.runtimes.python: a list needs a "
                                       "program and one element \"{code}\" (try [python3, -c, "
                                       "\"{code}\"])\n";
    static const struct error_case cases[] = {
        {{.yaml = "exec:\n  runtimes:\n    python: [python3]\n"}, without_code},
        {{.yaml = "exec:\n  runtimes:\n    python: [\"{code}\"]\n"}, without_code},
        {{.yaml = "exec:\n  runtimes:\n    python: [a, \"{code}\", \"{code}\"]\n"}, without_code},
        {{.yaml = "exec:\n  runtimes:\n    python: python3\n"},
         "config.yaml:3: exec.runtimes.python: \"python3\" is not a list (put it in [ ])\n"},
        {{.yaml = "exec: {runtimes: {Python 3: [a, \"{code}\"]}}\n"},
         "config.yaml:1: exec.runtimes.Python 3: a list is for no language (name it with a-z, 0-9 "
         "and _ + # . -, at most 32)\n"},
        {{.flags = {"--set", "exec.runtimes.=[]"}},
         "--set exec.runtimes.: a list is for no language (name it with a-z, 0-9 and _ + # . -, at "
         "most 32)\n"},
        {{.yaml = "exec: {runtimes: [a]}\n"},
         "config.yaml:1: exec.runtimes: a list is not a mapping of languages to lists\n"},
        {{.yaml = "exec: {runtimes: }\n"},
         "config.yaml:1: exec.runtimes: must be a mapping of languages to lists\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void refuses_more_languages_than_it_has_room_for(void **state)
{
    CLEANUP(mem_free_p) char *yaml = NULL;
    size_t len = 0;
    FILE *f = mem_stream(&yaml, &len);
    (void)fputs("exec:\n  runtimes:\n", f);
    for (int i = 0; i < 59; i++) /* and 6 by default */
        (void)fprintf(f, "    l%d: [x, \"{code}\"]\n", i);
    assert_int_equal(fclose(f), 0);
    fixture_check(&(struct setup){.yaml = yaml}, CONFIG_EXIT_BAD,
                  "config.yaml:61: exec.runtimes.l58: a list is one language too many (at most "
                  "64)\n");
}

static void an_unknown_key_gets_its_nearest_neighbour(void **state)
{
    static const struct error_case cases[] = {
        {{.yaml = "limits:\n  max_outptu: 1\n"},
         "config.yaml:2: unknown key limits.max_outptu; did you mean limits.max_output?\n"},
        {{.yaml = "limit:\n  max_output: 1\n"},
         "config.yaml:1: unknown key limit; did you mean limits?\n"},
        {{.yaml = "server: {}\nport: 80\n"},
         "config.yaml:2: unknown key port; did you mean server.port?\n"},
        {{.yaml = "server: {timeout: 5}\n"},
         "config.yaml:1: unknown key server.timeout; did you mean limits.timeout?\n"},
        {{.yaml = "server:\n  colour: green\n"},
         "config.yaml:2: unknown key server.colour; see --print-config for all of them\n"},
        {{.yaml = "wholly_other: 1\n"},
         "config.yaml:1: unknown key wholly_other; see --print-config for all of them\n"},
        {{.flags = {"--set", "limits.max_outptu=1"}},
         "--set: unknown key limits.max_outptu; did you mean limits.max_output?\n"},
        {{.flags = {"--set", "x=1"}}, "--set: unknown key x; see --print-config\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void the_command_line_is_read_strictly(void **state)
{
    static const struct error_case cases[] = {
        {{.flags = {"--prot", "80"}}, "--prot: unknown flag; did you mean --port?\n"},
        {{.flags = {"--prot=80", "x"}},
         "--prot: unknown flag; did you mean --port?\nx: not a flag; see --help\n"},
        {{.flags = {"--quite-unlike-any"}}, "--quite-unlike-any: unknown flag; see --help\n"},
        {{.flags = {"--por=1"}}, "--por: unknown flag; did you mean --port?\n"},
        {{.flags = {"-x"}}, "-x: unknown flag; see --help\n"},
        {{.flags = {"serve"}}, "serve: not a flag; see --help\n"},
        {{.flags = {"-"}}, "-: not a flag; see --help\n"},
        {{.flags = {"--"}}, "--: not a flag; see --help\n"},
        {{.flags = {"--port"}}, "--port: needs a value; see --help\n"},
        {{.flags = {"-p"}}, "-p: needs a value; see --help\n"},
        {{.flags = {"--check-config=yes"}}, "--check-config: takes no value\n"},
        {{.flags = {"--set", "server.port"}}, "--set: server.port has no value; write KEY=VALUE\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void every_error_is_reported_not_only_the_first(void **state)
{
    fixture_check(&(struct setup){.yaml = "server:\n"
                                          "  port: x\n"
                                          "  bogus: 1\n"
                                          "limits:\n"
                                          "  timeout: 1y\n",
                                  .env = {"SANDBOX_MAX_CONCURRENT=many"},
                                  .flags = {"--nope", "--max-per-session", "some"}},
                  CONFIG_EXIT_BAD,
                  "--nope: unknown flag; see --help\n"
                  "config.yaml:2: server.port: \"x\" is not a port number (0 to 65535)\n"
                  "config.yaml:3: unknown key server.bogus; see --print-config for all of them\n"
                  "config.yaml:5: limits.timeout: \"1y\" is not a duration (try 1s or 500ms, 5m, "
                  "1h, 7d)\n"
                  "SANDBOX_MAX_CONCURRENT=\"many\": is not a number (1 to 1000000)\n"
                  "--max-per-session: \"some\" is not a number (1 to 1000000)\n");
}

static void a_stronger_layer_does_not_hide_an_error_below(void **state)
{
    fixture_check(&(struct setup){.yaml = "server: {port: x}\n", .flags = {"--port=1"}},
                  CONFIG_EXIT_BAD,
                  "config.yaml:1: server.port: \"x\" is not a port number (0 to 65535)\n");
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    static const struct error_case cases[] = {
        {{.flags = {"--config", "gone.yaml"}},
         "gone.yaml: cannot be read: No such file or directory\n"},
        {{.flags = {"-c."}}, ".: cannot be read: Is a directory\n"},
        {{.flags = {"--config="}}, ": cannot be read: No such file or directory\n"},
        {{.etc_file = "."}, ".: cannot be read: Is a directory\n"},
        {{.yaml = "server:\n\tport: 1\n"},
         "config.yaml:2: not valid YAML: found character that cannot start any token (a tab? "
         "indent "
         "with spaces; quote what begins with @ or `)\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void a_short_or_masked_state_secret_is_refused(void **state)
{
    static const struct error_case cases[] = {
        {{.env = {"SANDBOX_STATE_SECRET=123456789012345"}},
         "SANDBOX_STATE_SECRET: shorter than 16 characters (try openssl rand -hex 24)\n"},
        {{.yaml = "auth: {state_secret: \"***\"}\n"},
         "config.yaml:1: auth.state_secret: \"***\" stands for the secret that --print-config "
         "masked; put the secret there, or set SANDBOX_STATE_SECRET\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        fixture_check(&cases[i].setup, CONFIG_EXIT_BAD, cases[i].errors);
}

static void a_rule_of_confirmation_that_means_nothing_is_refused(void **state)
{
    static const struct error_case cases[] = {
        {{.yaml = "confirm:\n  commands: [ok, \"a(b\"]\n"},
         "config.yaml:2: confirm.commands: \"a(b\" is not a regular expression: missing closing "
         "parenthesis at character 4\n"},
        {{.yaml = "confirm: {profiles: [none, loose]}\n"},
         "config.yaml:1: confirm.profiles: \"loose\" is none of sandbox.profiles\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        fixture_check(&cases[i].setup, CONFIG_EXIT_BAD, cases[i].errors);
}

static void the_world_is_not_served_without_a_token(void **state)
{
    static const char rest[] = "can be reached from other machines and no token is set; set "
                               "SANDBOX_AUTH_TOKEN (--token, auth.token), or listen on 127.0.0.1, "
                               "or allow it with --insecure (server.insecure)\n";
    static const struct {
        struct setup setup;
        const char *begin;
    } cases[] = {
        {{.flags = {"--host", "0.0.0.0"}}, "--host: \"0.0.0.0\" "},
        {{.env = {"SANDBOX_HOST=::"}}, "SANDBOX_HOST: \"::\" "},
        {{.yaml = "server:\n  host: example.com\n"},
         "config.yaml:2: server.host: \"example.com\" "},
        {{.flags = {"--host=128.0.0.1"}}, "--host: \"128.0.0.1\" "},
        {{.flags = {"--host=::ffff:10.0.0.1"}}, "--host: \"::ffff:10.0.0.1\" "},
        {{.flags = {"--host=127.0.0.1.example.com"}}, "--host: \"127.0.0.1.example.com\" "},
        {{.flags = {"--host=0", "--token="}}, "--host: \"0\" "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_free_p) char *errors = mem_format("%s%s", cases[i].begin, rest);
        fixture_check(&cases[i].setup, CONFIG_EXIT_BAD, errors);
    }
}

static void warns_but_runs(void **state)
{
    static const struct error_case cases[] = {
        {{.flags = {"--host=0.0.0.0", "--insecure", "--port=81"}},
         "warning: --insecure: whoever reaches 0.0.0.0 port 81 can run commands here\n"},
        {{.yaml = "server: {insecure: true, host: \"::\"}\n"},
         "warning: config.yaml:1: server.insecure: whoever reaches :: port 8080 can run commands "
         "here\n"},
        {{.env = {"REDIS_URL=redis://host"}},
         "warning: REDIS_URL: without a common auth.state_secret no replica takes the cursors and "
         "confirmations of another (set SANDBOX_STATE_SECRET)\n"},
        {{.env = {"SANDBOX_AUTH_TOKEN=123456789012345"}},
         "warning: SANDBOX_AUTH_TOKEN: shorter than 16 characters, easy to guess (try openssl rand "
         "-hex 24)\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        fixture_check(&cases[i].setup, CONFIG_RUN, cases[i].errors);
}

static void warns_of_a_token_everyone_can_read(void **state)
{
    static const struct setup s = {.yaml = "auth:\n  token: 0123456789abcdef\n"};
    fixture_write("config.yaml", "");
    assert_int_equal(chmod("config.yaml", 0644), 0);
    fixture_check(&s, CONFIG_RUN,
                  "warning: config.yaml:2: auth.token: every user of this machine "
                  "can read it (chmod o-r config.yaml)\n");
    assert_int_equal(chmod("config.yaml", 0640), 0);
    fixture_check(&s, CONFIG_RUN, "");
    assert_int_equal(chmod("config.yaml", 0644), 0);
}

static void values_that_contradict_each_other_are_refused(void **state)
{
    static const struct error_case cases[] = {
        {{.flags = {"--timeout=2d"}},
         "limits.max_timeout: 1d is less than limits.timeout, 2d; raise it, or lower that\n"},
        {{.yaml = "limits:\n  max_timeout: 100s\n"},
         "config.yaml:2: limits.max_timeout: 100s is less than limits.timeout, 5m; raise it, or "
         "lower that\n"},
        {{.flags = {"--replica-id", "Web-1"}},
         "--replica-id: \"Web-1\" is not 1 to 24 of a-z, 0-9 and _ (try web_1)\n"},
        {{.env = {"SANDBOX_REPLICA_ID=abcdefghijklmnopqrstuvwxy"}},
         "SANDBOX_REPLICA_ID: \"abcdefghijklmnopqrstuvwxy\" is not 1 to 24 of a-z, 0-9 and _ (try "
         "abcdefghijklmnopqrstuvwx)\n"},
        {{.state_dir = "/tmp/not/there"},
         "exec.state_dir: /tmp/not/there cannot be written and neither XDG_STATE_HOME nor HOME is "
         "set; name a directory with --state-dir or SANDBOX_STATE_DIR\n"},
        {{.yaml = "exec: {working_directory: here}\n"},
         "config.yaml:1: exec.working_directory: \"here\" is not an absolute path\n"},
        {{.yaml = "exec: {environment_whitelist: [PATH, SANDBOX_AUTH_TOKEN]}\n"},
         "config.yaml:1: exec.environment_whitelist: SANDBOX_AUTH_TOKEN holds a secret of the "
         "server; commands must not see it\n"},
        {{.yaml = "exec: {environment_whitelist: [A=B, \"\"]}\n"},
         "config.yaml:1: exec.environment_whitelist: \"A=B\" is not the name of a variable\n"
         "config.yaml:1: exec.environment_whitelist: \"\" is not the name of a variable\n"},
        {{.flags = {"--set=server.unix_socket=/0123456789012345678901234567890123456789012345678901"
                    "23456789012345678901234567890123456789012345678901234567"}},
         "--set server.unix_socket: is longer than the 107 bytes Linux allows\n"},
        {{.flags = {"--token=with space"}},
         "--token: has a character no client can send (use letters, digits and - . _ ~ + /)\n"},
        {{.env = {"SANDBOX_AUTH_TOKEN=stra\xc3\x9f"
                  "enbahn-nach-haus"}},
         "SANDBOX_AUTH_TOKEN: has a character no client can send (use letters, digits and - . _ ~ "
         "+ "
         "/)\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void a_url_of_redis_is_read_in_full(void **state)
{
    static const struct error_case cases[] = {
        {{.env = {"REDIS_URL=http://user:secret@host/"}},
         "REDIS_URL: \"http://***@host/\" is not a URL of Redis (try redis://host:6379/0; also "
         "rediss://, unix:// and redis+sentinel://)\n"},
        {{.env = {"REDIS_URL=user:secret@host"}},
         "REDIS_URL: \"***@host\" is not a URL of Redis (try redis://host:6379/0; also "
         "rediss://, unix:// and redis+sentinel://)\n"},
        {{.env = {"REDIS_URL=redis://"}},
         "REDIS_URL: \"redis://\" names no host (try redis://host:6379/0)\n"},
        {{.env = {"REDIS_URL=redis://root:hunter2@h:x"}},
         "REDIS_URL: \"redis://***@h:x\" has no port number behind the \":\" (1 to 65535)\n"},
        {{.yaml = "redis: {tls_cert: /a.pem}\n"},
         "config.yaml:1: redis.tls_cert: a certificate and its key come together; set "
         "redis.tls_key as well\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void no_error_repeats_a_secret(void **state)
{
    static const struct error_case cases[] = {
        {{.env = {"SANDBOX_AUTH_TOKEN=hunter\x01two"}},
         "SANDBOX_AUTH_TOKEN=\"***\": has a control character\n"},
        {{.yaml = "auth: {token: \"hunter\\ntwo\"}\n"},
         "config.yaml:1: auth.token: \"***\" has a control character\n"},
        {{.yaml = "auth: {token: [hunter, two]}\n"},
         "config.yaml:1: auth.token: a list is not a string\n"},
        {{.flags = {"--redis-url=redis://:hunter\x01@h"}},
         "--redis-url: \"redis://***@h\" has a control character\n"},
    };
    check_bad(cases, ARRAY_LEN(cases));
}

static void long_values_are_cut(void **state)
{
    fixture_check(
        &(struct setup){.flags = {"--port=0123456789012345678901234567890123456789012345"
                                  "678901234567890123456789"}},
        CONFIG_EXIT_BAD,
        "--port: \"012345678901234567890123456789012345678901234567890123456789\"… is not a "
        "port number (0 to 65535)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_place_the_value_and_the_way_out),
        cmocka_unit_test(names_what_is_there_when_it_is_no_scalar_or_no_list),
        cmocka_unit_test(says_what_a_profile_needs),
        cmocka_unit_test(says_what_a_runtime_needs),
        cmocka_unit_test(refuses_more_languages_than_it_has_room_for),
        cmocka_unit_test(an_unknown_key_gets_its_nearest_neighbour),
        cmocka_unit_test(the_command_line_is_read_strictly),
        cmocka_unit_test(every_error_is_reported_not_only_the_first),
        cmocka_unit_test(a_stronger_layer_does_not_hide_an_error_below),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
        cmocka_unit_test(a_short_or_masked_state_secret_is_refused),
        cmocka_unit_test(a_rule_of_confirmation_that_means_nothing_is_refused),
        cmocka_unit_test(the_world_is_not_served_without_a_token),
        cmocka_unit_test(warns_but_runs),
        cmocka_unit_test(warns_of_a_token_everyone_can_read),
        cmocka_unit_test(values_that_contradict_each_other_are_refused),
        cmocka_unit_test(a_url_of_redis_is_read_in_full),
        cmocka_unit_test(no_error_repeats_a_secret),
        cmocka_unit_test(long_values_are_cut),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
