/* What the network proxy makes of names, addresses, ports and requests, without a network. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/egress/http_body.h"
#include "exec/egress/policy.h"
#include "exec/egress/socks.h"
#include "tests/unit/random.h"

/* ---- names ---- */

static void names_have_one_form(void **state)
{
    static const struct {
        const char *text, *form; /* NULL: no name of a host */
        enum host_kind kind;
    } cases[] = {
        {"example.com", "example.com", HOST_NAME},
        {"EXAMPLE.Com.", "example.com", HOST_NAME},
        {"a_b.xn--bcher-kva.example", "a_b.xn--bcher-kva.example", HOST_NAME},
        {"localhost", "localhost", HOST_NAME},
        {"10.0.0.1", "10.0.0.1", HOST_LITERAL},
        {"[::1]", "::1", HOST_LITERAL},
        {"::ffff:127.0.0.1", "::ffff:127.0.0.1", HOST_LITERAL},
        {"2001:DB8:0:0::1", "2001:db8::1", HOST_LITERAL},
        /* what inet_aton() takes for 127.0.0.1 */
        {"127.1", NULL, HOST_BAD},
        {"0x7f.0.0.1", NULL, HOST_BAD},
        {"2130706433", NULL, HOST_BAD},
        {"0177.0.0.1", NULL, HOST_BAD},
        {"127.0.0.1.", NULL, HOST_BAD},
        {"", NULL, HOST_BAD},
        {".", NULL, HOST_BAD},
        {"a..b", NULL, HOST_BAD},
        {".a", NULL, HOST_BAD},
        {"-a.b", NULL, HOST_BAD},
        {"a-.b", NULL, HOST_BAD},
        {"a b", NULL, HOST_BAD},
        {"a/b", NULL, HOST_BAD},
        {"a@b", NULL, HOST_BAD},
        {"a%00b", NULL, HOST_BAD},
        {"b\xc3\xbc"
         "cher.example",
         NULL, HOST_BAD},
        {"[example.com]", NULL, HOST_BAD},
        {"[127.0.0.1]", NULL, HOST_BAD},
        {"fe80::1%eth0", NULL, HOST_BAD},
        {"::g", NULL, HOST_BAD},
    };
    char form[HOST_NAME_MAX_LEN + 1];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum host_kind kind = host_normalise(cases[i].text, strlen(cases[i].text), form);
        if (kind != cases[i].kind || (kind != HOST_BAD && strcmp(form, cases[i].form) != 0))
            fail_msg("\"%s\": %d", cases[i].text, kind);
    }
    char label[300];
    memset(label, 'a', sizeof(label));
    assert_int_equal(host_normalise(label, 63, form), HOST_NAME);
    assert_int_equal(host_normalise(label, 64, form), HOST_BAD);
    for (size_t i = 63; i < sizeof(label); i += 64)
        label[i] = '.';
    assert_int_equal(host_normalise(label, 253, form), HOST_NAME);
    assert_int_equal(host_normalise(label, 254, form), HOST_BAD);
    assert_int_equal(host_normalise("a\0b", 3, form), HOST_BAD);
}

static void patterns_match_whole_labels(void **state)
{
    static const struct {
        const char *pattern, *host;
        bool matches;
    } cases[] = {
        {"example.com", "example.com", true},
        {"Example.COM.", "example.com", true},
        {"example.com", "www.example.com", false},
        {"example.com", "example.com.evil.org", false},
        {"*.example.com", "www.example.com", true},
        {"*.example.com", "a.b.example.com", true},
        {"*.example.com", "example.com", false},
        {"*.example.com", "evilexample.com", false},
        {"*.example.com", ".example.com", false},
        {"*", "anything.example", true},
        {"*", "10.0.0.1", false},
        {"*", "::1", false},
        {"*.0.0.1", "10.0.0.1", false},
        {"10.0.0.1", "10.0.0.1", true},
        {"*example.com", "wwwexample.com", false},
        {"*.", "a", true},
        {"", "a", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (host_matches(cases[i].pattern, cases[i].host) != cases[i].matches)
            fail_msg("%s %s", cases[i].pattern, cases[i].host);
}

/* The plain way: a pattern and a name as lists of labels. */
static bool model_matches(const char *pattern, const char *host)
{
    const char *p = pattern + strlen(pattern), *h = host + strlen(host);

    while (p > pattern && h > host && p[-1] == h[-1]) {
        p--;
        h--;
    }
    if (p == pattern && h == host)
        return true;
    /* "*" is left of the one, and at least a label of the other, up to the dot that both have. */
    return p == pattern + 1 && pattern[0] == '*' && *p == '.' && h > host && *h == '.';
}

static void make_name(struct random *r, char *to, bool is_pattern)
{
    size_t n = 1 + random_below(r, 4);

    *to = '\0';
    if (is_pattern && random_below(r, 2) == 0)
        strcat(to, "*.");
    for (size_t i = 0; i < n; i++) {
        char label[4] = {(char)('a' + random_below(r, 2)), (char)('a' + random_below(r, 2))};
        label[1 + random_below(r, 1)] = '\0';
        strcat(to, label);
        if (i + 1 < n)
            strcat(to, ".");
    }
}

static void patterns_match_as_a_plain_model_says(void **state)
{
    struct random r = {.state = 11};
    unsigned matched = 0;

    for (int i = 0; i < 200000; i++) {
        char pattern[32], host[32];
        make_name(&r, pattern, true);
        make_name(&r, host, false);
        bool expected = model_matches(pattern, host);
        if (host_matches(pattern, host) != expected)
            fail_msg("%s %s", pattern, host);
        matched += expected;
    }
    assert_true(matched > 1000);
}

static void ports_are_numbers_and_ranges(void **state)
{
    static const char *const bad[] = {"",  "0",    "65536", "443-",  "-443",       "90-80",
                                      "x", "443x", "4 43",  "1-2-3", "99999999999"};
    unsigned low, high;

    assert_true(host_port_parse("443", &low, &high) && low == 443 && high == 443);
    assert_true(host_port_parse("8000-8999", &low, &high) && low == 8000 && high == 8999);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (host_port_parse(bad[i], &low, &high))
            fail_msg("%s", bad[i]);
}

/* ---- addresses ---- */

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage s = {0};

    if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&s)->sin_addr) == 1)
        s.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&s)->sin6_addr) == 1)
        s.ss_family = AF_INET6;
    else
        fail_msg("%s", text);
    return s;
}

static const char *const own[] = {
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.1",
    "192.168.1.1",
    "192.0.0.170",
    "192.0.2.1",
    "198.18.0.1",
    "168.63.129.16",
    "198.19.255.1",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "3fff::1",
    "fd00:ec2::254",
    "4000::1",
};
static const char *const public[] = {
    "1.1.1.1",         "8.8.8.8",      "9.255.255.255", "11.0.0.1",       "100.63.255.255",
    "100.128.0.1",     "126.0.0.1",    "128.0.0.1",     "169.253.1.1",    "172.15.255.255",
    "172.32.0.1",      "192.167.1.1",  "192.169.0.1",   "198.17.255.255", "198.20.0.1",
    "223.255.255.255", "2606:4700::1", "2a00:1450::1",  "::ffff:8.8.8.8", "64:ff9b::808:808",
};

static void knows_the_addresses_that_are_not_the_internets(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        struct sockaddr_storage a = address(own[i]);
        if (address_is_public((struct sockaddr *)&a))
            fail_msg("%s is said to be public", own[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(public); i++) {
        struct sockaddr_storage a = address(public[i]);
        if (!address_is_public((struct sockaddr *)&a))
            fail_msg("%s is said not to be public", public[i]);
    }
    struct sockaddr_storage local = address("127.0.0.1"), other = {.ss_family = AF_UNIX};
    assert_true(address_is_own((struct sockaddr *)&local, sizeof(struct sockaddr_in)));
    assert_false(address_is_public((struct sockaddr *)&other));
}

static void ranges_are_prefixes(void **state)
{
    static const struct {
        const char *range, *in, *out;
    } cases[] = {
        {"10.1.0.0/16", "10.1.255.255", "10.2.0.0"},
        {"10.1.0.0/16", "::ffff:10.1.2.3", "::ffff:10.2.0.0"},
        {"10.1.2.3", "10.1.2.3", "10.1.2.4"},
        {"0.0.0.0/0", "9.9.9.9", "2000::1"},
        {"fd00::/8", "fdff::1", "fc00::1"},
        {"192.168.4.0/22", "192.168.7.255", "192.168.8.0"},
        {"::/0", "::1", NULL},
    };
    static const char *const bad[] = {"",         "10.1",        "10.0.0.1/16", "10.0.0.0/33",
                                      "fd00::/x", "fd00::1/8",   "10.0.0.0/",   "10.0.0.0/-1",
                                      "a.b",      "10.0.0.0/8x", "::/129",      "10.0.0.0/ 8"};
    struct address_range r;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(address_range_parse(cases[i].range, &r));
        struct sockaddr_storage in = address(cases[i].in);
        assert_true(address_range_has(&r, (struct sockaddr *)&in));
        if (!cases[i].out)
            continue;
        struct sockaddr_storage out = address(cases[i].out);
        assert_false(address_range_has(&r, (struct sockaddr *)&out));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (address_range_parse(bad[i], &r))
            fail_msg("%s", bad[i]);
}

/* ---- the policy ---- */

#define LIST(...)         \
    (char *[])            \
    {                     \
        __VA_ARGS__, NULL \
    }
#define S(text) ((char *)(text))

static struct egress_policy *make_policy(void)
{
    const struct spec_sandbox s = {
        .profile = S("build"),
        .allowed_domains = LIST(S("example.com"), S("*.example.org"), S("1.2.3.4")),
        .denied_domains = LIST(S("secret.example.org")),
        .allowed_ports = LIST(S("443"), S("8000-8010")),
        .allowed_addresses = LIST(S("10.1.0.0/16")),
    };
    struct egress_policy *p = egress_policy_new(&s);
    assert_non_null(p);
    return p;
}

static void the_policy_decides_by_name_then_by_port(void **state)
{
    static const struct {
        const char *host;
        unsigned port;
        enum egress_verdict verdict;
    } cases[] = {
        {"example.com", 443, EGRESS_OK},
        {"example.com", 8005, EGRESS_OK},
        {"example.com", 80, EGRESS_PORT},
        {"www.example.com", 443, EGRESS_NOT_ALLOWED},
        {"a.example.org", 443, EGRESS_OK},
        {"secret.example.org", 443, EGRESS_DENIED},
        {"secret.example.org", 22, EGRESS_DENIED},
        {"127.1", 443, EGRESS_BAD_HOST},
        {"10.1.2.3", 443, EGRESS_OK},
        {"10.1.2.3", 22, EGRESS_PORT},
    };
    struct egress_policy *p = make_policy();
    char host[HOST_NAME_MAX_LEN + 1];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum host_kind kind = host_normalise(cases[i].host, strlen(cases[i].host), host);
        if (egress_policy_check(p, kind, host, cases[i].port) != cases[i].verdict)
            fail_msg("%s:%u", cases[i].host, cases[i].port);
    }
    char *text = egress_policy_explain(p, EGRESS_NOT_ALLOWED, "www.example.com", 443);
    assert_non_null(strstr(text, "www.example.com:443"));
    assert_non_null(strstr(text, "sandbox.profiles.build.allowed_domains"));
    free(text);
    egress_policy_free(p);
}

static enum egress_verdict check_address(struct egress_policy *p, const char *text, bool is_literal)
{
    struct sockaddr_storage a = address(text);
    socklen_t len =
        a.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    return egress_policy_check_address(p, (struct sockaddr *)&a, len, is_literal);
}

static void the_policy_decides_by_the_address_too(void **state)
{
    struct egress_policy *p = make_policy();

    assert_int_equal(check_address(p, "8.8.8.8", false), EGRESS_OK);
    assert_int_equal(check_address(p, "10.1.2.3", false), EGRESS_OK); /* granted */
    assert_int_equal(check_address(p, "10.2.2.3", false), EGRESS_PRIVATE);
    assert_int_equal(check_address(p, "::ffff:10.2.2.3", false), EGRESS_PRIVATE);
    assert_int_equal(check_address(p, "169.254.169.254", false), EGRESS_PRIVATE);
    assert_int_equal(check_address(p, "127.0.0.1", false), EGRESS_PRIVATE);
    assert_int_equal(check_address(p, "8.8.8.8", true), EGRESS_LITERAL);
    assert_int_equal(check_address(p, "1.2.3.4", true), EGRESS_OK); /* named as it is */
    assert_int_equal(check_address(p, "10.1.2.3", true), EGRESS_OK);
    assert_int_equal(check_address(p, "10.2.2.3", true), EGRESS_LITERAL);
    egress_policy_free(p);
    const struct spec_sandbox bad_port = {.allowed_ports = LIST(S("http"))};
    const struct spec_sandbox bad_range = {.allowed_addresses = LIST(S("10.0.0.1/8"))};
    assert_null(egress_policy_new(&bad_port));
    assert_null(egress_policy_new(&bad_range));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_one_form),
        cmocka_unit_test(patterns_match_whole_labels),
        cmocka_unit_test(patterns_match_as_a_plain_model_says),
        cmocka_unit_test(ports_are_numbers_and_ranges),
        cmocka_unit_test(knows_the_addresses_that_are_not_the_internets),
        cmocka_unit_test(ranges_are_prefixes),
        cmocka_unit_test(the_policy_decides_by_name_then_by_port),
        cmocka_unit_test(the_policy_decides_by_the_address_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
