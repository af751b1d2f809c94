#pragma once
/*
 * Counters, gauges and histograms for /metrics (Prometheus text format 0.0.4). Declared in one
 * table in metrics.c; relaxed atomics; any thread. Labels are small closed sets given by index, or
 * tool names.
 */
#include <stdint.h>

#include "state/base/buf.h"

enum metric {
    METRIC_HTTP_REQUESTS,    /* counter by status class: label "2xx" … */
    METRIC_HTTP_CONNECTIONS, /* gauge */
    METRIC_HTTP_STREAMS,     /* gauge: open SSE streams */
    METRIC_HTTP_BYTES_IN,    /* counter: request bodies */
    METRIC_HTTP_BYTES_OUT,   /* counter: response bodies */
    METRIC_HTTP_SECONDS,     /* histogram: request to last byte queued, streams left out */
    METRIC_CALLS, /* counter by tool and outcome ("ok", "tool_error", "rpc_error", "cancelled") */
    METRIC_CALL_SECONDS,       /* histogram by tool */
    METRIC_EXECUTIONS,         /* gauge by status: now pending and running; finished ones kept */
    METRIC_EXECUTIONS_ENDED,   /* counter by status and reason */
    METRIC_SPAWN_SECONDS,      /* histogram: accepted to running */
    METRIC_JOURNAL_BYTES,      /* gauge: on disk */
    METRIC_WAITERS,            /* gauge: parked calls */
    METRIC_SESSIONS,           /* gauge */
    METRIC_KEEPER_RESTARTS,    /* counter */
    METRIC_PROCESSES_KILLED,   /* counter: left over at the end of executions */
    METRIC_REDIS_UP,           /* gauge: 1 connected */
    METRIC_REDIS_CONNECTS,     /* counter: connections made for commands */
    METRIC_REDIS_COMMANDS,     /* counter by outcome: "sent", "refused" … */
    METRIC_MIRROR_EVENTS,      /* counter: acknowledged */
    METRIC_MIRROR_BYTES,       /* counter: JSON of events acknowledged */
    METRIC_MIRROR_LAG_EVENTS,  /* gauge: in journals and not acknowledged */
    METRIC_MIRROR_LAG_SECONDS, /* gauge: age of the oldest of them */
    METRIC_MIRROR_REPAIRS,     /* counter by reason: written again from the begin */
    METRIC_MIRROR_FENCED,      /* counter: executions another replica declared lost */
    METRIC_SHADOWS,            /* gauge: copies of other replicas' executions */
    METRIC_SHADOW_BYTES,       /* gauge: on disk */
    METRIC_PEER_COMMANDS,      /* counter by what became of it: sent, answered, served, … */
    METRIC_MARKED_LOST,        /* counter: executions of dead replicas that we declared lost */
    METRIC_SHADOW_REPAIRS,     /* counter: replies that did not fit, asked for again */
    METRIC_EGRESS_CONNECTIONS, /* counter by outcome: "connected", "refused" … */
    METRIC_EGRESS_OPEN,        /* gauge */
    METRIC_EGRESS_BYTES,       /* counter by direction: "out" to upstreams, "in" from them */
    METRIC_EGRESS_REFUSED,     /* counter by reason: egress_verdict_name() */
    METRIC_COUNT
};

/* Labels: up to two, values given as strings from closed sets; NULL where the metric has none.
 * A metric holds at most METRIC_SERIES_MAX label combinations; later ones count as "other". */
#define METRIC_SERIES_MAX 64
void metric_add(enum metric m, const char *label1, const char *label2, int64_t delta);
void metric_set(enum metric m, const char *label1, const char *label2, int64_t value);
void metric_observe_us(enum metric m, const char *label1, uint64_t us);
void metrics_render(struct buf *out);
