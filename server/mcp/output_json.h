#pragma once
/*
 * An output, read, as what clients get: a list of events, or text; and what every answer says of
 * where it ends, what it left out and how to get that. Pure but for the text it makes.
 */
#include "server/mcp/execution_json.h"
#include "server/mcp/output.h"

/* Rows for result tables. */
#define OUTPUT_ROWS                                                                              \
    {.name = "output",                                                                           \
     .type = ARG_OBJECTS,                                                                        \
     .members = &output_event,                                                                   \
     .description = "With format events: what happened, in order."},                             \
        {.name = "stdout",                                                                       \
         .type = ARG_STRING,                                                                     \
         .description = "With format text: what was written to stdout (by a pty: everything)."}, \
        {.name = "stderr", .type = ARG_STRING, .description = "With format text."},              \
        {.name = "text",                                                                         \
         .type = ARG_STRING,                                                                     \
         .description = "With format text, when both streams have output: both as they came."},  \
        {.name = "next_event_id",                                                                \
         .type = ARG_STRING,                                                                     \
         .flags = ARG_NULLABLE,                                                                  \
         .description = "Pass it as last_event_id to get what comes after this answer."},        \
        {.name = "has_more",                                                                     \
         .type = ARG_BOOLEAN,                                                                    \
         .description = "There is more behind next_event_id now."},                              \
        {.name = "bytes_left",                                                                   \
         .type = ARG_INTEGER,                                                                    \
         .description = "Output behind next_event_id now."},                                     \
        {.name = "bytes_dropped",                                                                \
         .type = ARG_INTEGER,                                                                    \
         .description = "Output that the server no longer has."},                                \
        {.name = "bytes_total", .type = ARG_INTEGER, .description = "Output written so far."},   \
    {                                                                                            \
        .name = "left_out", .type = ARG_OBJECT, .flags = ARG_NULLABLE,                           \
        .members = &output_left_out,                                                             \
        .description = "Output before next_event_id that this answer has no room for."           \
    }
extern const struct arg_set output_event;
extern const struct arg_set output_left_out;

/* Adds bytes under the first name when they are text, else as base64 under the second. */
bool json_add_bytes(cJSON *o, const char *text_name, const char *base64_name,
                    const struct buf *data);
/* Appends bytes as text; what is no UTF-8 becomes U+FFFD. */
void output_append_text(struct buf *b, const char *data, size_t len);
/* Adds bytes as a string; what is no UTF-8 becomes U+FFFD. */
void output_add_text(cJSON *o, const char *name, const struct buf *data);
/* Adds the members of OUTPUT_ROWS. */
void output_add(cJSON *o, const struct execution_facts *f, const struct output *out,
                enum shape_format format);
/* Plain output and one closing line: for content[0].text. `note`: added to that line, or NULL. */
char *output_text(const struct execution_facts *f, const struct output *out, const char *note);
/* An array with a link to the whole output when the answer does not have all of it; else NULL. */
cJSON *output_links(const struct execution_facts *f, const struct output *out);
