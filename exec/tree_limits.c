#include "exec/tree_limits.h"

#include "config/profile.h"
#include "state/base/json_text.h"

static const char *const texts[TREE_LIMITS] = {
    "the memory limit holds for each process by itself (RLIMIT_AS), not for all together: there is "
    "no memory cgroup that the keeper may use",
    "the limit of processes counts all processes of the user (RLIMIT_NPROC) and does not bind "
    "root: there is no pids cgroup that the keeper may use",
    "the limit of CPU time holds for each process by itself (RLIMIT_CPU), not for all together: "
    "there is no cgroup that the keeper may use",
};

unsigned tree_limits_of_host(const struct keeper_host *h)
{
    return (h->memory ? TREE_MEMORY : 0u) | (h->processes ? TREE_PROCESSES : 0u) |
           (h->cpu ? TREE_CPU : 0u);
}

unsigned tree_limits_missing(unsigned host, const struct execution_limits *l)
{
    unsigned set = (l->max_memory_bytes ? TREE_MEMORY : 0u) |
                   (l->max_processes ? TREE_PROCESSES : 0u) | (l->max_cpu_ms ? TREE_CPU : 0u);
    return set & ~host;
}

void tree_limits_configured(const struct config *c, struct execution_limits *ret)
{
    const struct config_profile *p =
        c->sandbox_profile ? config_profile_find(c, c->sandbox_profile) : NULL;

    *ret = (struct execution_limits){
        .max_memory_bytes = p && p->max_memory_bytes ? p->max_memory_bytes : c->max_memory_bytes,
        .max_cpu_ms = p && p->max_cpu_ms ? p->max_cpu_ms : c->max_cpu_ms,
        .max_processes = p && p->max_processes ? p->max_processes : c->max_processes,
    };
}

unsigned tree_limits_asked(const struct config *c, const struct execution_limits *l)
{
    struct execution_limits own;

    tree_limits_configured(c, &own);
    return (l->max_memory_bytes != own.max_memory_bytes ? TREE_MEMORY : 0u) |
           (l->max_processes != own.max_processes ? TREE_PROCESSES : 0u) |
           (l->max_cpu_ms != own.max_cpu_ms ? TREE_CPU : 0u);
}

void tree_limits_describe(unsigned limits, struct buf *to)
{
    const char *between = "";

    for (unsigned i = 0; i < TREE_LIMITS; i++) {
        if (!(limits & (1u << i)))
            continue;
        buf_printf(to, "%s%s", between, texts[i]);
        between = "; ";
    }
}

void tree_limits_note(unsigned limits, struct buf *to)
{
    CLEANUP(buf_deinit) struct buf text = {0};

    tree_limits_describe(limits, &text);
    buf_append_char(to, '{');
    json_text_member_str(to, "reason", "not_for_the_tree");
    json_text_member_str(to, "message", text.data);
    buf_append_char(to, '}');
}
