#pragma once
/* A request that ends in an answer with output: execute_code and get_execution_output. */
#include "server/mcp/tool.h"

struct output_request;
typedef void output_reply_fn(struct output_request *q, const struct output *out);

struct output_request {
    struct exec_request er; /* first: on_… functions get it */
    struct shape_options options;
    struct output_pos from;
    bool is_page;
    output_reply_fn *reply;       /* answers; the request is ended afterwards */
    struct execution_facts facts; /* when reply is called */
    struct output_reader *reader; /* owned */
};

void output_request_deinit(struct output_request *q);
/* Reads facts and output in turns with other requests, then calls reply; or answers what went
 * wrong. */
void output_request_read(struct output_request *q, const struct execution_view *v);
/* A CallToolResult: structured (taken) gets what the output has to say; `note` is for the closing
 * line of text, or NULL. */
cJSON *output_request_result(struct output_request *q, const struct output *out, cJSON *structured,
                             const char *note);
/* Answers with that. */
void output_request_answer(struct output_request *q, const struct output *out, cJSON *structured,
                           const char *note);
