#pragma once
/*
 * The fixtures that the conformance suite looks for by name, in parts that pack_conformance.c puts
 * together: test-only, never linked into the product. They use what the core offers and the product
 * does not: questions to clients, input_required with signed state, logs, images.
 */
#include "server/mcp/pack.h"

struct tool_set {
    const struct mcp_tool *tools;
    size_t n;
};
extern const struct tool_set content_tools, live_tools, ask_tools, input_tools, task_tools;

struct prompt_set {
    const struct mcp_prompt *prompts;
    size_t n;
};
extern const struct prompt_set content_prompts, input_prompts;

/* tasks.c */
extern const struct mcp_tasks fixture_tasks;

/* resources.c */
extern const char fixture_templates[];
void fixture_list_resources(struct mcp_request *rq, const char *cursor, void *arg);
bool fixture_read_resource(struct mcp_request *rq, const char *uri, void *arg);
bool fixture_complete(struct mcp_request *rq, const cJSON *params, void *arg);

/* Defines describe_<tool>(): properties is the JSON text inside "properties":{}. */
#define DESCRIBE(tool, text, properties)                                                     \
    static char *describe_##tool(void *arg)                                                  \
    {                                                                                        \
        return xstrdup("{\"name\":\"" #tool "\",\"description\":\"" text                     \
                       "\",\"inputSchema\":{\"type\":\"object\",\"properties\":{" properties \
                       "}}}");                                                               \
    }
#define TOOL(tool)                                                      \
    {                                                                   \
        .name = #tool, .describe = describe_##tool, .call = call_##tool \
    }

/* One pixel, and half a millisecond of silence. */
#define FIXTURE_PNG                                                                         \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFT" \
    "kSuQmCC"
#define FIXTURE_WAV "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQgAAAAAAAAAAAAAAA=="
#define IMAGE       "{\"type\":\"image\",\"mimeType\":\"image/png\",\"data\":\"" FIXTURE_PNG "\"}"

/* Text that is JSON by construction; the caller's. */
cJSON *fixture_json(const char *text);
/* Answers with this object. */
void fixture_reply(struct mcp_request *rq, const char *result);
void fixture_reply_text(struct mcp_request *rq, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* An elicitation for one property of a form. */
#define ELICIT(message, property, type)                                                       \
    "{\"method\":\"elicitation/create\",\"params\":{\"mode\":\"form\",\"message\":\"" message \
    "\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"" property                 \
    "\":{\"type\":\"" type "\"}},\"required\":[\"" property "\"]}}}"
#define USER_NAME "\"user_name\":" ELICIT("What is your name?", "name", "string")
/* A string of the accepted form that answers `key`; NULL: there is none. */
const char *fixture_answer(struct mcp_request *rq, const char *key, const char *property);
