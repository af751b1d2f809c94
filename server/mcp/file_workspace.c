#include "server/mcp/file_workspace.h"

#include <errno.h>

#include "server/mcp/workspace.h"
#include "state/base/id.h"
#include "state/journal.h"
#include "state/shadow_file.h"
#include "state/spec.h"

int file_workspace_open(const struct pack_exec *p, const struct mcp_request *rq,
                        struct file_root *ret, char **ret_home)
{
    const struct workspace_options w = {.config = p->config,
                                        .isolation = reactor_isolation(p->reactor),
                                        .session = mcp_request_session(rq),
                                        .principal = mcp_request_principal(rq)};
    int r = workspace_home(&w, ret_home);

    if (r == 0)
        r = file_root_open(*ret_home, p->config->working_directory != NULL, ret);
    return r == FILE_E_MISSING ? -ENOENT : r; /* exec.working_directory: the operator's to make */
}

int file_workspace_of(const struct config *c, const char *id, struct file_root *ret,
                      char **ret_home)
{
    CLEANUP(free_p) char *dir = journal_dir(c->state_dir, id);
    CLEANUP(exec_spec_freep) struct exec_spec *spec = NULL;
    int r = exec_spec_read(dir, &spec);

    if (shadow_file_is(dir) || (r == -ENOENT && c->redis_url && !id_has_replica(id, c->replica_id)))
        return FILE_E_ELSEWHERE;
    if (r < 0)
        return r == -ENOENT ? FILE_E_GONE : r;
    const struct workspace_options w = {
        .config = c, .session = spec->session_id, .principal = spec->principal};
    const char *isolated = spec->sandbox ? spec->sandbox->workspace : NULL;
    *ret_home = isolated ? xstrdup(isolated) : workspace_path(&w);
    r = file_root_open(*ret_home, c->working_directory != NULL, ret);
    return r == FILE_E_MISSING ? FILE_E_GONE : r;
}
