#include "server/mcp/file_request.h"

#include <inttypes.h>

#include "server/mcp/file_read.h"
#include "server/mcp/file_workspace.h"
#include "state/base/buf.h"
#include "state/base/id.h"
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
    case FILE_E_GONE:
        return buf_append_str(b, "is gone: the workspace was removed with its session");
    case FILE_E_ELSEWHERE:
        return buf_printf(b,
                          "lies on another replica than this one (%s), on that which the execution "
                          "id begins with: ask there, or by a load balancer that routes to it",
                          c->replica_id);
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

/* A session's workspace is where the session began; requests without one have a workspace on each
 * replica. NULL: this is the only one that can be meant. */
static char *note(const struct file_request *fr)
{
    const struct config *c = fr->er.pack->config;
    const char *session = mcp_request_session(fr->er.rq);
    struct buf b = {0};

    if (!c->redis_url || arg_str(fr->arguments, "execution_id") ||
        (session && id_has_replica(session, c->replica_id)))
        return NULL;
    buf_printf(&b,
               "This is the workspace on replica %s; other replicas have others (execution_id "
               "names that of an execution)",
               c->replica_id);
    return buf_steal(&b);
}

void file_request_add_note(const struct file_request *fr, cJSON *o)
{
    CLEANUP(free_p) char *text = note(fr);

    if (text)
        cJSON_AddStringToObject(o, "note", text);
}

void file_request_refuse(struct file_request *fr, int outcome)
{
    CLEANUP(free_p) char *text = file_outcome_text(outcome, fr->path, fr->er.pack->config);
    CLEANUP(free_p) char *where = outcome == FILE_E_MISSING ? note(fr) : NULL;

    if (where)
        mcp_reply_tool_error(fr->er.rq, "%s. %s", text, where);
    else if (outcome != FILE_E_ELSEWHERE || !mcp_reply_elsewhere(fr->er.rq, text))
        mcp_reply_tool_error(fr->er.rq, "%s", text);
    exec_request_end(&fr->er);
}

/* ---- the workspace ---- */

static void go_on(struct file_request *fr, int outcome, const char *home)
{
    const char *text = arg_str(fr->arguments, "path"), *why = "";
    size_t len = text ? strlen(text) : 0, shown = text ? utf8_cut(text, len, SHOWN_MAX) : 0;

    if (outcome != FILE_OK) { /* of the whole workspace; the path is for the answer */
        (void)(text && file_path_parse(text, home, fr->path, &why));
        return file_request_refuse(fr, outcome);
    }
    if (!text || file_path_parse(text, home, fr->path, &why))
        return fr->on_open(fr);
    mcp_reply_tool_error(fr->er.rq, "path \"%.*s%s\" %s", (int)shown, text, shown < len ? "…" : "",
                         why);
    exec_request_end(&fr->er);
}

/* The execution is the caller's, or not. */
static void on_view(struct exec_request *er, struct call *c)
{
    struct file_request *fr = (struct file_request *)er;
    CLEANUP(free_p) char *home = NULL;
    bool is_ok = c->outcome == CALL_OK;

    if (!is_ok)
        exec_request_refuse(er, c);
    call_free(c);
    if (!is_ok)
        return exec_request_end(er);
    int r = file_workspace_of(er->pack->config, arg_str(fr->arguments, "execution_id"), &fr->root,
                              &home);
    go_on(fr, r, home);
}

void file_request_begin(struct file_request *fr, const cJSON *arguments, file_request_fn *on_open)
{
    CLEANUP(free_p) char *home = NULL;

    fr->arguments = arguments;
    fr->on_open = on_open;
    fr->root.fd = -1;
    if (arg_str(arguments, "execution_id")) {
        struct call *c = exec_request_call(&fr->er, CALL_WAIT);
        tool_read_id(arguments, c->id);
        return exec_request_send(&fr->er, c, on_view);
    }
    int r = file_workspace_open(fr->er.pack, fr->er.rq, &fr->root, &home);
    go_on(fr, r, home);
}

void file_request_close(struct file_request *fr)
{
    file_root_close(&fr->root);
}
