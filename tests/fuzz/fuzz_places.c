/* Event ids, cursors and uris that clients send: what is taken must print as it was written. */
#include <string.h>

#include "server/mcp/event_id.h"
#include "server/mcp/execution_list.h"
#include "server/mcp/file_path.h"
#include "server/mcp/resource_uri.h"
#include "state/base/id.h"
#include "state/journal_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_event_id(const char *text)
{
    char id[EVENT_ID_MAX + 1];
    struct output_pos pos;
    if (!event_id_parse(text, &pos))
        return;
    must(pos.offset < JOURNAL_RECORD_MAX);
    must(event_id_format(pos, id));
    must(strcmp(id, text) == 0);
}

static void check_cursor(const char *text)
{
    char cursor[EXECUTION_CURSOR_MAX + 1];
    struct call c = {.op = CALL_LIST};
    if (!execution_cursor_apply(text, &c))
        return;
    struct execution_view view = {.created_us = c.list.before_us};
    memcpy(view.id, c.list.before_id, sizeof(view.id));
    execution_cursor_format(&view, cursor);
    must(strcmp(cursor, text) == 0);
}

static void check_uri(const char *text)
{
    struct resource_uri u;
    if (!resource_uri_parse(text, &u))
        return;
    must(id_is_valid(u.id));
    must(u.kind == RESOURCE_OUTPUT || u.kind == RESOURCE_STATUS || u.kind == RESOURCE_FILE);
    must(u.stream == 0 || u.stream == JOURNAL_STDOUT || u.stream == JOURNAL_STDERR);
    must(strstr(text, u.id) == text + strlen("exec://"));
    /* What we print ourselves is the same thing. */
    struct resource_uri again;
    CLEANUP(free_p) char *printed = resource_uri_print(&u, u.offset);
    must(resource_uri_parse(printed, &again));
    must(again.kind == u.kind && again.offset == u.offset && again.length == u.length);
    must(again.stream == u.stream && strcmp(again.path, u.path) == 0);
}

/* What is taken stays within, and is its own shortest form. */
static void check_file_path(const char *text)
{
    char path[FILE_PATH_MAX + 1], again[FILE_PATH_MAX + 1];
    const char *why = NULL;
    if (!file_path_parse(text, "/ws", path, &why)) {
        must(why != NULL);
        return;
    }
    must(path[0] != '/' && strncmp(path, "../", 3) != 0 && strcmp(path, "..") != 0);
    must(!strstr(path, "//") && !strstr(path, "/../"));
    must(file_path_parse(path, NULL, again, &why));
    must(strcmp(path, again) == 0);
    must(file_path_compare(path, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(free_p) char *text = xcalloc(1, size + 1);
    memcpy(text, data, size);
    check_event_id(text);
    check_cursor(text);
    check_uri(text);
    check_file_path(text);
    return 0;
}
