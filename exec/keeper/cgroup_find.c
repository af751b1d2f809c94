#include "exec/keeper/cgroup_find.h"

#include <stdio.h>

#include "state/base/fd.h"

#define PROC_FILE_MAX (1024u * 1024)

/* Whether the word is in the list. The list is not changed. */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ",");
        if (len == n && strncmp(p, word, n) == 0)
            return true;
        p += len + (p[len] == ',');
    }
    return false;
}

/* "36 35 98:0 /root /point options [optional …] - type source options" */
static bool parse_mount(char *line, const char *controller, char **ret_root, char **ret_point)
{
    char *rest = strstr(line, controller ? " - cgroup " : " - cgroup2 ");

    if (!rest)
        return false;
    rest += strlen(controller ? " - cgroup " : " - cgroup2 ");
    char *options = strchr(rest, ' '); /* behind the source */
    if (controller && (!options || !has_word(options + 1, controller)))
        return false;
    rest = line;
    for (int field = 0; field < 3; field++)
        if (!strsep(&rest, " "))
            return false;
    *ret_root = strsep(&rest, " ");
    *ret_point = strsep(&rest, " ");
    return *ret_root && *ret_point;
}

/* Where the group `group` of the hierarchy is in our file system. */
static bool find_mounted(char *mounts, const char *controller, const char *group,
                         struct cgroup_place *ret)
{
    for (char *rest = mounts, *line; (line = strsep(&rest, "\n"));) {
        char *root, *point;
        if (!parse_mount(line, controller, &root, &point))
            continue;
        size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(group, root, n) != 0 || (group[n] != '/' && group[n] != '\0'))
            continue;
        const char *below = strcmp(group + n, "/") == 0 ? "" : group + n;
        ret->is_root = *below == '\0';
        if (asprintf(&ret->path, "%s%s", point, below) < 0)
            abort();
        return true;
    }
    return false;
}

/* The path in a line "0::<path>" (v2) or "<n>:<controllers>:<path>". */
static const char *parse_own(char *line, const char *controller)
{
    char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

    if (!path || path[1] != '/')
        return NULL;
    *path++ = '\0';
    names++;
    return (controller ? has_word(names, controller) : strcmp(line, "0:") == 0) ? path : NULL;
}

bool cgroup_find_in(char *own, char *mounts, const char *controller, struct cgroup_place *ret)
{
    for (char *rest = own, *line; (line = strsep(&rest, "\n"));) {
        const char *group = parse_own(line, controller);
        if (group)
            return find_mounted(mounts, controller, group, ret);
    }
    return false;
}

bool cgroup_find_own(const char *controller, struct cgroup_place *ret)
{
    CLEANUP(free_p) char *own = NULL;
    CLEANUP(free_p) char *mounts = NULL;
    size_t len;

    return file_read("/proc/self/cgroup", PROC_FILE_MAX, &own, &len) == 0 &&
           file_read("/proc/self/mountinfo", PROC_FILE_MAX, &mounts, &len) == 0 &&
           cgroup_find_in(own, mounts, controller, ret);
}
