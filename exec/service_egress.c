/* Between the network proxy, on its own thread, and executions: listeners go there, what it refused
 * comes back as notes. */
#include "exec/egress/egress.h"
#include "exec/service.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/journal.h"

/* What it may reach stands in its spec, also of one that an earlier server started. */
static struct egress_policy *read_policy(const struct service *s, const char *id)
{
    CLEANUP(free_p) char *dir = journal_dir(s->config->state_dir, id);
    CLEANUP(exec_spec_freep) struct exec_spec *spec = NULL;

    if (exec_spec_read(dir, &spec) < 0 || !spec->sandbox ||
        spec->sandbox->network != SPEC_NETWORK_PROXY)
        return NULL;
    return egress_policy_new(spec->sandbox);
}

void service_egress_listener(struct service *s, const char *id, int listener_fd)
{
    CLEANUP(fd_closep) int fd = listener_fd;
    struct entry *e = registry_find(&s->registry, id);

    if (!e || e->phase == ENTRY_ENDED)
        return;
    struct egress_policy *policy = s->egress ? read_policy(s, id) : NULL;
    if (!policy) { /* what comes in there finds nobody: nothing can be reached */
        LOG_ERROR("egress_not_offered", LOG_STR("exec", id));
        return;
    }
    e->has_listener = true;
    egress_add(s->egress, id, TAKE_FD(fd), policy);
}

void service_egress_ended(struct service *s, struct entry *e)
{
    if (e->has_listener && s->egress)
        egress_remove(s->egress, e->id);
    e->has_listener = false;
}

void service_egress_note(struct service *s, const char *id, const char *note)
{
    int r = keeper_client_note(s->keeper, id, JOURNAL_VIOLATION, note);
    if (r < 0)
        LOG_WARN("note_not_sent", LOG_STR("exec", id), LOG_ERRNO(r));
}
