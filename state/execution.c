#include "state/execution.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "state/base/id.h"
#include "state/base/macro.h"

static_assert(EXECUTION_ID_MAX == ID_MAX, "an execution's id is an id");

static const char *const status_names[] = {
    [EXECUTION_PENDING] = "pending",     [EXECUTION_RUNNING] = "running",
    [EXECUTION_COMPLETED] = "completed", [EXECUTION_CANCELLED] = "cancelled",
    [EXECUTION_FAILED] = "failed",       [EXECUTION_TIMEOUT] = "timeout",
    [EXECUTION_LOST] = "lost",
};
static_assert(ARRAY_LEN(status_names) == EXECUTION_STATUS_MAX + 1, "every status has a name");

static const char *const reason_names[] = {
    [REASON_NONE] = "none",
    [REASON_EXITED] = "exited",
    [REASON_SIGNALED] = "signaled",
    [REASON_TIMEOUT] = "timeout",
    [REASON_IDLE_TIMEOUT] = "idle_timeout",
    [REASON_CANCELLED] = "cancelled",
    [REASON_OOM] = "oom",
    [REASON_CPU_LIMIT] = "cpu_limit",
    [REASON_FILE_SIZE_LIMIT] = "file_size_limit",
    [REASON_OUTPUT_LIMIT] = "output_limit",
    [REASON_SPAWN_FAILED] = "spawn_failed",
    [REASON_SHUTDOWN] = "shutdown",
    [REASON_LOST] = "lost",
};
static_assert(ARRAY_LEN(reason_names) == REASON_MAX + 1, "every reason has a name");

static const char *const waiting_names[] = {
    [WAITING_NO] = "no",
    [WAITING_INPUT] = "input",
    [WAITING_SECRET] = "secret",
    [WAITING_UNKNOWN] = "unknown",
};
static_assert(ARRAY_LEN(waiting_names) == WAITING_MAX + 1, "every one has a name");

const char *execution_waiting_name(enum execution_waiting w)
{
    assert(w <= WAITING_MAX);
    return waiting_names[w];
}

bool execution_waiting_from_name(const char *name, enum execution_waiting *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(waiting_names); i++) {
        if (strcmp(name, waiting_names[i]) == 0) {
            *ret = (enum execution_waiting)i;
            return true;
        }
    }
    return false;
}

const char *execution_status_name(enum execution_status s)
{
    assert(s >= EXECUTION_PENDING && s <= EXECUTION_STATUS_MAX);
    return status_names[s];
}

const char *execution_reason_name(enum execution_reason r)
{
    assert(r <= REASON_MAX);
    return reason_names[r];
}

bool execution_status_from_name(const char *name, enum execution_status *ret)
{
    for (size_t i = EXECUTION_PENDING; i < ARRAY_LEN(status_names); i++) {
        if (strcmp(name, status_names[i]) == 0) {
            *ret = (enum execution_status)i;
            return true;
        }
    }
    return false;
}

bool execution_reason_from_name(const char *name, enum execution_reason *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(reason_names); i++) {
        if (strcmp(name, reason_names[i]) == 0) {
            *ret = (enum execution_reason)i;
            return true;
        }
    }
    return false;
}

enum execution_status execution_status_of(enum execution_reason r)
{
    switch (r) {
    case REASON_NONE:
        return EXECUTION_RUNNING;
    case REASON_EXITED:
    case REASON_SIGNALED:
        return EXECUTION_COMPLETED;
    case REASON_TIMEOUT:
    case REASON_IDLE_TIMEOUT:
        return EXECUTION_TIMEOUT;
    case REASON_CANCELLED:
    case REASON_SHUTDOWN:
        return EXECUTION_CANCELLED;
    case REASON_OOM:
    case REASON_CPU_LIMIT:
    case REASON_FILE_SIZE_LIMIT:
    case REASON_OUTPUT_LIMIT:
    case REASON_SPAWN_FAILED:
        return EXECUTION_FAILED;
    case REASON_LOST:
        return EXECUTION_LOST;
    }
    abort();
}

bool execution_exit_has_code(const struct execution_exit *x)
{
    return x->started_us != 0 && x->reason != REASON_LOST && x->reason != REASON_SPAWN_FAILED;
}

const char *execution_signal_name(int signo, char ret[EXECUTION_SIGNAL_NAME_MAX])
{
    const char *name = sigabbrev_np(signo);
    if (signo == 0)
        return NULL;
    if (name)
        (void)snprintf(ret, EXECUTION_SIGNAL_NAME_MAX, "SIG%s", name);
    else
        (void)snprintf(ret, EXECUTION_SIGNAL_NAME_MAX, "SIGRTMIN+%d", signo - SIGRTMIN);
    return ret;
}
