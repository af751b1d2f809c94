#include "server/mcp/file_request.h"

#include <inttypes.h>

#include "server/mcp/file_read.h"
#include "server/mcp/workspace.h"
#include "state/base/buf.h"
#include "state/base/utf8.h"

#define SHOWN_MAX 200 /* bytes of a path that an error repeats */

/* What is so, and what to do. */
static void append_outcome(struct buf *b, enum file_outcome outcome, const struct config *c)
{
    switch (outcome) {
    case FILE_OK:
    case FILE_MORE:
        return;
    case FILE_E_MISSING:
        return buf_append_str(b, "is not in the workspace: list_files shows what is there");
    case FILE_E_OUTSIDE:
        return buf_append_str(b, "leads out of the workspace by a symbolic link: copy what it "
                                 "points to into the workspace (execute_code, cp -L)");
    case FILE_E_LINK:
        return buf_append_str(b, "is, or goes through, a symbolic link that is not followed: name "
                                 "the file that it points to");
    case FILE_E_NOT_DIRECTORY:
        return buf_append_str(b, "is, or goes through, a file where a directory is needed");
    case FILE_E_IS_DIRECTORY:
        return buf_append_str(b, "is a directory: list_files lists it");
    case FILE_E_SPECIAL:
        return buf_append_str(b, "is a pipe, a socket or a device, no file");
    case FILE_E_DENIED:
        return buf_append_str(b, "can't be used, by its permissions: change them with "
                                 "execute_code (chmod)");
    case FILE_E_FOREIGN:
        return buf_append_str(b, "is a hard link to a file of another user: make a copy of it");
    case FILE_E_CHANGED:
        return buf_append_str(b, "is being changed at this moment: try again");
    case FILE_E_TOO_BIG:
        return buf_printf(b,
                          "would be too large: at most %" PRIu64
                          " bytes (the operator's files.max_file). A command can write more",
                          c->max_write_bytes);
    case FILE_E_FULL:
        buf_append_str(b, "has no room: the disk is full");
        if (c->workspace_quota_bytes)
            buf_printf(b,
                       ", or the workspace has the %" PRIu64
                       " bytes that it may have (the operator's sandbox.workspace_quota)",
                       c->workspace_quota_bytes);
        return buf_append_str(b, ". Remove what is not needed (execute_code, rm)");
    case FILE_E_FAR:
        return buf_printf(b,
                          "is too long to look for that line: lines are counted up to %u bytes. "
                          "Use unit \"bytes\", or tail and sed by execute_code",
                          FILE_SCAN_MAX);
    }
}

char *file_outcome_text(int outcome, const char *path, const struct config *c)
{
    const char *text = *path ? path : ".";
    size_t len = strlen(text), shown = utf8_cut(text, len, SHOWN_MAX);
    struct buf b = {0};

    buf_printf(&b, "path \"%.*s%s\" ", (int)shown, text, shown < len ? "…" : "");
    if (outcome < 0)
        buf_printf(&b, "could not be used: %s", strerror(-outcome));
    else
        append_outcome(&b, (enum file_outcome)outcome, c);
    return buf_steal(&b);
}

void file_request_refuse(struct file_request *fr, int outcome)
{
    tool_refuse(fr->er.rq, file_outcome_text(outcome, fr->path, fr->er.pack->config));
}

/* ---- the workspace ---- */

static bool open_workspace(struct file_request *fr, struct mcp_request *rq,
                           const struct pack_exec *p, char **ret_home)
{
    const struct workspace_options w = {.config = p->config,
                                        .isolation = reactor_isolation(p->reactor),
                                        .session = mcp_request_session(rq),
                                        .principal = mcp_request_principal(rq)};
    int r = workspace_home(&w, ret_home);

    if (r == 0)
        r = file_root_open(*ret_home, p->config->working_directory != NULL, &fr->root);
    if (r == FILE_OK)
        return true;
    mcp_reply_tool_error(rq, "The server can't open the workspace%s%s", r < 0 ? ": " : "",
                         r < 0 ? strerror(-r) : "");
    return false;
}

static bool read_path(struct file_request *fr, struct mcp_request *rq, const cJSON *arguments,
                      const char *home)
{
    const char *text = arg_str(arguments, "path"), *why;

    if (!text || file_path_parse(text, home, fr->path, &why))
        return true;
    size_t len = strlen(text), shown = utf8_cut(text, len, SHOWN_MAX);
    mcp_reply_tool_error(rq, "path \"%.*s%s\" %s", (int)shown, text, shown < len ? "…" : "", why);
    return false;
}

bool file_request_open(struct file_request *fr, struct mcp_request *rq, const struct pack_exec *p,
                       const cJSON *arguments)
{
    CLEANUP(free_p) char *home = NULL;

    fr->root.fd = -1;
    fr->path[0] = '\0';
    if (!open_workspace(fr, rq, p, &home))
        return false;
    if (read_path(fr, rq, arguments, home))
        return true;
    file_root_close(&fr->root);
    return false;
}

void file_request_close(struct file_request *fr)
{
    file_root_close(&fr->root);
}
