/* Tools that run as tasks, and the store of those: a few, in memory, by id. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "server/mcp/task.h"
#include "state/base/clock.h"
#include "state/base/id.h"
#include "tests/conformance/fixtures.h"

#define TASKS_MAX 256 /* the oldest makes room */
#define TTL_MS    600000
#define POLL_MS   200
#define INPUTS    2
#define US        1000000u

/* What becomes of it by itself. */
enum kind { TEXT, TOOL_ERROR, PROTOCOL_ERROR };

struct task {
    char id[ID_MAX + 1];
    enum kind kind;
    char text[128]; /* the result, or the error */
    uint64_t created_us, updated_us;
    uint64_t done_us;         /* when it is done, if it waits for nothing */
    const char *keys[INPUTS]; /* static: what it waits for; NULL: nothing (more) */
    bool is_cancelled;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct task tasks[TASKS_MAX]; /* guarded by lock */
static unsigned n_tasks;             /* guarded by lock: made so far */

static struct task *find(const char *id)
{
    for (size_t i = 0; i < TASKS_MAX; i++) {
        if (tasks[i].id[0] && strcmp(tasks[i].id, id) == 0)
            return &tasks[i];
    }
    return NULL;
}

static bool is_waiting(const struct task *t)
{
    return t->keys[0] || t->keys[1];
}

static enum mcp_task_status status_of(const struct task *t)
{
    if (t->is_cancelled)
        return MCP_TASK_CANCELLED;
    if (is_waiting(t))
        return MCP_TASK_INPUT_REQUIRED;
    if (clock_real_us() < t->done_us)
        return MCP_TASK_WORKING;
    return t->kind == PROTOCOL_ERROR ? MCP_TASK_FAILED : MCP_TASK_COMPLETED;
}

static cJSON *input_requests(const struct task *t)
{
    cJSON *o = cJSON_CreateObject();

    for (size_t i = 0; i < INPUTS; i++) {
        if (t->keys[i])
            cJSON_AddItemToObject(o, t->keys[i],
                                  fixture_json(ELICIT("Please confirm", "confirm", "boolean")));
    }
    return o;
}

static void reply(struct mcp_request *rq, const struct task *t, bool had_ended)
{
    struct mcp_task view = {.id = t->id,
                            .status = status_of(t),
                            .created_us = t->created_us,
                            .updated_us = t->updated_us,
                            .ttl_ms = TTL_MS,
                            .poll_ms = POLL_MS,
                            .error_code = -32603,
                            .had_ended = had_ended};

    if (view.status >= MCP_TASK_COMPLETED && !t->is_cancelled && t->done_us > view.updated_us)
        view.updated_us = t->done_us;
    if (view.status == MCP_TASK_COMPLETED)
        view.result = mcp_tool_result(rq, t->text, NULL, NULL, t->kind == TOOL_ERROR);
    if (view.status == MCP_TASK_FAILED)
        view.message = t->text;
    if (view.status == MCP_TASK_INPUT_REQUIRED)
        view.input_requests = input_requests(t);
    mcp_reply_task(rq, &view);
}

/* A copy; false: answered. */
static bool need(struct mcp_request *rq, const char *id, struct task *ret)
{
    pthread_mutex_lock(&lock);
    const struct task *t = find(id);
    if (t)
        *ret = *t;
    pthread_mutex_unlock(&lock);
    if (!t)
        mcp_reply_no_task(rq);
    return t;
}

static void get(struct mcp_request *rq, const char *id, void *arg)
{
    struct task t;

    if (need(rq, id, &t))
        reply(rq, &t, false);
}

/* ---- when something becomes of it ---- */

struct timer {
    struct mcp_request *rq; /* reference; waits, or only lends its core and home */
    bool waits;
    char id[ID_MAX + 1];
    char principal[128];
};

static void on_timer(void *arg)
{
    struct timer *timer = arg;
    struct task t;

    if (!timer->waits)
        mcp_task_changed(mcp_request_core(timer->rq), timer->principal, timer->id);
    else if (need(timer->rq, timer->id, &t) && status_of(&t) >= MCP_TASK_COMPLETED)
        reply(timer->rq, &t, false);
    else if (mcp_request_is_live(timer->rq)) {
        home_after(mcp_request_home(timer->rq), POLL_MS, on_timer, timer);
        return;
    }
    mcp_request_unref(timer->rq);
    free(timer);
}

static void start_timer(struct mcp_request *rq, const char *id, uint64_t ms, bool waits)
{
    struct timer *timer = xcalloc(1, sizeof *timer);

    timer->rq = mcp_request_ref(rq);
    timer->waits = waits;
    memcpy(timer->id, id, strlen(id) + 1);
    strncpy(timer->principal, mcp_request_principal(rq), sizeof timer->principal - 1);
    home_after(mcp_request_home(rq), ms, on_timer, timer);
}

static void wait(struct mcp_request *rq, const char *id, void *arg)
{
    struct task t;

    if (need(rq, id, &t))
        start_timer(rq, t.id, 0, true);
}

/* ---- update, cancel, list ---- */

static void update(struct mcp_request *rq, const char *id, const cJSON *responses, void *arg)
{
    struct task copy;

    pthread_mutex_lock(&lock);
    struct task *t = find(id);
    for (size_t i = 0; t && i < INPUTS; i++) {
        if (t->keys[i] && json_get(responses, t->keys[i]))
            t->keys[i] = NULL;
    }
    if (t)
        t->updated_us = clock_real_us();
    pthread_mutex_unlock(&lock);
    mcp_task_changed(mcp_request_core(rq), mcp_request_principal(rq), id);
    if (need(rq, id, &copy))
        reply(rq, &copy, false);
}

static void cancel(struct mcp_request *rq, const char *id, void *arg)
{
    struct task copy;
    bool had_ended = false;

    pthread_mutex_lock(&lock);
    struct task *t = find(id);
    if (t && !(had_ended = status_of(t) >= MCP_TASK_COMPLETED)) {
        t->is_cancelled = true;
        t->updated_us = clock_real_us();
    }
    pthread_mutex_unlock(&lock);
    mcp_task_changed(mcp_request_core(rq), mcp_request_principal(rq), id);
    if (need(rq, id, &copy))
        reply(rq, &copy, had_ended);
}

static void list(struct mcp_request *rq, const char *cursor, void *arg)
{
    mcp_reply_tasks(rq, NULL, 0, NULL);
}

static void watch(const char *id, bool is_on, void *arg)
{
    /* Each change is announced, watched or not. */
}

const struct mcp_tasks fixture_tasks = {
    .get = get, .wait = wait, .update = update, .cancel = cancel, .list = list, .watch = watch};

/* ---- the tools ---- */

static struct task start(enum kind kind, double seconds, const char *text)
{
    struct task t = {.kind = kind, .created_us = clock_real_us()};

    t.updated_us = t.created_us;
    t.done_us = t.created_us + (uint64_t)(seconds * US);
    id_make("fixture", t.id);
    strncpy(t.text, text, sizeof t.text - 1);
    return t;
}

static void create(struct mcp_request *rq, struct task t, double seconds)
{
    pthread_mutex_lock(&lock);
    tasks[n_tasks++ % TASKS_MAX] = t;
    pthread_mutex_unlock(&lock);
    start_timer(rq, t.id, (uint64_t)(seconds * 1000) + 1, false);
    reply(rq, &t, false);
}

DESCRIBE(greet, "Says hello", "\"name\":{\"type\":\"string\"}")
static void call_greet(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *name = "nobody";

    (void)json_get_str(arguments, "name", &name);
    fixture_reply_text(rq, "Hello, %.64s!", name);
}

struct slow {
    struct mcp_request *rq; /* reference */
    char text[128];
};

static void on_slow(void *arg)
{
    struct slow *s = arg;

    fixture_reply_text(s->rq, "%s", s->text);
    mcp_request_unref(s->rq);
    free(s);
}

DESCRIBE(slow_compute, "Takes its time",
         "\"seconds\":{\"type\":\"number\"},\"label\":{\"type\":\"string\"}")
static void call_slow_compute(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const cJSON *number = json_get(arguments, "seconds");
    double seconds = cJSON_IsNumber(number) && number->valuedouble > 0 ? number->valuedouble : 0;
    const char *label = "";
    struct slow *s = xcalloc(1, sizeof *s);

    (void)json_get_str(arguments, "label", &label);
    (void)snprintf(s->text, sizeof s->text, "Computed %.64s", label);
    if (mcp_request_takes_task(rq)) {
        create(rq, start(TEXT, seconds, s->text), seconds);
        free(s);
        return;
    }
    s->rq = mcp_request_ref(rq);
    home_after(mcp_request_home(rq), (uint64_t)(seconds * 1000), on_slow, s);
}

DESCRIBE(failing_job, "Fails after a second", "")
static void call_failing_job(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    create(rq, start(TOOL_ERROR, 1, "The job failed, as it always does"), 1);
}

DESCRIBE(protocol_error_job, "Ends in an error of the protocol", "")
static void call_protocol_error_job(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    create(rq, start(PROTOCOL_ERROR, 0.2, "The job broke down"), 0.2);
}

DESCRIBE(confirm_delete, "Deletes nothing, once that is confirmed",
         "\"filename\":{\"type\":\"string\"}")
static void call_confirm_delete(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *name = "";
    char text[128];

    (void)json_get_str(arguments, "filename", &name);
    (void)snprintf(text, sizeof text, "Deleted %.64s", name);
    struct task t = start(TEXT, 0, text);
    t.keys[0] = "confirm";
    create(rq, t, 0);
}

DESCRIBE(multi_input, "Waits for two answers", "")
static void call_multi_input(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    struct task t = start(TEXT, 0, "Both answers are here");

    t.keys[0] = "first";
    t.keys[1] = "second";
    create(rq, t, 0);
}

DESCRIBE(test_tool_with_task, "Asks for a name, then greets it as a task", "")
static void call_test_tool_with_task(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    const char *name = fixture_answer(rq, "user_name", "name");
    char text[128];

    if (!name) {
        mcp_reply_input_required(rq, fixture_json("{" USER_NAME "}"), NULL);
        return;
    }
    (void)snprintf(text, sizeof text, "Hello, %.64s!", name);
    create(rq, start(TEXT, 0.2, text), 0.2);
}

#define TASK_TOOL(tool, use)                                                           \
    {                                                                                  \
        .name = #tool, .describe = describe_##tool, .call = call_##tool, .task = (use) \
    }
static const struct mcp_tool tools[] = {
    TOOL(greet),
    TASK_TOOL(slow_compute, MCP_TASK_MAY),
    TASK_TOOL(failing_job, MCP_TASK_MUST),
    TASK_TOOL(protocol_error_job, MCP_TASK_MUST),
    TASK_TOOL(confirm_delete, MCP_TASK_MUST),
    TASK_TOOL(multi_input, MCP_TASK_MUST),
    TASK_TOOL(test_tool_with_task, MCP_TASK_MUST),
};
const struct tool_set task_tools = {tools, ARRAY_LEN(tools)};
