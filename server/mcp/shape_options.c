#include <stdio.h>

#include "server/mcp/text_shape.h"

#define DEFAULT_MAX_BYTES 65536u
#define LINES_MAX         1000000.0

static double max_reply(const struct config *c)
{
    return (double)c->max_reply_bytes;
}

static double default_max_bytes(const struct config *c)
{
    return c->max_reply_bytes < DEFAULT_MAX_BYTES ? max_reply(c) : DEFAULT_MAX_BYTES;
}

static const char *const formats[] = {"events", "text", NULL};

static const struct arg rows[] = {
    {.name = "format",
     .type = ARG_STRING,
     .values = formats,
     .default_json = "\"events\"",
     .description = "events: a list; text: plain."},
    {.name = "max_bytes",
     .type = ARG_INTEGER,
     .min = 1,
     .max_of = max_reply,
     .max_key = "limits.max_reply",
     .default_of = default_max_bytes,
     .description = "Most to return; says what is left out and how to get it."},
    {.name = "head_lines",
     .type = ARG_INTEGER,
     .min = 1,
     .max = LINES_MAX,
     .description = "Only the first lines, or with tail_lines both ends."},
    {.name = "tail_lines",
     .type = ARG_INTEGER,
     .min = 1,
     .max = LINES_MAX,
     .description = "Only the last lines."},
    {.name = "grep",
     .type = ARG_STRING,
     .min = 1,
     .max = PATTERN_MAX,
     .description = "Only lines that match (PCRE2)."},
    {.name = "context",
     .type = ARG_INTEGER,
     .min = 0,
     .max = SHAPE_CONTEXT_MAX,
     .default_json = "0",
     .description = "Lines around each match."},
    {.name = "strip_ansi",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Removes colours and the like."},
    {.name = "dedupe",
     .type = ARG_BOOLEAN,
     .default_json = "false",
     .description = "Repeated lines become one."},
};
const struct arg_set shape_arguments = {.args = rows, .n = ARRAY_LEN(rows)};

char *shape_options_read(struct shape_options *s, const struct config *c, const cJSON *o)
{
    *s = (struct shape_options){.max_bytes = (size_t)default_max_bytes(c)};
    if (!o)
        return NULL;
    const char *format = arg_str(o, "format"), *grep = arg_str(o, "grep");
    s->format = format && strcmp(format, "text") == 0 ? SHAPE_TEXT : SHAPE_EVENTS;
    s->max_bytes = (size_t)arg_number(o, "max_bytes", (double)s->max_bytes);
    s->head_lines = (size_t)arg_number(o, "head_lines", 0);
    s->tail_lines = (size_t)arg_number(o, "tail_lines", 0);
    s->context = (size_t)arg_number(o, "context", 0);
    s->strip_ansi = arg_bool(o, "strip_ansi", false);
    s->dedupe = arg_bool(o, "dedupe", false);
    if (!grep)
        return s->context ? xstrdup("output.context needs output.grep: lines around each match")
                          : NULL;
    char *error = NULL, *text = NULL;
    s->grep = pattern_new(grep, &error);
    if (s->grep)
        return NULL;
    if (asprintf(&text, "output.grep %s", error) < 0)
        abort();
    free(error);
    return text;
}

void shape_options_deinit(struct shape_options *s)
{
    s->grep = pattern_free(s->grep);
}
