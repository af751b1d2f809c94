/* Tools that say something while they work. */
#include "tests/conformance/fixtures.h"

#define STEP_MS 50

/* Runs step 0 at once and each next one a little later, until one of them answers. */
struct steps {
    struct mcp_request *rq; /* reference */
    unsigned next;
    bool (*step)(struct mcp_request *rq, unsigned i); /* true: that was the answer */
};

static void run_step(void *arg)
{
    struct steps *s = arg;

    if (!s->step(s->rq, s->next++)) {
        home_after(mcp_request_home(s->rq), STEP_MS, run_step, s);
        return;
    }
    mcp_request_unref(s->rq);
    free(s);
}

static void start_steps(struct mcp_request *rq, bool (*step)(struct mcp_request *rq, unsigned i))
{
    struct steps *s = xcalloc(1, sizeof *s);

    s->rq = mcp_request_ref(rq);
    s->step = step;
    run_step(s);
}

static bool log_step(struct mcp_request *rq, unsigned i)
{
    static const char *const lines[] = {"Tool execution started", "Tool processing data",
                                        "Tool execution completed"};

    if (i < ARRAY_LEN(lines)) {
        mcp_log(rq, "info", "fixture", cJSON_CreateString(lines[i]));
        return false;
    }
    fixture_reply_text(rq, "Tool with logging executed successfully");
    return true;
}

DESCRIBE(test_tool_with_logging, "Logs three lines", "")
static void call_test_tool_with_logging(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    start_steps(rq, log_step);
}

DESCRIBE(test_logging_tool, "Logs a line if that is wanted", "")
static void call_test_logging_tool(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    mcp_log(rq, "info", "fixture", cJSON_CreateString("Tool execution started"));
    fixture_reply_text(rq, "Done.");
}

static bool progress_step(struct mcp_request *rq, unsigned i)
{
    if (i < 3) {
        mcp_progress(rq, 50.0 * i, 100, "Working");
        return false;
    }
    fixture_reply_text(rq, "Done.");
    return true;
}

DESCRIBE(test_tool_with_progress, "Reports progress in three steps", "")
static void call_test_tool_with_progress(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    start_steps(rq, progress_step);
}

DESCRIBE(test_trigger_tool_change, "Announces that the list of tools changed", "")
static void call_test_trigger_tool_change(struct mcp_request *rq, const cJSON *arguments, void *arg)
{
    mcp_list_changed(mcp_request_core(rq), MCP_LIST_TOOLS);
    fixture_reply_text(rq, "Announced.");
}

DESCRIBE(test_trigger_prompt_change, "Announces that the list of prompts changed", "")
static void call_test_trigger_prompt_change(struct mcp_request *rq, const cJSON *arguments,
                                            void *arg)
{
    mcp_list_changed(mcp_request_core(rq), MCP_LIST_PROMPTS);
    fixture_reply_text(rq, "Announced.");
}

static const struct mcp_tool tools[] = {
    TOOL(test_tool_with_logging),   TOOL(test_logging_tool),          TOOL(test_tool_with_progress),
    TOOL(test_trigger_tool_change), TOOL(test_trigger_prompt_change),
};
const struct tool_set live_tools = {tools, ARRAY_LEN(tools)};
