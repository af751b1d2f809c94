#pragma once
/*
 * What an operator may say, in one struct: defaults, then the YAML file, then the environment,
 * then flags. Filled once by config_load() before any thread starts and read-only afterwards
 * (HUP makes a new one), so any thread may read it. The keys, their defaults, bounds, variables,
 * flags and help texts stand in one table, config/schema.c.
 *
 * Strings and arrays are owned by the struct. Sizes are bytes, times are milliseconds.
 * A maximum of 0 means "no limit" only where the comment says so.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_log_format { CONFIG_LOG_KV, CONFIG_LOG_JSON };

/* How code of a language is run: argv, in which the one element "{code}" stands for the code. */
struct config_runtime {
    char *language;
    char **argv; /* NULL-terminated; argv[0] is resolved in PATH at start-up */
};

struct config_strings {
    char **v; /* n strings, then NULL; NULL when n is 0 */
    size_t n;
};

enum config_isolation {
    CONFIG_ISOLATION_BWRAP,
    CONFIG_ISOLATION_NONE /* with the rights of whoever runs the keeper; asked for by name only */
};

enum config_network {
    CONFIG_NETWORK_NONE,  /* a namespace of its own with nothing but loopback */
    CONFIG_NETWORK_PROXY, /* the same, and a way out through the egress proxy */
    CONFIG_NETWORK_HOST   /* the host's, unrestricted */
};

/* What one kind of sandbox grants. The fields stand in a table, config/profile.c. */
struct config_profile {
    char *name;
    enum config_isolation isolation;
    struct config_strings read_only; /* absolute paths; those that aren't there are left out */
    struct config_strings writable;
    struct config_strings hidden;
    struct config_strings allow_write_roots; /* below them a call may ask for allow_write */
    struct config_strings environment;       /* names inherited; none: environment_whitelist */
    uint64_t tmp_bytes;                      /* of the private /tmp, and of /dev/shm */
    unsigned uid;                            /* of the command, as it sees itself */
    enum config_network network;
    struct config_strings allowed_domains, denied_domains; /* network: proxy */
    struct config_strings allowed_ports;                   /* "443", "8000-8999" */
    struct config_strings allowed_addresses; /* private ranges that may be reached, CIDR */
    /* In place of limits.*; 0: those hold. */
    uint64_t max_memory_bytes, max_cpu_ms, max_file_bytes;
    unsigned max_processes, max_open_files;
};

struct config {
    /* server: */
    char *host;        /* server.host          SANDBOX_HOST   --host       127.0.0.1 */
    uint16_t port;     /* server.port          SANDBOX_PORT   --port -p    8080; 0 = any free */
    char *unix_socket; /* server.unix_socket   NULL: none; else listens there as well */
    bool stdio;        /* server.stdio         --stdio: pipes instead of sockets */
    unsigned threads;  /* server.threads       0 = one for each CPU, at most 8 */
    bool insecure;     /* server.insecure      --insecure: other than loopback without a token */
    unsigned max_connections; /* server.max_connections           20000 */
    unsigned max_streams;     /* server.max_streams   open SSE streams  12000 */
    size_t max_body_bytes;    /* server.max_body      4MiB */
    size_t max_header_bytes;  /* server.max_header    64KiB, sum of names and values -> 431 */
    uint64_t
        request_timeout_ms;    /* server.request_timeout  10s: whole request, and idle keep-alive */
    uint64_t write_timeout_ms; /* server.write_timeout    30s: a client that does not read */
    uint64_t heartbeat_ms;     /* server.heartbeat        15s: comment on an idle stream */
    uint64_t update_interval_ms;    /* server.update_interval 200ms: between notifications about one
                                       execution */
    uint64_t drain_timeout_ms;      /* server.drain_timeout    60s: TERM */
    size_t max_stream_buffer_bytes; /* server.max_stream_buffer 1MiB: queued for one slow stream */
    struct config_strings
        allowed_hosts; /* server.allowed_hosts   besides localhost and the bound address */
    struct config_strings allowed_origins; /* server.allowed_origins besides the server's own */
    bool execution_id_header; /* server.execution_id_header  false: x-mcp-header on execution_id */

    /* auth: */
    char *token; /* auth.token  SANDBOX_AUTH_TOKEN --token -t; NULL: none. Secret: masked in
                    --print-config */

    char *state_secret; /* auth.state_secret  SANDBOX_STATE_SECRET; NULL: one in the state
                           directory. Secret: masked */

    /* sessions: (MCP sessions of the revisions before 2026-07-28) */
    unsigned max_sessions;   /* sessions.max 10000 */
    uint64_t session_ttl_ms; /* sessions.ttl 1h after the last request */

    /* exec: */
    char *replica_id;  /* exec.replica_id   SANDBOX_REPLICA_ID --replica-id; host name, made safe:
                          [a-z0-9_], 1-24 */
    char *state_dir;   /* exec.state_dir    SANDBOX_STATE_DIR --state-dir */
    char *keeper_path; /* exec.keeper       NULL: beside this program, else PATH */
    char *shell;       /* exec.shell        /bin/sh */
    char *working_directory; /* exec.working_directory  NULL: a directory for each session below the
                                state directory */
    struct config_strings environment_whitelist; /* exec.environment_whitelist: names a command
                                                    inherits (PATH LANG LC_ALL TZ TERM) */
    struct config_runtime *runtimes; /* exec.runtimes.<language>: [argv…]; python node bash sh perl
                                        ruby by default when found */
    size_t n_runtimes;

    /* limits: */
    unsigned
        max_concurrent; /* limits.max_concurrent   SANDBOX_MAX_CONCURRENT --max-concurrent   10 */
    unsigned
        max_per_session;  /* limits.max_per_session  SANDBOX_MAX_PER_SESSION --max-per-session 5 */
    unsigned max_pending; /* limits.max_pending      1000 */
    uint64_t timeout_ms;  /* limits.timeout          SANDBOX_TIMEOUT --timeout  300s, of a call that
                             names none */
    uint64_t max_timeout_ms; /* limits.max_timeout      24h */
    uint64_t
        idle_timeout_ms; /* limits.idle_timeout     0 = none: no output and no input for so long */
    uint64_t kill_grace_ms;   /* limits.kill_grace       3s between TERM and KILL */
    uint64_t max_wait_ms;     /* limits.max_wait         300s: the longest a call may be parked */
    unsigned max_waiters;     /* limits.max_waiters      10000 parked calls in all */
    unsigned max_watched;     /* limits.max_watched       65536 resources, and tasks, followed */
    size_t max_output_bytes;  /* limits.max_output       1GiB, 0 = no limit: beyond it the execution
                                 ends, reason output_limit */
    size_t keep_output_bytes; /* limits.keep_output      0 = all of it: older output is dropped (a
                                 hole is punched) */
    size_t
        max_reply_bytes; /* limits.max_reply        1MiB: most that output.max_bytes may ask for */
    size_t max_stdin_bytes;    /* limits.max_stdin        1MiB queued for one execution's stdin */
    size_t max_command_bytes;  /* limits.max_command      128KiB: command, and each argument (Linux
                                  MAX_ARG_STRLEN) */
    uint64_t max_memory_bytes; /* limits.max_memory       0 = none: of the tree, and the most
                                  sandbox_config may ask for */
    uint64_t max_cpu_ms;       /* limits.max_cpu          0 = none: of the tree */
    uint64_t max_file_bytes;   /* limits.max_file         0 = none: RLIMIT_FSIZE */
    unsigned max_processes;    /* limits.max_processes    0 = none: of the tree */
    bool require_tree_limits;  /* limits.require_tree     false */
    unsigned max_open_files;   /* limits.max_open_files   1024: RLIMIT_NOFILE */

    char *config_file; /* absolute; the file that was read, which may hold secrets; NULL: none */

    /* sandbox: */
    char *sandbox_profile; /* sandbox.profile    default; NULL (made by hand only) is none */
    struct config_profile *profiles; /* sandbox.profiles.<name>: {field: value …} */
    size_t n_profiles;
    char *bwrap_path;              /* sandbox.bwrap      NULL: in PATH */
    char *sandbox_init_path;       /* sandbox.init       NULL: beside this program, else PATH */
    unsigned sandbox_first_uid;    /* sandbox.first_uid  as root: one of these for each workspace */
    unsigned sandbox_uids;         /* sandbox.uids */
    unsigned sandbox_pool;         /* sandbox.pool       prepared sandboxes at most; 0 = none */
    uint64_t sandbox_pool_idle_ms; /* sandbox.pool_idle     then a prepared one is thrown away */
    uint64_t workspace_quota_bytes; /* sandbox.workspace_quota  0 = none */
    uint64_t workspace_ttl_ms;      /* sandbox.workspace_ttl */

    /* tasks: (executions as MCP tasks) */
    uint64_t task_sync_wait_ms;     /* tasks.sync_wait 2s: what ends within it is no task */
    uint64_t task_poll_interval_ms; /* tasks.poll_interval 1s: told to clients */
    bool tasks_experimental;        /* tasks.experimental: also those of 2025-11-25 */
    bool tasks_require_name;        /* tasks.require_name: tasks/… need the header Mcp-Name */
    bool tasks_ask_secrets; /* tasks.ask_secrets: also what a terminal does not show is asked for */

    /* files: (read_file, write_file, list_files) */
    bool files_enabled;        /* files.enabled        true */
    uint64_t max_write_bytes;  /* files.max_file       64MiB: largest a client may make */
    unsigned max_scan_entries; /* files.max_entries    100000: a listing looks at no more */

    /* confirm: (commands that a person has to confirm) */
    struct config_strings confirm_commands; /* confirm.commands: regular expressions */
    struct config_strings confirm_profiles; /* confirm.profiles: of sandbox.profiles */
    size_t confirm_longer_bytes;            /* confirm.longer_than  0 = none */

    /* retention: */
    uint64_t retention_ttl_ms; /* retention.ttl           1h after the end */
    unsigned max_finished;     /* retention.max_executions 10000 finished journals kept */
    uint64_t max_disk_bytes;   /* retention.max_disk      10GiB for all journals; oldest finished go
                                  first */
    uint64_t min_free_bytes;   /* retention.min_free      256MiB: below it new work is refused */

    char *nginx_file; /* of --nginx, with --doctor; NULL: none. No key. */

    /* egress: the network proxy */
    unsigned egress_max_connections;          /* egress.max_connections    1000 */
    unsigned egress_max_per_execution;        /* egress.max_per_execution  64 */
    size_t egress_max_header_bytes;           /* egress.max_header         32KiB */
    uint64_t egress_head_timeout_ms;          /* egress.head_timeout       10s */
    uint64_t egress_connect_timeout_ms;       /* egress.connect_timeout   15s */
    uint64_t egress_idle_timeout_ms;          /* egress.idle_timeout      300s */
    struct config_strings egress_nameservers; /* egress.nameservers  none: /etc/resolv.conf */
    char *egress_hosts_file;                  /* egress.hosts_file   /etc/hosts; "": none */

    /* log: */
    char *
        log_file; /* log.file   SANDBOX_LOG_FILE --log-file  sandbox_server.log; "" = stderr only */
    enum config_log_format log_format; /* log.format kv | json */
    int log_level;                     /* log.level  debug info warning error (syslog(3) numbers) */
    size_t log_max_bytes;              /* log.max_size 10MiB, then rotated */
    unsigned log_keep_days;            /* log.keep_days 7 */

    /* redis: */
    char *redis_url;    /* redis.url  REDIS_URL --redis-url; NULL: single instance. Secret: password
                           masked; config/redis_url.h reads it */
    char *redis_tls_ca; /* redis.tls_ca  NULL: what the system trusts */
    char *redis_tls_cert,
        *redis_tls_key;              /* redis.tls_cert, redis.tls_key  NULL: none; both or none */
    char *redis_sentinel_password;   /* redis.sentinel_password REDIS_SENTINEL_PASSWORD; NULL: none.
                                        Secret */
    uint64_t redis_timeout_ms;       /* redis.timeout  5s: the longest an answer may take */
    size_t redis_max_queue_bytes;    /* redis.max_queue  16MiB: commands on their way */
    uint64_t redis_batch_ms;         /* redis.batch  10ms: output is gathered for so long */
    size_t redis_max_output_bytes;   /* redis.max_output  16MiB: JSON of one execution's events */
    unsigned redis_max_channels;     /* redis.max_channels  20000 */
    uint64_t redis_heartbeat_ttl_ms; /* redis.heartbeat_ttl  15s: silent for so long, it is dead */
    uint64_t redis_grace_ms;         /* redis.grace  15s more, and what it ran is lost */
    uint64_t redis_command_timeout_ms; /* redis.command_timeout  5s: the owner's time for stdin … */
    unsigned redis_max_commands;       /* redis.max_commands  10000: under way; in one stream */
    unsigned redis_max_shadows;        /* redis.max_shadows  1000 */
    size_t redis_max_shadow_bytes;     /* redis.max_shadow_bytes  1GiB, of all of them on disk */
    uint64_t redis_shadow_ttl_ms;      /* redis.shadow_ttl  60s after the last look */
};

enum config_action {
    CONFIG_RUN,     /* serve */
    CONFIG_DOCTOR,  /* --doctor: say how this host suits the configuration */
    CONFIG_EXIT_OK, /* --help, --version, --check-config, --print-config did their work: exit 0 */
    CONFIG_EXIT_BAD /* an error was printed on stderr: exit 2 */
};

/*
 * Reads flags, environment and the file of --config. Prints what --help, --version, --check-config
 * and --print-config ask for on stdout and errors on stderr. On CONFIG_RUN and CONFIG_DOCTOR
 * *ret_config is the caller's (config_free). `environ_` is a NULL-terminated NAME=VALUE array.
 */
enum config_action config_load(int argc, char **argv, char **environ_, struct config **ret_config);

/* Wipes the variables of the environment that hold secrets, and takes them out: what is started
 * later inherits none, and /proc/<pid>/environ shows none. After config_load(), before any thread.
 */
void config_forget_secrets(void);

/* NULL is legal. Wipes secrets first. */
void config_free(struct config *c);
