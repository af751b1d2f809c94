/* Where Redis can be: behind TLS, a password, an ACL, on a unix socket, behind sentinels. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "config/config.h"
#include "state/base/buf.h"
#include "state/base/log.h"
#include "state/redis.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/temp_dir.h"

static struct test {
    struct event_base *base;
    struct config config;
    struct redis *redis;
    unsigned ups, downs;
    char *dir; /* of certificates and the log */
} t;

static void on_up(void *arg, bool is_other)
{
    t.ups++;
}

static void on_down(void *arg)
{
    t.downs++;
}

static const struct redis_watcher watcher = {.on_up = on_up, .on_down = on_down};

static int setup(void **state)
{
    memset(&t, 0, sizeof(t));
    t.base = event_base_new();
    t.config = (struct config){
        .redis_timeout_ms = 3000, .redis_max_queue_bytes = 1 << 20, .redis_max_channels = 8};
    int r = temp_dir_setup((void **)&t.dir);
    CLEANUP(free_p) char *log = temp_path(t.dir, "log");
    const struct log_options o = {.file = log, .level = LOGL_INFO};
    return r == 0 ? log_open(&o) : r;
}

static int teardown(void **state)
{
    t.redis = redis_free(t.redis);
    event_base_free(t.base);
    log_close();
    return temp_dir_teardown((void **)&t.dir);
}

static int connect_by(const char *fmt, ...) PRINTF_LIKE(1, 2);
static int connect_by(const char *fmt, ...)
{
    static char url[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(url, sizeof(url), fmt, ap);
    va_end(ap);
    t.config.redis_url = url;
    int r = redis_new(t.base, &t.config, "places", &t.redis);
    if (r == 0)
        redis_watch(t.redis, &watcher);
    return r;
}

static bool has_been_up(void *arg)
{
    return redis_is_up(t.redis) && t.ups >= *(unsigned *)arg;
}

static void wait_up(unsigned ups)
{
    redis_wait(t.base, has_been_up, &ups, "Redis is up");
}

static void check_log(const char *wanted, bool is_there)
{
    CLEANUP(free_p) char *path = temp_path(t.dir, "log");
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    assert_int_equal(file_read(path, 1 << 20, &text, &len), 0);
    if ((strstr(text, wanted) != NULL) != is_there)
        fail_msg("\"%s\" is %s in the log:\n%s", wanted, is_there ? "not" : "", text);
}

static bool is_logged(void *arg)
{
    CLEANUP(free_p) char *path = temp_path(t.dir, "log");
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    return file_read(path, 1 << 20, &text, &len) == 0 && strstr(text, arg);
}

static void wait_logged(const char *text)
{
    redis_wait(t.base, is_logged, (void *)text, text);
    assert_int_equal(t.ups, 0);
}

struct answer {
    unsigned n;
    char text[64];
};

static void on_answer(void *arg, enum redis_outcome o, const struct redisReply *r)
{
    struct answer *a = arg;
    assert_int_equal(o, REDIS_E_NONE);
    a->n++;
    (void)snprintf(a->text, sizeof(a->text), "%s", r->str ? r->str : "");
}

static bool is_answered(void *arg)
{
    const struct answer *a = arg;
    return a->n > 0;
}

static void check_works(struct redis_server *s, const char *db)
{
    struct answer a = {0};
    CLEANUP(free_p) char *command = NULL;
    const struct redis_call call = {.on_reply = on_answer, .arg = &a};
    assert_int_equal(redis_ask(t.redis, &call, "SET", "here", "it is"), REDIS_E_NONE);
    redis_wait(t.base, is_answered, &a, "an answer");
    if (asprintf(&command, "-n %s get here", db) < 0)
        abort();
    CLEANUP(free_p) char *value = redis_server_cli(s, command);
    assert_string_equal(value, "it is");
}

/* ---- tests ---- */

static void a_unix_socket_and_a_database(void **state)
{
    struct redis_server *s = redis_server_start(NULL);
    assert_int_equal(connect_by("unix://%s/socket?db=3", s->dir), 0);
    wait_up(1);
    check_works(s, "3");
    redis_server_free(s);
}

static void a_name_is_resolved(void **state)
{
    struct redis_server *s = redis_server_start(NULL);
    assert_int_equal(connect_by("redis://localhost:%u/2", s->port), 0);
    wait_up(1);
    check_works(s, "2");
    redis_server_free(s);
}

static void a_name_that_is_none_is_told(void **state)
{
    assert_int_equal(connect_by("redis://no-such-host.invalid/0"), 0);
    wait_logged("resolve no-such-host.invalid");
}

static void nobody_listens(void **state)
{
    assert_int_equal(connect_by("redis://127.0.0.1:%u/0", redis_free_port()), 0);
    wait_logged("Connection refused");
}

static void a_password(void **state)
{
    struct redis_server *s = redis_server_start("requirepass s3cret/@\n");
    assert_int_equal(connect_by("redis://:wrong@127.0.0.1:%u/0", s->port), 0);
    wait_logged("WRONGPASS");
    check_log("s3cret", false);
    t.redis = redis_free(t.redis);
    assert_int_equal(connect_by("redis://:s3cret%%2f@@127.0.0.1:%u/0", s->port), 0);
    wait_up(1);
    redis_server_free(s);
}

/* What docs/redis.md says that a user needs. */
static void a_user_with_few_rights(void **state)
{
    struct redis_server *s = redis_server_start(
        "user mcp on >pw ~* &* +@all -@dangerous +info\nuser poor on >pw ~* &* +@all -@dangerous "
        "-client\n");
    assert_int_equal(connect_by("redis://mcp:pw@127.0.0.1:%u/0", s->port), 0);
    wait_up(1);
    check_works(s, "0");
    check_log("redis_policy_unknown", false);
    t.redis = redis_free(t.redis);
    /* One that may not even ask: it works, and the operator is told what nobody could check. */
    assert_int_equal(connect_by("redis://poor:pw@127.0.0.1:%u/0", s->port), 0);
    wait_up(2);
    check_log("redis_policy_unknown", true);
    redis_server_free(s);
}

static void a_policy_that_evicts_is_warned_of(void **state)
{
    struct redis_server *s = redis_server_start("maxmemory 100mb\nmaxmemory-policy allkeys-lru\n");
    assert_int_equal(connect_by("redis://127.0.0.1:%u/0", s->port), 0);
    wait_up(1);
    check_log("redis_evicts", true);
    check_log("maxmemory_policy=allkeys-lru", true);
    redis_server_free(s);
}

static void a_policy_that_evicts_what_has_a_ttl_is_not(void **state)
{
    struct redis_server *s = redis_server_start("maxmemory 100mb\nmaxmemory-policy volatile-ttl\n");
    assert_int_equal(connect_by("redis://127.0.0.1:%u/0", s->port), 0);
    wait_up(1);
    check_log("redis_evicts", false);
    redis_server_free(s);
}

/* ---- TLS ---- */

static void run(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void run(const char *fmt, ...)
{
    char command[2048];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* A certificate <name>.pem for 127.0.0.1, signed by <ca>.pem, which is made when it is new. */
static void make_certificate(const char *ca, const char *name)
{
#define NEW "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    run("cd %s && exec >/dev/null 2>&1 && "
        "{ [ -f %s.pem ] || openssl req -x509 " NEW
        " -keyout %s.key -out %s.pem -subj /CN=%s; } && "
        "openssl req " NEW " -keyout %s.key -out %s.csr -subj /CN=%s && "
        "echo subjectAltName=IP:127.0.0.1,DNS:localhost >ext && "
        "openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -extfile ext "
        "-days 2 -out %s.pem",
        t.dir, ca, ca, ca, ca, name, name, name, name, ca, ca, name);
}

struct tls_server {
    struct redis_server *server;
    char lines[1024];
    uint16_t port;
};

static void start_tls(struct tls_server *s, const char *more)
{
    s->port = redis_free_port();
    (void)snprintf(s->lines, sizeof(s->lines),
                   "tls-port %u\ntls-cert-file %s/redis.pem\ntls-key-file %s/redis.key\n"
                   "tls-ca-cert-file %s/ca.pem\n%s",
                   s->port, t.dir, t.dir, t.dir, more);
    s->server = redis_server_start(s->lines);
}

static char *path_of(const char *name)
{
    return temp_path(t.dir, name);
}

static void tls_with_a_certificate_of_ours(void **state)
{
    struct tls_server s;
    CLEANUP(free_p) char *ca = path_of("ca.pem");
    CLEANUP(free_p) char *cert = path_of("client.pem");
    CLEANUP(free_p) char *key = path_of("client.key");
    make_certificate("ca", "redis");
    make_certificate("ca", "client");
    start_tls(&s, "tls-auth-clients yes\n");
    t.config.redis_tls_ca = ca;
    t.config.redis_tls_cert = cert;
    t.config.redis_tls_key = key;
    assert_int_equal(connect_by("rediss://127.0.0.1:%u/1", s.port), 0);
    wait_up(1);
    check_works(s.server, "1");
    /* Much in both directions. */
    CLEANUP(free_p) char *big = xcalloc(1, 500001);
    struct answer a = {0}, b = {0};
    const struct redis_call call_a = {.on_reply = on_answer, .arg = &a},
                            call_b = {.on_reply = on_answer, .arg = &b};
    memset(big, 'x', 500000);
    assert_int_equal(redis_ask(t.redis, &call_a, "SET", "big", big), REDIS_E_NONE);
    assert_int_equal(redis_ask(t.redis, &call_b, "GET", "big"), REDIS_E_NONE);
    redis_wait(t.base, is_answered, &b, "the large answer");
    assert_int_equal(strlen(b.text), sizeof(b.text) - 1);
    /* It comes back by itself. */
    redis_server_stop(s.server);
    redis_server_restart(s.server);
    wait_up(2);
    redis_server_free(s.server);
}

static void a_certificate_of_somebody_else_is_refused(void **state)
{
    struct tls_server s;
    CLEANUP(free_p) char *other = path_of("other.pem");
    make_certificate("ca", "redis");
    make_certificate("other", "unused");
    start_tls(&s, "tls-auth-clients no\n");
    t.config.redis_tls_ca = other;
    assert_int_equal(connect_by("rediss://127.0.0.1:%u/0", s.port), 0);
    wait_logged("the certificate is refused");
    redis_server_free(s.server);
}

/* 127.0.0.2 is the same server, and not what its certificate says. */
static void a_certificate_for_another_host_is_refused(void **state)
{
    struct tls_server s;
    CLEANUP(free_p) char *ca = path_of("ca.pem");
    make_certificate("ca", "redis");
    start_tls(&s, "tls-auth-clients no\nbind 127.0.0.1 127.0.0.2\n");
    t.config.redis_tls_ca = ca;
    assert_int_equal(connect_by("rediss://127.0.0.2:%u/0", s.port), 0);
    wait_logged("mismatch");
    t.redis = redis_free(t.redis);
    assert_int_equal(connect_by("rediss://localhost:%u/0", s.port), 0);
    wait_up(1);
    redis_server_free(s.server);
}

static void tls_towards_one_that_has_none_fails(void **state)
{
    struct redis_server *s = redis_server_start(NULL);
    t.config.redis_timeout_ms = 500;
    assert_int_equal(connect_by("rediss://127.0.0.1:%u/0", s->port), 0);
    wait_logged("redis_away");
    redis_server_free(s);
}

static void files_that_are_none_are_named_at_the_start(void **state)
{
    CLEANUP(free_p) char *none = path_of("none.pem");
    t.config.redis_tls_ca = none;
    assert_true(connect_by("rediss://127.0.0.1:1/0") < 0);
    t.redis = NULL;
    check_log("redis.tls_ca", true);
    check_log("none.pem", true);
}

/* ---- sentinels ---- */

static bool is_synced(void *arg)
{
    CLEANUP(free_p) char *info = redis_server_cli(arg, "info replication");
    return strstr(info, "master_link_status:up");
}

static void the_new_primary_is_followed_without_a_restart(void **state)
{
    static char replica_lines[256], sentinel_lines[512];
    struct redis_server *primary = redis_server_start(NULL);
    (void)snprintf(replica_lines, sizeof(replica_lines), "replicaof 127.0.0.1 %u\n", primary->port);
    struct redis_server *replica = redis_server_start(replica_lines);
    redis_wait(t.base, is_synced, replica, "the replica has a copy");
    (void)snprintf(sentinel_lines, sizeof(sentinel_lines),
                   "sentinel monitor m 127.0.0.1 %u 1\n"
                   "sentinel down-after-milliseconds m 400\nsentinel failover-timeout m 4000\n",
                   primary->port);
    struct redis_server *sentinel = redis_server_start_sentinel(sentinel_lines);

    /* The first sentinel of the list is dead: the next one is asked. */
    assert_int_equal(connect_by("redis+sentinel://127.0.0.1:%u,127.0.0.1:%u/m/0", redis_free_port(),
                                sentinel->port),
                     0);
    wait_up(1);
    check_works(primary, "0");
    /* Only a sentinel that has heard of the replica can make it the primary. */
    CLEANUP(free_p) char *asked = NULL;
    if (asprintf(
            &asked,
            "for i in $(seq 300); do redis-cli -p %u sentinel replicas m | grep -q %u && exit 0;"
            " sleep 0.1; done; exit 1",
            sentinel->port, replica->port) < 0)
        abort();
    run("%s", asked);
    redis_server_stop(primary);
    wait_up(2);
    check_works(replica, "0");
    /* The old one comes back, and becomes a replica: nobody writes to it. */
    redis_server_restart(primary);
    check_works(replica, "0");
    redis_server_free(sentinel);
    redis_server_free(replica);
    redis_server_free(primary);
}

static void a_replica_is_not_used(void **state)
{
    static char lines[256];
    struct redis_server *primary = redis_server_start(NULL);
    (void)snprintf(lines, sizeof(lines), "replicaof 127.0.0.1 %u\n", primary->port);
    struct redis_server *replica = redis_server_start(lines);
    assert_int_equal(connect_by("redis://127.0.0.1:%u/0", replica->port), 0);
    wait_logged("it is a replica, not the primary");
    free(redis_server_cli(replica, "replicaof no one"));
    wait_up(1);
    redis_server_free(replica);
    redis_server_free(primary);
}

static void a_name_that_sentinels_do_not_know(void **state)
{
    struct redis_server *sentinel = redis_server_start_sentinel(NULL);
    assert_int_equal(connect_by("redis+sentinel://127.0.0.1:%u/unknown/0", sentinel->port), 0);
    wait_logged("it knows no primary named unknown");
    redis_server_free(sentinel);
}

int main(void)
{
    redis_server_need();
    (void)signal(SIGPIPE, SIG_IGN);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_unix_socket_and_a_database),
        TEST(a_name_is_resolved),
        TEST(a_name_that_is_none_is_told),
        TEST(nobody_listens),
        TEST(a_password),
        TEST(a_user_with_few_rights),
        TEST(a_policy_that_evicts_is_warned_of),
        TEST(a_policy_that_evicts_what_has_a_ttl_is_not),
        TEST(tls_with_a_certificate_of_ours),
        TEST(a_certificate_of_somebody_else_is_refused),
        TEST(a_certificate_for_another_host_is_refused),
        TEST(tls_towards_one_that_has_none_fails),
        TEST(files_that_are_none_are_named_at_the_start),
        TEST(the_new_primary_is_followed_without_a_restart),
        TEST(a_replica_is_not_used),
        TEST(a_name_that_sentinels_do_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
