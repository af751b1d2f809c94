#pragma once
/*
 * An output, read, as what clients get: a list of events, or text; and what every answer says of
 * where it ends, what it left out and how to get that. Pure but for the text it makes.
 */
#include "server/mcp/execution_json.h"
#include "server/mcp/output.h"

/* Rows for result tables. */
#define OUTPUT_ROWS                                                                                \
    {.name = "output", .type = ARG_OBJECTS, .members = &output_event},                             \
        {.name = "stdout", .type = ARG_STRING}, {.name = "stderr", .type = ARG_STRING},            \
        {.name = "text", .type = ARG_STRING},                                                      \
        {.name = "next_event_id",                                                                  \
         .type = ARG_STRING,                                                                       \
         .flags = ARG_NULLABLE,                                                                    \
         .description = "For last_event_id, to get what follows."},                                \
        {.name = "has_more", .type = ARG_BOOLEAN}, {.name = "bytes_left", .type = ARG_INTEGER},    \
        {.name = "bytes_dropped", .type = ARG_INTEGER},                                            \
        {.name = "bytes_total", .type = ARG_INTEGER},                                              \
    {                                                                                              \
        .name = "left_out", .type = ARG_OBJECT, .flags = ARG_NULLABLE, .members = &output_left_out \
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
