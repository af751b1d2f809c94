#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "state/base/macro.h"
#include "state/base/metrics.h"

static char *render(void)
{
    struct buf b = {0};
    metrics_render(&b);
    return buf_steal(&b);
}

static void assert_line(const char *text, const char *line)
{
    const char *found = strstr(text, line);
    size_t len = strlen(line);
    while (found && ((found != text && found[-1] != '\n') || found[len] != '\n'))
        found = strstr(found + 1, line);
    if (!found)
        fail_msg("no line '%s' in\n%s", line, text);
}

static void metrics_without_labels_are_there_from_the_begin(void **state)
{
    char *text = render();
    assert_line(text, "# TYPE mcp_execd_waiters gauge");
    assert_line(text, "mcp_execd_waiters 0");
    assert_line(text, "# TYPE mcp_execd_keeper_restarts_total counter");
    assert_line(text, "mcp_execd_keeper_restarts_total 0");
    assert_line(text, "# TYPE mcp_execd_spawn_seconds histogram");
    assert_line(text, "mcp_execd_spawn_seconds_count 0");
    assert_line(text, "# TYPE mcp_execd_calls_total counter");
    assert_null(strstr(text, "mcp_execd_calls_total{"));
    free(text);
}

static void counts_and_sets(void **state)
{
    metric_add(METRIC_WAITERS, NULL, NULL, 3);
    metric_add(METRIC_WAITERS, NULL, NULL, -4);
    metric_set(METRIC_SESSIONS, NULL, NULL, 12);
    metric_add(METRIC_HTTP_REQUESTS, "2xx", NULL, 2);
    metric_add(METRIC_HTTP_REQUESTS, "4xx", NULL, 1);
    metric_add(METRIC_HTTP_REQUESTS, "2xx", NULL, 5);
    metric_add(METRIC_CALLS, "execute_code", "ok", 1);
    metric_add(METRIC_CALLS, "execute_code", "tool_error", 2);
    char *text = render();
    assert_line(text, "mcp_execd_waiters -1");
    assert_line(text, "mcp_execd_sessions 12");
    assert_line(text, "mcp_execd_http_requests_total{class=\"2xx\"} 7");
    assert_line(text, "mcp_execd_http_requests_total{class=\"4xx\"} 1");
    assert_line(text, "mcp_execd_calls_total{tool=\"execute_code\",outcome=\"ok\"} 1");
    assert_line(text, "mcp_execd_calls_total{tool=\"execute_code\",outcome=\"tool_error\"} 2");
    free(text);
}

static void a_histogram_counts_up_to_each_bound(void **state)
{
    metric_observe_us(METRIC_CALL_SECONDS, "t", 500);
    metric_observe_us(METRIC_CALL_SECONDS, "t", 501);
    metric_observe_us(METRIC_CALL_SECONDS, "t", 300000000);
    metric_observe_us(METRIC_CALL_SECONDS, "t", 300000001);
    char *text = render();
    assert_line(text, "mcp_execd_call_seconds_bucket{tool=\"t\",le=\"0.0005\"} 1");
    assert_line(text, "mcp_execd_call_seconds_bucket{tool=\"t\",le=\"0.001\"} 2");
    assert_line(text, "mcp_execd_call_seconds_bucket{tool=\"t\",le=\"120\"} 2");
    assert_line(text, "mcp_execd_call_seconds_bucket{tool=\"t\",le=\"300\"} 3");
    assert_line(text, "mcp_execd_call_seconds_bucket{tool=\"t\",le=\"+Inf\"} 4");
    assert_line(text, "mcp_execd_call_seconds_sum{tool=\"t\"} 600.001002");
    assert_line(text, "mcp_execd_call_seconds_count{tool=\"t\"} 4");
    metric_observe_us(METRIC_SPAWN_SECONDS, NULL, 2000);
    free(text);
    text = render();
    assert_line(text, "mcp_execd_spawn_seconds_bucket{le=\"0.001\"} 0");
    assert_line(text, "mcp_execd_spawn_seconds_bucket{le=\"0.0025\"} 1");
    assert_line(text, "mcp_execd_spawn_seconds_sum 0.002000");
    free(text);
}

static void labels_are_escaped(void **state)
{
    metric_set(METRIC_EXECUTIONS, "a\"b\\c\nd{", NULL, 1);
    char *text = render();
    assert_line(text, "mcp_execd_executions{status=\"a\\\"b\\\\c\\nd{\"} 1");
    free(text);
}

enum { THREADS = 4, LABELS = METRIC_SERIES_MAX + 20, ROUNDS = 200 };

static void *count_all(void *arg)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < LABELS; i++) {
            char label[16];
            (void)snprintf(label, sizeof(label), "l%d", i);
            metric_add(METRIC_EXECUTIONS_ENDED, label, "exited", 1);
        }
    }
    return NULL;
}

/* More labels than there is room for, from several threads at once. */
static void threads_lose_no_count_and_too_many_labels_become_other(void **state)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_all, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    char *text = render(), *line = text;
    unsigned series = 0;
    long total = 0;
    static const char prefix[] = "mcp_execd_executions_ended_total{";
    while ((line = strstr(line, prefix))) {
        series++;
        total += strtol(strchr(line, ' '), NULL, 10);
        line++;
    }
    assert_int_equal(series, METRIC_SERIES_MAX + 1);
    assert_int_equal(total, THREADS * LABELS * ROUNDS);
    char expected[128];
    (void)snprintf(expected, sizeof(expected), "%sstatus=\"other\",reason=\"other\"} %d", prefix,
                   THREADS * ROUNDS * (LABELS - METRIC_SERIES_MAX));
    assert_line(text, expected);
    free(text);
}

/* Prometheus text format 0.0.4: every line is a comment or a name, labels and a number. */
static void every_line_has_the_form(void **state)
{
    char *text = render(), *save = NULL;
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        if (strncmp(l, "# HELP mcp_execd_", 17) == 0 || strncmp(l, "# TYPE mcp_execd_", 17) == 0)
            continue;
        assert_memory_equal(l, "mcp_execd_", 10);
        size_t name = strspn(l, "abcdefghijklmnopqrstuvwxyz_0123456789");
        assert_true(l[name] == '{' || l[name] == ' ');
        const char *number = strrchr(l, ' ') + 1;
        assert_int_equal(strspn(number, "-0123456789."), strlen(number));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_without_labels_are_there_from_the_begin),
        cmocka_unit_test(counts_and_sets),
        cmocka_unit_test(a_histogram_counts_up_to_each_bound),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(threads_lose_no_count_and_too_many_labels_become_other),
        cmocka_unit_test(every_line_has_the_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
