#include "server/mcp/notify.h"

#include <stdatomic.h>
#include <string.h>

#include "server/mcp/request.h"
#include "state/base/clock.h"

/* At most ten progress notifications a second, and as many at once. */
#define PROGRESS_INTERVAL_MS 100
#define PROGRESS_CREDIT_MS   1000

/* What sessions get that never set a level: the protocol leaves it to the server. */
#define DEFAULT_LEVEL 6
#define LEVEL_UNSET   8

int log_level_number(const char *name)
{
    static const char *const names[] = {"emergency", "alert",  "critical", "error",
                                        "warning",   "notice", "info",     "debug"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

static int wanted_level(const struct mcp_request *rq)
{
    if (rq->rev->is_modern)
        return rq->log_level;
    int level = rq->session ? atomic_load(&rq->session->log_level) : LEVEL_UNSET;
    return level == LEVEL_UNSET ? DEFAULT_LEVEL : level;
}

void mcp_log(struct mcp_request *rq, const char *level, const char *logger, cJSON *data)
{
    int number = log_level_number(level);

    assert(number >= 0);
    if (rq->state != REQUEST_OPEN || number > wanted_level(rq)) {
        cJSON_Delete(data);
        return;
    }
    cJSON *params = cJSON_CreateObject();
    cJSON_AddStringToObject(params, "level", level);
    if (logger)
        cJSON_AddStringToObject(params, "logger", logger);
    cJSON_AddItemToObject(params, "data", data);
    (void)outlet_notify(rq->outlet, jsonrpc_notification("notifications/message", params));
}

bool mcp_request_wants_progress(const struct mcp_request *rq)
{
    return rq->progress_token;
}

/* A token bucket. */
static bool take_credit(struct mcp_request *rq)
{
    uint64_t now_ms = clock_mono_ms();

    rq->progress_credit_ms += now_ms - rq->progress_credited_ms;
    rq->progress_credited_ms = now_ms;
    if (rq->progress_credit_ms > PROGRESS_CREDIT_MS)
        rq->progress_credit_ms = PROGRESS_CREDIT_MS;
    if (rq->progress_credit_ms < PROGRESS_INTERVAL_MS)
        return false;
    rq->progress_credit_ms -= PROGRESS_INTERVAL_MS;
    return true;
}

void mcp_progress(struct mcp_request *rq, double progress, double total, const char *message)
{
    if (rq->state != REQUEST_OPEN || !rq->progress_token ||
        (rq->has_progress && progress <= rq->last_progress) || !take_credit(rq))
        return;
    rq->has_progress = true;
    rq->last_progress = progress;

    cJSON *params = cJSON_CreateObject();
    cJSON_AddItemToObject(params, "progressToken", cJSON_CreateRaw(rq->progress_token));
    cJSON_AddNumberToObject(params, "progress", progress);
    if (total >= 0)
        cJSON_AddNumberToObject(params, "total", total);
    if (message && rq->rev->has_progress_message)
        cJSON_AddStringToObject(params, "message", message);
    (void)outlet_notify(rq->outlet, jsonrpc_notification("notifications/progress", params));
}
