/* read_file: lines or bytes of a file in the workspace; an image as an image. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "server/mcp/file_read.h"
#include "server/mcp/file_request.h"
#include "server/mcp/file_type.h"
#include "server/mcp/resource_uri.h"
#include "state/base/utf8.h"

#define BYTES_DEFAULT 65536
#define OFFSET_MAX    9007199254740991.0 /* 2^53 - 1 */

static const char *const units[] = {"lines", "bytes", NULL};
static const char *const encodings[] = {"utf-8", "base64", "image", NULL};

static double max_limit(const struct config *c)
{
    return (double)c->max_reply_bytes;
}

static const struct arg argument_rows[] = {
    FILE_PATH_ARG(ARG_REQUIRED, "In the workspace, where commands start."),
    FILE_EXECUTION_ARG,
    {.name = "offset",
     .type = ARG_INTEGER,
     .min = 0,
     .max = OFFSET_MAX,
     .description = "Where to begin: a line, from 1, or a byte, from 0."},
    {.name = "limit",
     .type = ARG_INTEGER,
     .min = 1,
     .max_of = max_limit,
     .max_key = "limits.max_reply",
     .description = "Most lines or bytes to return. Default: what 64 KiB hold."},
    {.name = "unit",
     .type = ARG_STRING,
     .values = units,
     .default_json = "\"lines\"",
     .description = "Of offset and limit. What is no text is read by bytes."},
};
static const struct arg_set arguments_set = {.args = argument_rows, .n = ARRAY_LEN(argument_rows)};

static const struct arg next_rows[] = {
    {.name = "offset", .type = ARG_INTEGER, .flags = ARG_REQUIRED},
    {.name = "unit", .type = ARG_STRING, .flags = ARG_REQUIRED, .values = units},
};
static const struct arg_set next_set = {
    .args = next_rows, .n = ARRAY_LEN(next_rows), .is_open = true};

static const struct arg result_rows[] = {
    {.name = "path", .type = ARG_STRING, .flags = ARG_REQUIRED},
    {.name = "content", .type = ARG_STRING, .flags = ARG_REQUIRED},
    {.name = "encoding", .type = ARG_STRING, .flags = ARG_REQUIRED, .values = encodings},
    {.name = "mime_type", .type = ARG_STRING},
    {.name = "size", .type = ARG_INTEGER, .flags = ARG_REQUIRED},
    {.name = "offset", .type = ARG_INTEGER, .description = "Of content in the file, in bytes."},
    {.name = "lines", .type = ARG_INTEGER},
    {.name = "total_lines", .type = ARG_INTEGER},
    {.name = "sha256", .type = ARG_STRING},
    {.name = "modified", .type = ARG_INTEGER},
    {.name = "next",
     .type = ARG_OBJECT,
     .members = &next_set,
     .description = "There is more: where it goes on."},
};
static const struct arg_set result = {
    .args = result_rows, .n = ARRAY_LEN(result_rows), .is_open = true};

static const struct tool tool = {
    .name = "read_file",
    .title = "Read a file",
    .description = "Reads a file that a command or write_file left in the workspace, or a range of "
                   "it. Images are returned as images, other binary content as base64.",
    .arguments = &arguments_set,
    .result = &result,
    .is_read_only = true,
    .is_idempotent = true};

char *tool_read_file_describe(void *pack_arg)
{
    return tool_describe(&tool, ((const struct pack_exec *)pack_arg)->config);
}

struct read_file {
    struct file_request fr; /* first */
    struct stat st;
    struct file_range range;
    const char *mime_type, *image_type; /* constant; NULL: no image, or not wanted as one */
    struct file_reader *reader;         /* owned */
};

static void on_free(struct exec_request *er)
{
    struct read_file *q = (struct read_file *)er;
    file_reader_free(q->reader);
    file_request_close(&q->fr);
    free(q);
}

/* ---- the answer ---- */

static char *base64(const struct buf *data)
{
    char *text = xcalloc(1, 4 * ((data->len + 2) / 3) + 1);
    (void)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)data->data, (int)data->len);
    return text;
}

static void add_file(cJSON *o, const struct read_file *q, const struct file_part *part)
{
    cJSON_AddStringToObject(o, "mime_type", q->mime_type);
    cJSON_AddNumberToObject(o, "size", (double)q->st.st_size);
    if (part->knows_all) {
        cJSON_AddNumberToObject(o, "total_lines", (double)part->n_lines);
        cJSON_AddStringToObject(o, "sha256", part->sha256);
    }
    cJSON_AddNumberToObject(o, "modified", (double)q->st.st_mtim.tv_sec);
}

static void add_part(cJSON *o, const struct read_file *q, const struct file_part *part)
{
    cJSON_AddNumberToObject(o, "offset", (double)part->offset);
    if (q->range.unit == FILE_LINES)
        cJSON_AddNumberToObject(o, "lines", (double)part->units);
    if (!part->has_more)
        return;
    cJSON *next = cJSON_AddObjectToObject(o, "next");
    cJSON_AddNumberToObject(next, "offset", (double)part->next);
    cJSON_AddStringToObject(next, "unit", units[part->next_unit == FILE_BYTES]);
}

/* What a model reads: the content as it is, and a line about it. */
static char *text_of(const struct read_file *q, const struct file_part *part)
{
    struct buf b = {0};
    uint64_t first = q->range.first;

    buf_append(&b, part->data.data, part->data.len);
    if (b.len > 0 && b.data[b.len - 1] != '\n')
        buf_append_char(&b, '\n');
    buf_printf(&b, "[%s: ", q->fr.path);
    if (q->range.unit == FILE_LINES && part->units > 0)
        buf_printf(&b, "lines %" PRIu64 "-%" PRIu64, first, first + part->units - 1);
    else
        buf_printf(&b, "%zu bytes from %" PRIu64, part->data.len, part->offset);
    if (part->knows_all)
        buf_printf(&b, " of %" PRIu64 " lines", part->n_lines);
    buf_printf(&b, ", %jd bytes in all", (intmax_t)q->st.st_size);
    if (part->has_more)
        buf_printf(&b, "; goes on at offset %" PRIu64 ", unit \"%s\"", part->next,
                   units[part->next_unit == FILE_BYTES]);
    buf_append_char(&b, ']');
    return buf_steal(&b);
}

static void reply_image(struct read_file *q, const struct file_part *part, cJSON *o)
{
    CLEANUP(free_p) char *data = base64(&part->data);
    cJSON *blocks = cJSON_CreateArray(), *image = cJSON_CreateObject();

    cJSON_AddStringToObject(image, "type", "image");
    cJSON_AddStringToObject(image, "data", data);
    cJSON_AddStringToObject(image, "mimeType", q->image_type);
    cJSON_AddItemToArray(blocks, image);
    cJSON_AddStringToObject(o, "content", "");
    cJSON_AddStringToObject(o, "encoding", "image");
    add_file(o, q, part);
    mcp_reply_tool(q->fr.er.rq, NULL, o, blocks, false);
}

/* The rest by its uri, which a workspace has when an execution names it; NULL: none. */
static cJSON *link_of(const struct read_file *q, const struct file_part *part)
{
    const char *id = arg_str(q->fr.arguments, "execution_id");
    struct buf uri = {0};

    if (!part->has_more || !id)
        return NULL;
    CLEANUP(free_p) char *file = resource_uri_of_file(id, q->fr.path);
    buf_printf(&uri, "%s?offset=%" PRIu64, file, part->offset + part->data.len);
    cJSON *blocks = cJSON_CreateArray(), *link = cJSON_CreateObject();
    cJSON_AddStringToObject(link, "type", "resource_link");
    cJSON_AddStringToObject(link, "uri", uri.data);
    cJSON_AddStringToObject(link, "name", file_path_name(q->fr.path));
    cJSON_AddStringToObject(link, "description", "What follows this part.");
    cJSON_AddStringToObject(link, "mimeType", q->mime_type);
    cJSON_AddItemToArray(blocks, link);
    buf_deinit(&uri);
    return blocks;
}

static void reply(struct read_file *q, const struct file_part *part)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "path", q->fr.path);
    if (q->image_type)
        return reply_image(q, part, o);
    bool is_text = file_is_text(part->data.data, part->data.len);
    CLEANUP(free_p) char *encoded = is_text ? NULL : base64(&part->data);
    CLEANUP(free_p) char *text = is_text ? text_of(q, part) : NULL;
    const char *content = part->data.len > 0 ? part->data.data : "";
    cJSON_AddStringToObject(o, "content", encoded ? encoded : content);
    cJSON_AddStringToObject(o, "encoding", encoded ? "base64" : "utf-8");
    add_file(o, q, part);
    add_part(o, q, part);
    mcp_reply_tool(q->fr.er.rq, text, o, link_of(q, part), false);
}

/* ---- reading ---- */

static void on_turn(struct exec_request *er)
{
    struct read_file *q = (struct read_file *)er;
    int r = file_reader_step(q->reader);

    if (r == FILE_MORE)
        return exec_request_yield(er, on_turn);
    if (r != FILE_OK)
        return file_request_refuse(&q->fr, r);
    reply(q, file_reader_result(q->reader));
    exec_request_end(er);
}

/* What is read, and how: as asked, and by what the file is. */
static void set_range(struct read_file *q, int fd)
{
    const cJSON *arguments = q->fr.arguments;
    const struct config *c = q->fr.er.pack->config;
    char begin[FILE_TYPE_BYTES];
    ssize_t n = pread(fd, begin, sizeof(begin), 0);
    size_t len = n < 0 ? 0 : (size_t)n;
    const char *unit = arg_str(arguments, "unit");
    size_t cut = len == sizeof(begin) ? utf8_incomplete_tail(begin, len) : 0;
    bool is_text = file_is_text(begin, len - cut);
    bool is_whole = !unit && !json_get(arguments, "offset") && !json_get(arguments, "limit");

    q->mime_type = file_type(q->fr.path, begin, len, is_text);
    if (is_whole && (uint64_t)q->st.st_size <= c->max_reply_bytes)
        q->image_type = file_image_type(begin, len);
    bool is_lines = !q->image_type && (unit ? strcmp(unit, "lines") == 0 : is_text);
    double limit = arg_number(arguments, "limit", 0);
    double offset = arg_number(arguments, "offset", is_lines ? 1 : 0);
    size_t usual = BYTES_DEFAULT < c->max_reply_bytes ? BYTES_DEFAULT : c->max_reply_bytes;
    bool is_large = limit > 0 || q->image_type;
    q->range = (struct file_range){.unit = is_lines ? FILE_LINES : FILE_BYTES,
                                   .first = is_lines && offset < 1 ? 1 : (uint64_t)offset,
                                   .count = limit > 0 ? (uint64_t)limit : UINT64_MAX,
                                   .max_bytes = is_large ? c->max_reply_bytes : usual};
}

static void on_open(struct file_request *fr)
{
    struct read_file *q = (struct read_file *)fr;
    int fd = -1, r = file_open_regular(&fr->root, fr->path, &fd, &q->st);

    if (r != FILE_OK)
        return file_request_refuse(fr, r);
    set_range(q, fd);
    q->reader = file_reader_new(fd, &q->range);
    on_turn(&fr->er);
}

void tool_read_file_call(struct mcp_request *rq, const cJSON *arguments, void *pack_arg)
{
    const struct pack_exec *p = pack_arg;

    if (!tool_check(&tool, p, rq, arguments))
        return;
    struct read_file *q = xcalloc(1, sizeof(*q));
    exec_request_init(&q->fr.er, rq, p, on_free);
    file_request_begin(&q->fr, arguments, on_open);
}
