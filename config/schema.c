#include "config/schema.h"

#include <syslog.h>

#define KIB   (1ull << 10)
#define MIB   (1ull << 20)
#define GIB   (1ull << 30)
#define PIB   (1ull << 50)
#define SEC   1000ull
#define HOUR  (3600 * SEC)
#define YEAR  (365 * 24 * HOUR)
#define COUNT 1000000ull /* more of anything than one machine serves */

#define FIELD(f)            .offset = offsetof(struct config, f), .width = sizeof(((struct config *)0)->f)
#define STRING(f)           .type = CONFIG_T_STRING, FIELD(f)
#define SECRET(f)           .type = CONFIG_T_SECRET, FIELD(f)
#define URL(f)              .type = CONFIG_T_URL, FIELD(f)
#define BOOL(f)             .type = CONFIG_T_BOOL, FIELD(f)
#define PORT(f)             .type = CONFIG_T_PORT, FIELD(f), .max = UINT16_MAX
#define UNSIGNED(f, lo, hi) .type = CONFIG_T_UNSIGNED, FIELD(f), .min = (lo), .max = (hi)
#define SIZE(f, lo, hi)     .type = CONFIG_T_SIZE, FIELD(f), .min = (lo), .max = (hi)
#define DURATION(f, lo, hi) .type = CONFIG_T_DURATION, FIELD(f), .min = (lo), .max = (hi)
#define ENUM(f, c)          .type = CONFIG_T_ENUM, FIELD(f), .choices = (c)
#define LIST(f)             .type = CONFIG_T_LIST, FIELD(f)
#define RUNTIMES(f)         .type = CONFIG_T_RUNTIMES, FIELD(f)
#define PROFILES(f)         .type = CONFIG_T_PROFILES, FIELD(f)

static const struct config_choice log_formats[] = {
    {"kv", CONFIG_LOG_KV}, {"json", CONFIG_LOG_JSON}, {NULL, 0}};
static const struct config_choice log_levels[] = {{"debug", LOG_DEBUG},
                                                  {"info", LOG_INFO},
                                                  {"warning", LOG_WARNING},
                                                  {"error", LOG_ERR},
                                                  {NULL, 0}};

const struct config_section config_sections[] = {
    {"server", "Where it listens, and what one client may cost"},
    {"auth", "Who may ask"},
    {"sessions", "MCP sessions (protocol revisions before 2026-07-28)"},
    {"exec", "How commands are run"},
    {"limits", "What executions may use; each is an upper bound a call cannot widen"},
    {"sandbox", "How commands are isolated; docs/sandbox.md"},
    {"tasks", "Executions as MCP tasks"},
    {"files", "Files that clients read and write in the workspaces of commands"},
    {"confirm", "Commands that the client's user has to confirm; docs/confirm.md"},
    {"retention", "How long finished executions stay readable"},
    {"egress", "The proxy through which sandboxes reach the hosts that they may (network: proxy)"},
    {"log", "What is written about it"},
    {"redis", "State shared by several replicas"},
};
const size_t config_n_sections = sizeof(config_sections) / sizeof(config_sections[0]);

const struct config_command config_commands[] = {
    {"config", 'c', "FILE",
     "read this YAML file (default: /etc/mcp-execd/mcp-execd.yaml if there)"},
    {"set", 0, "KEY=VALUE", "set any key, e.g. limits.max_output=64MiB; may be repeated"},
    {"check-config", 0, NULL, "check the configuration and exit"},
    {"print-config", 0, NULL, "print the configuration in force, and where it came from, and exit"},
    {"doctor", 0, NULL, "say how this host suits the configuration, and exit"},
    {"nginx", 0, "FILE", "with --doctor: the configuration of the nginx in front"},
    {"help", 'h', NULL, "print this help and exit"},
    {"version", 0, NULL, "print the version and exit"},
};
const size_t config_n_commands = sizeof(config_commands) / sizeof(config_commands[0]);

const struct config_key config_keys[] = {
    {"server.host", STRING(host), .preset = "127.0.0.1", .variable = "SANDBOX_HOST", .flag = "host",
     .metavar = "ADDRESS", .help = "address to listen on",
     .more = "Anything but loopback needs a token (auth.token), or server.insecure."},
    {"server.port", PORT(port), .preset = "8080", .variable = "SANDBOX_PORT", .flag = "port",
     .letter = 'p', .help = "TCP port to listen on; 0 takes any free one"},
    {"server.unix_socket", STRING(unix_socket), .absent = "none",
     .help = "unix socket to listen on as well",
     .more = "For a load balancer on this machine, e.g. /run/mcp-execd/mcp-execd.sock."},
    {"server.stdio", BOOL(stdio), .preset = "false", .flag = "stdio",
     .help = "serve the client that started it over stdin and stdout instead of HTTP",
     .more =
         "Ends, with all that it runs, when that client goes. Opens no port, asks for no token, "
         "and without other orders reads no /etc/mcp-execd/mcp-execd.yaml, writes no log file "
         "and keeps its state in a private directory that goes with it."},
    {"server.threads", UNSIGNED(threads, 0, 64), .preset = "0",
     .help = "threads that serve HTTP; 0 is one for each CPU, at most 8"},
    {"server.insecure", BOOL(insecure), .preset = "false", .flag = "insecure",
     .help = "listen on other than loopback without a token",
     .more = "Whoever reaches the port can then run commands here."},
    {"server.max_connections", UNSIGNED(max_connections, 1, COUNT), .preset = "20000",
     .help = "most connections at a time"},
    {"server.max_streams", UNSIGNED(max_streams, 1, COUNT), .preset = "12000",
     .help = "most open event streams at a time; beyond it: 503"},
    {"server.max_body", SIZE(max_body_bytes, KIB, 32 * MIB), .preset = "4MiB",
     .help = "largest request body; beyond it: 413"},
    {"server.max_header", SIZE(max_header_bytes, KIB, MIB), .preset = "64KiB",
     .help = "largest sum of header names and values; beyond it: 431"},
    {"server.request_timeout", DURATION(request_timeout_ms, 10, HOUR), .preset = "10s",
     .help = "longest time to send a whole request, and to keep an idle connection"},
    {"server.write_timeout", DURATION(write_timeout_ms, 10, HOUR), .preset = "30s",
     .help = "longest time a client may not read what it was sent"},
    {"server.heartbeat", DURATION(heartbeat_ms, 10, HOUR), .preset = "15s",
     .help = "how often an idle event stream gets a comment",
     .more = "Keep it below the idle timeout of every proxy on the way."},
    {"server.update_interval", DURATION(update_interval_ms, 0, HOUR), .preset = "200ms",
     .help = "least time between two notifications about one execution",
     .more = "What changes meanwhile is told together; an end is told at once."},
    {"server.drain_timeout", DURATION(drain_timeout_ms, 0, 24 * HOUR), .preset = "60s",
     .help = "longest time SIGTERM waits for what runs and for requests under way",
     .more = "No new client is served meanwhile. What is left then is cancelled."},
    {"server.max_stream_buffer", SIZE(max_stream_buffer_bytes, 4 * KIB, GIB), .preset = "1MiB",
     .help = "most bytes queued for one event stream; a slower reader is cut off"},
    {"server.allowed_hosts", LIST(allowed_hosts), .preset = "[]",
     .help = "Host headers to accept besides localhost and the bound address",
     .more = "The public name when a load balancer passes it on, e.g. [exec.example.com]."},
    {"server.allowed_origins", LIST(allowed_origins), .preset = "[]",
     .help = "Origin headers to accept besides the server's own",
     .more = "Web pages that may call it, e.g. [\"https://app.example.com\"]."},
    {"server.execution_id_header", BOOL(execution_id_header), .preset = "false",
     .help = "clients of 2026-07-28 repeat execution_id in a header, for load balancers",
     .more = "A call without the header Mcp-Param-Execution-Id is then refused, as the protocol "
             "says, and clients that did not list the tools before do not know of it. Replicas "
             "need it for no right answer; it saves them a hop (docs/cluster.md)."},

    {"auth.token", SECRET(token), .absent = "none", .variable = "SANDBOX_AUTH_TOKEN",
     .flag = "token", .letter = 't', .metavar = "TOKEN",
     .help = "bearer token every client must send",
     .more = "None: whoever reaches the port may run commands, so only loopback is served. "
             "A flag can be read in the process list: prefer the variable, or a file only the "
             "service can read. 16 characters or more, e.g. of: openssl rand -hex 24."},

    {"auth.state_secret", SECRET(state_secret),
     .absent = "made once and kept in the state directory", .variable = "SANDBOX_STATE_SECRET",
     .help = "signs the cursors and confirmations that clients send back",
     .more = "Give all replicas the same one, so that each takes what another has signed; 16 "
             "characters or more."},

    {"sessions.max", UNSIGNED(max_sessions, 1, COUNT), .preset = "10000",
     .help = "most MCP sessions at a time"},
    {"sessions.ttl", DURATION(session_ttl_ms, 10, YEAR), .preset = "1h",
     .help = "how long a session lives after its last request"},

    {"exec.replica_id", STRING(replica_id), .absent = "the host name, made safe",
     .variable = "SANDBOX_REPLICA_ID", .flag = "replica-id", .metavar = "NAME",
     .help = "name of this server; execution ids begin with it",
     .more = "1 to 24 of a-z, 0-9 and _. Must differ between replicas and stay the same over "
             "restarts."},
    {
        "exec.state_dir",
        STRING(state_dir),
        .absent = "/var/lib/mcp-execd when it can be written or made, else "
                  "$XDG_STATE_HOME/mcp-execd, else ~/.local/state/mcp-execd",
        .variable = "SANDBOX_STATE_DIR",
        .flag = "state-dir",
        .metavar = "DIR",
        .help = "directory of the journals",
    },
    {"exec.keeper", STRING(keeper_path), .absent = "beside mcp-execd, else in PATH",
     .help = "path of mcp-exec-keeper, the program that holds the commands"},
    {"exec.shell", STRING(shell), .preset = "/bin/sh",
     .help = "shell that runs a command line, as SHELL -c COMMAND"},
    {"exec.working_directory", STRING(working_directory),
     .absent = "one for each session, below the state directory",
     .help = "directory commands start in; an absolute path"},
    {"exec.environment_whitelist", LIST(environment_whitelist),
     .preset = "[PATH, LANG, LC_ALL, TZ, TERM]",
     .help = "variables of the server that commands inherit; nothing else is passed on"},
    {"exec.runtimes", RUNTIMES(runtimes),
     .preset = "python: [python3, -c, \"{code}\"]\n"
               "node: [node, -e, \"{code}\"]\n"
               "bash: [bash, -c, \"{code}\"]\n"
               "sh: [sh, -c, \"{code}\"]\n"
               "perl: [perl, -e, \"{code}\"]\n"
               "ruby: [ruby, -e, \"{code}\"]",
     .help = "how code of a language is run; \"{code}\" stands for the code",
     .more = "An entry replaces the default of its language; an empty list removes the language. "
             "Languages whose program is not installed are not offered."},

    {"limits.max_concurrent", UNSIGNED(max_concurrent, 1, COUNT), .preset = "10",
     .variable = "SANDBOX_MAX_CONCURRENT", .flag = "max-concurrent",
     .help = "most executions that run at a time; more are queued"},
    {"limits.max_per_session", UNSIGNED(max_per_session, 1, COUNT), .preset = "5",
     .variable = "SANDBOX_MAX_PER_SESSION", .flag = "max-per-session",
     .help = "most executions of one session at a time; more are refused"},
    {"limits.max_pending", UNSIGNED(max_pending, 0, COUNT), .preset = "1000",
     .help = "most queued executions; more are refused"},
    {"limits.timeout", DURATION(timeout_ms, 1, YEAR), .preset = "300s",
     .variable = "SANDBOX_TIMEOUT", .flag = "timeout",
     .help = "time an execution gets when the call names none"},
    {"limits.max_timeout", DURATION(max_timeout_ms, 1, YEAR), .preset = "24h",
     .help = "most time a call may ask for"},
    {"limits.idle_timeout", DURATION(idle_timeout_ms, 0, YEAR), .preset = "0",
     .help = "ends an execution without output and input for so long; 0 is never"},
    {"limits.kill_grace", DURATION(kill_grace_ms, 0, HOUR), .preset = "3s",
     .help = "time between SIGTERM and SIGKILL"},
    {"limits.max_wait", DURATION(max_wait_ms, 1, 24 * HOUR), .preset = "300s",
     .help = "longest time one call may wait for output or the end"},
    {"limits.max_waiters", UNSIGNED(max_waiters, 1, COUNT), .preset = "10000",
     .help = "most calls that wait at a time"},
    {"limits.max_watched", UNSIGNED(max_watched, 1, COUNT), .preset = "65536",
     .help = "most resources that clients follow at a time, and most tasks; more are refused"},
    {"limits.max_output", SIZE(max_output_bytes, 0, PIB), .preset = "1GiB",
     .help = "most output of one execution; beyond it, it is ended; 0 is no limit"},
    {"limits.keep_output", SIZE(keep_output_bytes, 0, PIB), .preset = "0",
     .help = "newest output kept of one execution; 0 keeps all of it",
     .more = "Who reads from before that is told how many bytes are gone."},
    {"limits.max_reply", SIZE(max_reply_bytes, KIB, 64 * MIB), .preset = "1MiB",
     .help = "most output one reply may carry"},
    {"limits.max_stdin", SIZE(max_stdin_bytes, KIB, GIB), .preset = "1MiB",
     .help = "most input queued for one execution"},
    {"limits.max_command", SIZE(max_command_bytes, KIB, 128 * KIB), .preset = "128KiB",
     .help = "longest command, and longest argument of one",
     .more = "Linux takes no argument above 128KiB (MAX_ARG_STRLEN)."},
    {"limits.max_memory", SIZE(max_memory_bytes, 0, PIB), .preset = "0",
     .help = "most memory of an execution, all its processes together; 0 is no limit",
     .more = "Held by a cgroup; where none can be made, for each process by itself (RLIMIT_AS)."},
    {"limits.max_cpu", DURATION(max_cpu_ms, 0, YEAR), .preset = "0",
     .help = "most CPU time of an execution, all its processes together; 0 is no limit",
     .more = "Without cgroups for each process by itself (RLIMIT_CPU)."},
    {"limits.max_file", SIZE(max_file_bytes, 0, PIB), .preset = "0",
     .help = "largest file a process may write (RLIMIT_FSIZE); 0 is no limit"},
    {"limits.max_processes", UNSIGNED(max_processes, 0, 4194304), .preset = "0",
     .help = "most processes and threads of an execution at a time; 0 is no limit",
     .more = "Held by a cgroup; where none can be made, for all of the user that commands run as "
             "(RLIMIT_NPROC), which does not bind root."},
    {"limits.require_tree", BOOL(require_tree_limits), .preset = "false",
     .help = "start nothing whose limits can't be held for all its processes together",
     .more =
         "Memory, processes and CPU time need cgroups for that: mcp-execd --doctor says what is "
         "there. Without this such limits hold for each process, and that is said."},
    {"limits.max_open_files", UNSIGNED(max_open_files, 16, 1048576), .preset = "1024",
     .help = "most open files of a process (RLIMIT_NOFILE)"},

    {"sandbox.profile", STRING(sandbox_profile), .preset = "default",
     .help = "profile that commands run in, one of sandbox.profiles",
     .more = "none: no isolation at all, commands have the rights of the user that runs the "
             "keeper. A profile that this host can't offer refuses to start."},
    {"sandbox.profiles", PROFILES(profiles), .preset = "default: {}\nnone: {isolation: none}",
     .help = "what each profile grants",
     .more = "A field that a profile of yours does not name is as in \"default\" here."},
    {"sandbox.bwrap", STRING(bwrap_path), .absent = "in PATH",
     .help = "program bwrap of the package bubblewrap"},
    {"sandbox.init", STRING(sandbox_init_path), .absent = "beside mcp-execd, else in PATH",
     .help = "program mcp-exec-init, the first process in a sandbox"},
    {"sandbox.first_uid", UNSIGNED(sandbox_first_uid, 1, 4294900000), .preset = "200000",
     .help = "as root: first of the users that commands run as, one for each workspace",
     .more = "Nobody else may use them: no login, no service, no range of /etc/subuid."},
    {"sandbox.uids", UNSIGNED(sandbox_uids, 1, 65000), .preset = "10000",
     .help = "as root: how many such users there are; more workspaces are refused"},
    {"sandbox.pool", UNSIGNED(sandbox_pool, 0, 256), .preset = "4",
     .help = "most prepared sandboxes that wait for a command; 0 is none",
     .more = "One takes a command and is thrown away; it saves some milliseconds of a start and "
             "costs a megabyte while it waits."},
    {"sandbox.pool_idle", DURATION(sandbox_pool_idle_ms, 10, 24 * HOUR), .preset = "60s",
     .help = "how long a prepared sandbox waits before it is thrown away unused"},
    {"sandbox.workspace_quota", SIZE(workspace_quota_bytes, 0, PIB), .preset = "1GiB",
     .help = "most that lies in one workspace; 0 is no limit",
     .more = "Measured every two seconds while commands run there: what makes it grow beyond that "
             "ends, reason file_size_limit. No file there can be larger, at any moment."},
    {"sandbox.workspace_ttl", DURATION(workspace_ttl_ms, 10, YEAR), .preset = "24h",
     .help = "how long a workspace stays after its last use",
     .more = "One of a session goes with the session."},

    {"tasks.sync_wait", DURATION(task_sync_wait_ms, 0, HOUR), .preset = "2s",
     .help = "how long a call of a client with tasks waits for the end before it gets a task"},
    {"tasks.poll_interval", DURATION(task_poll_interval_ms, 10, HOUR), .preset = "1s",
     .help = "how often clients are told to ask for a task"},
    {"tasks.experimental", BOOL(tasks_experimental), .preset = "false",
     .help = "offer tasks to clients of 2025-11-25 as well, in the form of that revision"},
    {"tasks.require_name", BOOL(tasks_require_name), .preset = "false",
     .help = "refuse tasks/get, tasks/update and tasks/cancel without the header Mcp-Name",
     .more = "A client that sends another task's name is refused in any case."},
    {"tasks.ask_secrets", BOOL(tasks_ask_secrets), .preset = "false",
     .help = "ask a task's client also for input that the terminal does not show, e.g. passwords",
     .more = "The protocol forbids secrets in forms: allow it only for clients you know."},

    {"files.enabled", BOOL(files_enabled), .preset = "true",
     .help = "offer the tools read_file, write_file and list_files"},
    {"files.max_file", SIZE(max_write_bytes, KIB, PIB), .preset = "64MiB",
     .help = "largest file that write_file makes"},
    {"files.max_entries", UNSIGNED(max_scan_entries, 100, COUNT), .preset = "100000",
     .help = "most files one listing, or one look at the size of a workspace, goes over"},

    {"confirm.commands", LIST(confirm_commands), .preset = "[]",
     .help = "regular expressions (PCRE2): commands and code that one matches are asked about",
     .more = "E.g. [\"\\\\bsudo\\\\b\", \"rm +-[a-z]*r\"]. Advice to people, no defence: a command "
             "can be "
             "written in many ways. What must not happen is for the sandbox to prevent."},
    {"confirm.profiles", LIST(confirm_profiles), .preset = "[]",
     .help = "sandbox profiles whose commands are asked about"},
    {"confirm.longer_than", SIZE(confirm_longer_bytes, 0, MIB), .preset = "0",
     .help = "commands and code longer than this are asked about; 0 is never"},

    {"retention.ttl", DURATION(retention_ttl_ms, 10, YEAR), .preset = "1h",
     .help = "how long a finished execution stays readable"},
    {"retention.max_executions", UNSIGNED(max_finished, 1, COUNT), .preset = "10000",
     .help = "most finished executions kept; the oldest go first"},
    {"retention.max_disk", SIZE(max_disk_bytes, MIB, PIB), .preset = "10GiB",
     .help = "most disk space of all journals; the oldest finished go first"},
    {"retention.min_free", SIZE(min_free_bytes, 0, PIB), .preset = "256MiB",
     .help = "free disk space below which new work is refused"},

    {"egress.max_connections", UNSIGNED(egress_max_connections, 1, COUNT), .preset = "1000",
     .help = "most connections through the proxy at a time; more wait"},
    {"egress.max_per_execution", UNSIGNED(egress_max_per_execution, 1, COUNT), .preset = "64",
     .help = "most connections of one execution at a time; more wait"},
    {"egress.max_header", SIZE(egress_max_header_bytes, KIB, MIB), .preset = "32KiB",
     .help = "largest head of a request to the proxy; beyond it: 431"},
    {"egress.head_timeout", DURATION(egress_head_timeout_ms, 10, HOUR), .preset = "10s",
     .help = "longest time to say where to"},
    {"egress.connect_timeout", DURATION(egress_connect_timeout_ms, 10, HOUR), .preset = "15s",
     .help = "longest time to resolve a name and to connect"},
    {"egress.idle_timeout", DURATION(egress_idle_timeout_ms, 10, 24 * HOUR), .preset = "300s",
     .help = "ends a connection on which nothing moves for so long"},
    {"egress.nameservers", LIST(egress_nameservers), .preset = "[]",
     .help = "who is asked for names, ADDRESS or ADDRESS:PORT; none: as in /etc/resolv.conf"},
    {"egress.hosts_file", STRING(egress_hosts_file), .preset = "/etc/hosts", .can_be_empty = true,
     .help = "file of names and addresses that is asked first; \"\" is none"},

    {"log.file", STRING(log_file), .preset = "sandbox_server.log", .can_be_empty = true,
     .variable = "SANDBOX_LOG_FILE", .flag = "log-file", .metavar = "FILE",
     .help = "file to log to; \"\" logs to stderr only"},
    {"log.format", ENUM(log_format, log_formats), .preset = "kv",
     .help = "form of a line: kv (key=value) or json"},
    {"log.level", ENUM(log_level, log_levels), .preset = "info",
     .help = "least to log: debug, info, warning or error"},
    {"log.max_size", SIZE(log_max_bytes, 4 * KIB, GIB), .preset = "10MiB",
     .help = "size at which the log is rotated"},
    {"log.keep_days", UNSIGNED(log_keep_days, 1, 3650), .preset = "7",
     .help = "days a rotated log is kept"},

    {"redis.url", URL(redis_url), .absent = "none", .variable = "REDIS_URL", .flag = "redis-url",
     .metavar = "URL", .help = "Redis that several replicas share",
     .more = "redis://[user:password@]host:6379/0, rediss:// for TLS, unix:///path, or "
             "redis+sentinel://host:26379,host:26379/name/0 for the primary that sentinels name."},
    {"redis.tls_ca", STRING(redis_tls_ca), .absent = "what the system trusts",
     .help = "file of certificates (PEM) that Redis's own must descend from, for rediss://"},
    {"redis.tls_cert", STRING(redis_tls_cert), .absent = "none",
     .help = "file with our certificate (PEM), where Redis asks for one"},
    {"redis.tls_key", STRING(redis_tls_key), .absent = "none",
     .help = "file with the key (PEM) of redis.tls_cert"},
    {"redis.sentinel_password", SECRET(redis_sentinel_password), .absent = "none",
     .variable = "REDIS_SENTINEL_PASSWORD", .help = "what sentinels themselves ask for"},
    {"redis.timeout", DURATION(redis_timeout_ms, 50, HOUR), .preset = "5s",
     .help = "longest wait for Redis, to connect and for each answer"},
    {"redis.max_queue", SIZE(redis_max_queue_bytes, 256 * KIB, GIB), .preset = "16MiB",
     .help = "most bytes of commands that wait for Redis"},
    {"redis.batch", DURATION(redis_batch_ms, 1, 10 * SEC), .preset = "10ms",
     .help = "how long output is gathered before it is sent to Redis"},
    {"redis.max_output", SIZE(redis_max_output_bytes, 64 * KIB, GIB), .preset = "16MiB",
     .help = "most output of one execution in Redis; the oldest goes first"},
    {"redis.max_channels", UNSIGNED(redis_max_channels, 16, COUNT), .preset = "20000",
     .help = "most executions of other replicas that are waited for at a time"},
    {"redis.heartbeat_ttl", DURATION(redis_heartbeat_ttl_ms, 300, HOUR), .preset = "15s",
     .help = "a replica that says nothing for so long is gone"},
    {"redis.grace", DURATION(redis_grace_ms, 100, HOUR), .preset = "15s",
     .help = "what a replica ran is lost when it is gone for so long, and not back"},
    {"redis.command_timeout", DURATION(redis_command_timeout_ms, 50, HOUR), .preset = "5s",
     .help = "longest time until another replica begins what it is asked to do",
     .more =
         "Input, signals and cancels go to the replica that runs it; not begun by then: never."},
    {"redis.max_commands", UNSIGNED(redis_max_commands, 16, COUNT), .preset = "10000",
     .help = "most such requests under way, and in the stream of one replica"},
    {"redis.max_shadows", UNSIGNED(redis_max_shadows, 1, COUNT), .preset = "1000",
     .help = "most executions of other replicas that are copied here, to be read, at a time"},
    {"redis.max_shadow_bytes", SIZE(redis_max_shadow_bytes, MIB, PIB), .preset = "1GiB",
     .help = "most disk space of all such copies"},
    {"redis.shadow_ttl", DURATION(redis_shadow_ttl_ms, 100, YEAR), .preset = "60s",
     .help = "how long such a copy stays after it was last read"},
};
const size_t config_n_keys = sizeof(config_keys) / sizeof(config_keys[0]);
