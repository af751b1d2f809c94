/* Where Redis is, as operators write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/redis_url.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* What was read, as one text to compare. */
static char *show(const struct redis_url *u)
{
    static const char *const kinds[] = {"tcp", "unix", "sentinel"};
    char *text = NULL;
    size_t len = 0;
    FILE *f = mem_stream(&text, &len);
    fprintf(f, "%s%s", kinds[u->kind], u->is_tls ? " tls" : "");
    if (u->user)
        fprintf(f, " user=%s", u->user);
    if (u->password)
        fprintf(f, " password=%s", u->password);
    for (size_t i = 0; i < u->n_endpoints; i++)
        fprintf(f, " %s/%u", u->endpoint[i].host, u->endpoint[i].port);
    if (u->path)
        fprintf(f, " path=%s", u->path);
    if (u->service)
        fprintf(f, " service=%s", u->service);
    fprintf(f, " db=%u", u->db);
    if (fclose(f) != 0)
        abort();
    return text;
}

static void reads_every_form(void **state)
{
    static const struct {
        const char *url, *wanted;
    } cases[] = {
        {"redis://host", "tcp host/6379 db=0"},
        {"redis://host/", "tcp host/6379 db=0"},
        {"redis://host:6380/3", "tcp host/6380 db=3"},
        {"redis://127.0.0.1:1/15", "tcp 127.0.0.1/1 db=15"},
        {"redis://[::1]:6380/1", "tcp ::1/6380 db=1"},
        {"redis://[fe80::1%eth0]", "tcp fe80::1%eth0/6379 db=0"},
        {"redis://:pass@host", "tcp password=pass host/6379 db=0"},
        {"redis://u:p@host:6380/2", "tcp user=u password=p host/6380 db=2"},
        {"redis://u%40:p%3a%2F%25@h", "tcp user=u@ password=p:/% h/6379 db=0"},
        {"redis://u:p@ss/w:rd@h", "tcp user=u password=p@ss/w:rd h/6379 db=0"},
        {"rediss://h_1.example-x.org", "tcp tls h_1.example-x.org/6379 db=0"},
        {"unix:///run/redis.sock", "unix path=/run/redis.sock db=0"},
        {"unix://:p@/run/r.sock?db=4", "unix password=p path=/run/r.sock db=4"},
        {"redis+sentinel://a/m", "sentinel a/26379 service=m db=0"},
        {"redis+sentinel://u:p@a:1,b,[::1]:3/my-master.x/7",
         "sentinel user=u password=p a/1 b/26379 ::1/3 service=my-master.x db=7"},
        {"rediss+sentinel://a,b/m/", "sentinel tls a/26379 b/26379 service=m db=0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_url u;
        struct config_problem p;
        if (!redis_url_parse(cases[i].url, &u, &p))
            fail_msg("%s: %s", cases[i].url, p.text);
        CLEANUP(mem_free_p) char *shown = show(&u);
        assert_string_equal(shown, cases[i].wanted);
        redis_url_deinit(&u);
    }
}

static void errors_name_the_fault(void **state)
{
    static const struct {
        const char *url, *wanted;
    } cases[] = {
        {"", "is not a URL of Redis"},
        {"http://h", "is not a URL of Redis"},
        {"Redis://h", "is not a URL of Redis"},
        {"redis://", "names no host"},
        {"redis:///3", "names no host"},
        {"redis://:6379", "names no host"},
        {"redis://h:", "has no port number"},
        {"redis://h:0", "has no port number"},
        {"redis://h:65536", "has no port number"},
        {"redis://h:63 79", "has no port number"},
        {"redis://h:99999999999999999999", "has no port number"},
        {"redis://h/x", "names no database"},
        {"redis://h/-1", "names no database"},
        {"redis://h/1000001", "names no database"},
        {"redis://h/0/1", "names no database"},
        {"redis://user@h", "has a user and no password"},
        {"redis://user:@h", "has an empty password"},
        {"redis://:a%@h", "has a \"%\" in user or password"},
        {"redis://:a%4@h", "has a \"%\" in user or password"},
        {"redis://:a%00b@h", "has a \"%\" in user or password"},
        {"redis://a,b", "names several hosts"},
        {"redis://::1", "names no host"},
        {"redis://fe80::1", "has no port number"},
        {"redis://[::1", "has a \"[\" without a \"]\""},
        {"redis://[::1]6379", "goes on behind the \"]\""},
        {"redis://[]:1", "names no host"},
        {"redis://h\r\nFLUSHALL", "has a character in the host"},
        {"redis://h#x", "has a \"#\""},
        {"redis://h?db=1", "has a character in the host"},
        {"unix://", "names no absolute path"},
        {"unix://run/redis.sock", "names no absolute path"},
        {"unix:///", "names no absolute path"},
        {"unix:///a?db=", "names no database"},
        {"unix:///a?x=1", "has something else"},
        {"unix:///a?db=x", "names no database"},
        {"unix:///123456789012345678901234567890123456789012345678901234567890123456789012345678901"
         "2345678901234567890123456789",
         "has a path longer than"},
        {"redis+sentinel://a", "names no primary"},
        {"redis+sentinel://a/", "names no primary"},
        {"redis+sentinel://a,/m", "names no host"},
        {"redis+sentinel://a/m m", "has a character in the primary's name"},
        {"redis+sentinel://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/m", "names more than 16"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_url u;
        struct config_problem p = {0};
        if (redis_url_parse(cases[i].url, &u, &p))
            fail_msg("\"%s\" is taken", cases[i].url);
        if (strncmp(p.text, cases[i].wanted, strlen(cases[i].wanted)) != 0)
            fail_msg("\"%s\": %s", cases[i].url, p.text);
    }
}

static void a_url_that_never_ends_is_refused(void **state)
{
    CLEANUP(mem_free_p) char *url = mem_calloc(2 * REDIS_URL_MAX, 1);
    struct redis_url u;
    struct config_problem p;
    memset(url, 'a', 2 * REDIS_URL_MAX - 1);
    memcpy(url, "redis://", 8);
    assert_false(redis_url_parse(url, &u, &p));
    url[REDIS_URL_MAX] = '\0';
    assert_true(redis_url_parse(url, &u, &p));
    redis_url_deinit(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(errors_name_the_fault),
        cmocka_unit_test(a_url_that_never_ends_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
