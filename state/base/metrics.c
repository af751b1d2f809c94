/*
 * A metric is a row of the table and a fixed number of slots for its series. A series is made by
 * the first thread that needs it and published by one compare-and-swap into the first free slot;
 * from then on it stays for the life of the process, so a lookup walks over a few pointers without
 * a lock. Values are relaxed atomics: each is true by itself, a page of them is no snapshot.
 */
#include "state/base/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const struct {
    const char *name, *help;
    enum kind kind;
    const char *label1, *label2; /* NULL: it has none */
} metrics[] = {
    [METRIC_HTTP_REQUESTS] = {"http_requests_total", "HTTP requests answered, by class of status.",
                              COUNTER, "class", NULL},
    [METRIC_HTTP_CONNECTIONS] = {"http_connections", "Open connections.", GAUGE, NULL, NULL},
    [METRIC_HTTP_STREAMS] = {"http_streams", "Open event streams.", GAUGE, NULL, NULL},
    [METRIC_HTTP_BYTES_IN] = {"http_request_bytes_total", "Bytes of request bodies.", COUNTER, NULL,
                              NULL},
    [METRIC_HTTP_BYTES_OUT] = {"http_response_bytes_total", "Bytes of response bodies.", COUNTER,
                               NULL, NULL},
    [METRIC_HTTP_SECONDS] = {"http_request_seconds",
                             "From a request to its last byte queued, without streams.", HISTOGRAM,
                             NULL, NULL},
    [METRIC_CALLS] = {"calls_total", "Tool calls, by tool and outcome.", COUNTER, "tool",
                      "outcome"},
    [METRIC_CALL_SECONDS] = {"call_seconds", "Duration of tool calls, by tool.", HISTOGRAM, "tool",
                             NULL},
    [METRIC_EXECUTIONS] = {"executions", "Executions known now, by status.", GAUGE, "status", NULL},
    [METRIC_EXECUTIONS_ENDED] = {"executions_ended_total", "Executions that ended.", COUNTER,
                                 "status", "reason"},
    [METRIC_SPAWN_SECONDS] = {"spawn_seconds", "From an execution accepted to its command running.",
                              HISTOGRAM, NULL, NULL},
    [METRIC_JOURNAL_BYTES] = {"journal_bytes", "Bytes of all journals on disk.", GAUGE, NULL, NULL},
    [METRIC_WAITERS] = {"waiters", "Parked calls.", GAUGE, NULL, NULL},
    [METRIC_SESSIONS] = {"sessions", "MCP sessions.", GAUGE, NULL, NULL},
    [METRIC_KEEPER_RESTARTS] = {"keeper_restarts_total", "Times the keeper was started again.",
                                COUNTER, NULL, NULL},
    [METRIC_PROCESSES_KILLED] = {"processes_killed_total",
                                 "Processes left over at the end of executions and killed.",
                                 COUNTER, NULL, NULL},
    [METRIC_REDIS_UP] = {"redis_up", "1 while Redis answers.", GAUGE, NULL, NULL},
    [METRIC_REDIS_CONNECTS] = {"redis_connects_total", "Connections made to Redis, for commands.",
                               COUNTER, NULL, NULL},
    [METRIC_REDIS_COMMANDS] = {"redis_commands_total", "Commands to Redis, by outcome.", COUNTER,
                               "outcome", NULL},
    [METRIC_MIRROR_EVENTS] = {"mirror_events_total", "Events acknowledged by Redis.", COUNTER, NULL,
                              NULL},
    [METRIC_MIRROR_BYTES] = {"mirror_bytes_total", "Bytes of events acknowledged by Redis.",
                             COUNTER, NULL, NULL},
    [METRIC_MIRROR_LAG_EVENTS] = {"mirror_lag_events", "Events that Redis does not have yet.",
                                  GAUGE, NULL, NULL},
    [METRIC_MIRROR_LAG_SECONDS] = {"mirror_lag_seconds",
                                   "Since when the mirror has not been up to date.", GAUGE, NULL,
                                   NULL},
    [METRIC_MIRROR_REPAIRS] = {"mirror_repairs_total",
                               "Executions written to Redis again from the begin, by reason.",
                               COUNTER, "reason", NULL},
    [METRIC_MIRROR_FENCED] = {"mirror_fenced_total",
                              "Executions of this replica that another one had declared lost.",
                              COUNTER, NULL, NULL},
    [METRIC_SHADOWS] = {"shadows", "Copies of executions of other replicas.", GAUGE, NULL, NULL},
    [METRIC_SHADOW_BYTES] = {"shadow_bytes", "Bytes of these copies on disk.", GAUGE, NULL, NULL},
    [METRIC_PEER_COMMANDS] = {"peer_commands_total",
                              "Requests to other replicas, by what became of them; served: of "
                              "theirs, here.",
                              COUNTER, "result", NULL},
    [METRIC_MARKED_LOST] = {"marked_lost_total",
                            "Executions of dead replicas that this one declared lost.", COUNTER,
                            NULL, NULL},
    [METRIC_SHADOW_REPAIRS] = {"shadow_repairs_total",
                               "Replies of Redis that did not fit a copy, asked for again.",
                               COUNTER, NULL, NULL},
    [METRIC_EGRESS_CONNECTIONS] = {"egress_connections_total",
                                   "Requests to the network proxy, by outcome.", COUNTER, "outcome",
                                   NULL},
    [METRIC_EGRESS_OPEN] = {"egress_connections",
                            "Open connections of the network proxy's clients.", GAUGE, NULL, NULL},
    [METRIC_EGRESS_BYTES] = {"egress_bytes_total", "Bytes through the network proxy.", COUNTER,
                             "direction", NULL},
    [METRIC_EGRESS_REFUSED] = {"egress_refused_total", "What the network proxy refused, by reason.",
                               COUNTER, "reason", NULL},
};
static_assert(ARRAY_LEN(metrics) == METRIC_COUNT, "every metric has a row");

/* Upper bounds: from a ping to the longest wait. */
static const struct {
    uint64_t us;
    const char *le;
} buckets[] = {
    {500, "0.0005"},  {1000, "0.001"},    {2500, "0.0025"},   {5000, "0.005"},  {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"},    {100000, "0.1"},    {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"},   {5000000, "5"},     {10000000, "10"}, {30000000, "30"},
    {60000000, "60"}, {120000000, "120"}, {300000000, "300"},
};

struct series {
    char *label1, *label2;                           /* owned; "" where the metric has none */
    _Atomic int64_t value;                           /* of a histogram: the sum in microseconds */
    _Atomic uint64_t counts[ARRAY_LEN(buckets) + 1]; /* each bucket by itself; last: +Inf */
};

/* The slot behind the last counts what found no room. */
static struct series *_Atomic slots[METRIC_COUNT][METRIC_SERIES_MAX + 1];

static struct series *series_new(const char *label1, const char *label2)
{
    struct series *s = xcalloc(1, sizeof(*s));
    s->label1 = xstrdup(label1);
    s->label2 = xstrdup(label2);
    return s;
}

static void series_free(struct series *s)
{
    free(s->label1);
    free(s->label2);
    free(s);
}

/* What stands in the slot; a new series when it was free. */
static struct series *claim(struct series *_Atomic *slot, const char *label1, const char *label2)
{
    struct series *is = atomic_load_explicit(slot, memory_order_acquire), *made;

    if (is)
        return is;
    made = series_new(label1, label2);
    if (atomic_compare_exchange_strong_explicit(slot, &is, made, memory_order_acq_rel,
                                                memory_order_acquire))
        return made;
    series_free(made);
    return is;
}

static struct series *find(enum metric m, const char *label1, const char *label2)
{
    const char *l1 = label1 ? label1 : "", *l2 = label2 ? label2 : "";

    assert((!label1 || metrics[m].label1) && (!label2 || metrics[m].label2));
    for (size_t i = 0; i < METRIC_SERIES_MAX; i++) {
        struct series *s = claim(&slots[m][i], l1, l2);
        if (strcmp(s->label1, l1) == 0 && strcmp(s->label2, l2) == 0)
            return s;
    }
    return claim(&slots[m][METRIC_SERIES_MAX], "other", metrics[m].label2 ? "other" : "");
}

void metric_add(enum metric m, const char *label1, const char *label2, int64_t delta)
{
    assert(metrics[m].kind != HISTOGRAM);
    atomic_fetch_add_explicit(&find(m, label1, label2)->value, delta, memory_order_relaxed);
}

void metric_set(enum metric m, const char *label1, const char *label2, int64_t value)
{
    assert(metrics[m].kind == GAUGE);
    atomic_store_explicit(&find(m, label1, label2)->value, value, memory_order_relaxed);
}

void metric_observe_us(enum metric m, const char *label1, uint64_t us)
{
    struct series *s = find(m, label1, NULL);
    size_t i = 0;

    assert(metrics[m].kind == HISTOGRAM);
    while (i < ARRAY_LEN(buckets) && us > buckets[i].us)
        i++;
    atomic_fetch_add_explicit(&s->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->value, (int64_t)us, memory_order_relaxed);
}

static void append_label(struct buf *out, const char *name, const char *value)
{
    if (out->data[out->len - 1] != '{')
        buf_append_char(out, ',');
    buf_printf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n')
            buf_append_str(out, "\\n");
        else if (*value == '"' || *value == '\\')
            buf_printf(out, "\\%c", *value);
        else
            buf_append_char(out, *value);
    }
    buf_append_char(out, '"');
}

/* name{labels}, and `le` for the bucket of a histogram. */
static void append_name(struct buf *out, enum metric m, const char *suffix, const struct series *s,
                        const char *le)
{
    buf_printf(out, "mcp_execd_%s%s", metrics[m].name, suffix);
    if (!metrics[m].label1 && !le)
        return;
    buf_append_char(out, '{');
    if (metrics[m].label1)
        append_label(out, metrics[m].label1, s->label1);
    if (metrics[m].label2)
        append_label(out, metrics[m].label2, s->label2);
    if (le)
        append_label(out, "le", le);
    buf_append_char(out, '}');
}

static void render_histogram(struct buf *out, enum metric m, struct series *s)
{
    uint64_t us = (uint64_t)atomic_load_explicit(&s->value, memory_order_relaxed), n = 0;

    for (size_t i = 0; i <= ARRAY_LEN(buckets); i++) {
        n += atomic_load_explicit(&s->counts[i], memory_order_relaxed);
        append_name(out, m, "_bucket", s, i < ARRAY_LEN(buckets) ? buckets[i].le : "+Inf");
        buf_printf(out, " %" PRIu64 "\n", n);
    }
    append_name(out, m, "_sum", s, NULL);
    buf_printf(out, " %" PRIu64 ".%06u\n", us / 1000000, (unsigned)(us % 1000000));
    append_name(out, m, "_count", s, NULL);
    buf_printf(out, " %" PRIu64 "\n", n);
}

static void render_series(struct buf *out, enum metric m, struct series *s)
{
    if (metrics[m].kind == HISTOGRAM) {
        render_histogram(out, m, s);
        return;
    }
    append_name(out, m, "", s, NULL);
    buf_printf(out, " %" PRId64 "\n", atomic_load_explicit(&s->value, memory_order_relaxed));
}

void metrics_render(struct buf *out)
{
    static const char *const kinds[] = {
        [COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};

    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        buf_printf(out, "# HELP mcp_execd_%s %s\n# TYPE mcp_execd_%s %s\n", metrics[m].name,
                   metrics[m].help, metrics[m].name, kinds[metrics[m].kind]);
        /* What has no labels is there from the begin. */
        if (!metrics[m].label1)
            (void)find(m, NULL, NULL);
        for (size_t i = 0; i <= METRIC_SERIES_MAX; i++) {
            struct series *s = atomic_load_explicit(&slots[m][i], memory_order_acquire);
            if (s)
                render_series(out, m, s);
        }
    }
}
