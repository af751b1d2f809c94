#pragma once
/*
 * Tasks, as a pack that has them sees them: what a task is in no revision's words, and what the
 * core asks. Two serializers write it down: the extension io.modelcontextprotocol/tasks of
 * 2026-07-28, and the experimental tasks of 2025-11-25. One pack brings tasks; their ids name them
 * for both. Handlers run on the home thread of the request, as those of tools do.
 */
#include "server/mcp/pack.h"

enum mcp_task_status {
    MCP_TASK_WORKING = 1,
    MCP_TASK_INPUT_REQUIRED,
    MCP_TASK_COMPLETED,
    MCP_TASK_FAILED,
    MCP_TASK_CANCELLED
};

#define MCP_TASK_UNLIMITED UINT64_MAX

struct mcp_task {
    const char *id; /* borrowed */
    enum mcp_task_status status;
    const char *message;             /* borrowed; for people; NULL: none */
    uint64_t created_us, updated_us; /* CLOCK_REALTIME; updated: of the status */
    uint64_t ttl_ms;                 /* readable at least so long after created_us */
    uint64_t poll_ms;                /* how often it is worth asking */
    bool had_ended;                  /* cancel: before this request */
    cJSON *input_requests;           /* taken; INPUT_REQUIRED: key -> {method, params} */
    cJSON *result;                   /* taken; COMPLETED: of mcp_tool_result() */
    int error_code;                  /* FAILED: a JSON-RPC error; its text is `message` */
};

/* Each answers rq, at once or later, by mcp_reply_task(); what is unknown, over its time or another
 * principal's by mcp_reply_no_task(). */
struct mcp_tasks {
    /* With result and input_requests. */
    void (*get)(struct mcp_request *rq, const char *id, void *pack_arg);
    /* The same, once it has ended. */
    void (*wait)(struct mcp_request *rq, const char *id, void *pack_arg);
    /* responses: an object, key -> result of what was asked. Those that answer an open request are
     * in force when the reply goes out; others are passed over. */
    void (*update)(struct mcp_request *rq, const char *id, const cJSON *responses, void *pack_arg);
    void (*cancel)(struct mcp_request *rq, const char *id, void *pack_arg);
    /* By mcp_reply_tasks(). cursor NULL: from the start. */
    void (*list)(struct mcp_request *rq, const char *cursor, void *pack_arg);
    /* Somebody follows it from now on (or nobody any more): mcp_task_changed() is to be called when
     * it changes. Any thread; must not call back. The id may be unknown. */
    void (*watch)(const char *id, bool is_on, void *pack_arg);
};

/* May this tools/call be answered with a task? Of a tool whose `task` says so. */
bool mcp_request_takes_task(const struct mcp_request *rq);
/* Answers tools/call with a new task, and the requests of the table above with one that is there.
 * What is marked as taken is freed also if the revision does not show it. */
void mcp_reply_task(struct mcp_request *rq, struct mcp_task *t);
void mcp_reply_no_task(struct mcp_request *rq);
/* A page of tasks, without results. next_cursor NULL: the last one. */
void mcp_reply_tasks(struct mcp_request *rq, struct mcp_task *tasks, size_t n,
                     const char *next_cursor);
/* Any thread: those of this principal's streams that follow it are told. */
void mcp_task_changed(struct mcp *m, const char *principal, const char *id);
