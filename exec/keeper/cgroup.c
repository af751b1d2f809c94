#include "exec/keeper/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include "exec/keeper/clone.h"
#include "exec/keeper/hash.h"
#include "state/base/fd.h"

#define PROC_FILE_MAX (1024u * 1024)

static char *concat(const char *a, const char *b)
{
    char *ret;
    if (asprintf(&ret, "%s%s", a, b) < 0)
        abort();
    return ret;
}

static char *join(const char *dir, const char *name)
{
    char *ret;
    if (asprintf(&ret, "%s/%s", dir, name) < 0)
        abort();
    return ret;
}

/* A line of /proc/self/mountinfo, see proc_pid_mountinfo(5): "36 35 98:0 /root /point options
 * [optional …] - type source options". Fills in root and point when it is a cgroup2 mount. */
static bool parse_mount(char *line, char **ret_root, char **ret_point)
{
    char *dash = strstr(line, " - cgroup2 "), *rest = line;
    if (!dash)
        return false;
    for (int field = 0; field < 3; field++)
        if (!strsep(&rest, " "))
            return false;
    *ret_root = strsep(&rest, " ");
    *ret_point = strsep(&rest, " ");
    return *ret_root && *ret_point;
}

/* Where the group `group` of the hierarchy is in our file system, or NULL. */
static char *find_mounted(const char *group)
{
    CLEANUP(free_p) char *text = NULL;
    size_t len;

    if (file_read("/proc/self/mountinfo", PROC_FILE_MAX, &text, &len) < 0)
        return NULL;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        char *root, *point;
        if (!parse_mount(line, &root, &point))
            continue;
        size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(group, root, n) == 0 && (group[n] == '/' || group[n] == '\0'))
            return concat(point, strcmp(group + n, "/") == 0 ? "" : group + n);
    }
    return NULL;
}

/* The line "0::<path>" of /proc/self/cgroup, see cgroups(7). */
static char *find_own_group(void)
{
    CLEANUP(free_p) char *text = NULL;
    size_t len;

    if (file_read("/proc/self/cgroup", PROC_FILE_MAX, &text, &len) < 0)
        return NULL;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (strncmp(line, "0::/", 4) == 0)
            return find_mounted(line + 3);
    return NULL;
}

/* Whether children can be born there: needs kernel 5.7, and by the rules of delegation write
 * access to cgroup.procs here and in the common ancestor, some containers refuse clone3. */
static bool can_be_entered(const char *path)
{
    int status = -1;
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long pid = fd < 0 ? -1 : clone_into_cgroup(fd);

    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid((pid_t)pid, &status, 0) == pid && status == 0;
}

static bool can_be_killed(const char *path)
{
    CLEANUP(free_p) char *file = join(path, "cgroup.kill");
    return faccessat(AT_FDCWD, file, W_OK, AT_EACCESS) == 0;
}

char *cgroup_base_name(const char *state_dir)
{
    char *name;
    if (asprintf(&name, "mcp-exec-%016llx", (unsigned long long)hash_string(state_dir)) < 0)
        abort();
    return name;
}

int cgroup_make_base(const char *state_dir, char **ret_path)
{
    CLEANUP(free_p) char *own = find_own_group();
    CLEANUP(free_p) char *name = cgroup_base_name(state_dir);

    if (!own)
        return -ENOTSUP;
    CLEANUP(free_p) char *base = join(own, name);
    if (mkdir(base, 0755) < 0 && errno != EEXIST)
        return -errno;
    if (!can_be_killed(base) || !can_be_entered(base)) {
        (void)rmdir(base);
        return -ENOTSUP;
    }
    *ret_path = TAKE_PTR(base);
    return 0;
}

int cgroup_make(const char *base, const char *id, char **ret_path, int *ret_fd)
{
    CLEANUP(free_p) char *path = join(base, id);

    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    *ret_path = TAKE_PTR(path);
    return 0;
}

/* Calls fn for each group right below `path`; stops at the first error. */
static int each_below(const char *path, int (*fn)(const char *path, void *arg), void *arg)
{
    int r = 0;
    DIR *d = opendir(path);
    if (!d)
        return -errno;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.')
            continue;
        CLEANUP(free_p) char *below = join(path, e->d_name);
        r = fn(below, arg);
    }
    closedir(d);
    return r;
}

static int find_in(const char *path, void *arg)
{
    CLEANUP(free_p) char *file = join(path, "cgroup.procs");
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    int r = file_read(file, PROC_FILE_MAX, &text, &len);

    if (r < 0)
        return r;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        /* 0: a process of a pid namespace that we can't see into. */
        pid_t pid = (pid_t)strtol(line, NULL, 10);
        if (pid > 0)
            pids_add(arg, pid);
    }
    return each_below(path, find_in, arg);
}

int cgroup_find(const char *path, struct pids *ret)
{
    return find_in(path, ret);
}

void cgroup_kill(const char *path)
{
    CLEANUP(free_p) char *file = join(path, "cgroup.kill");
    CLEANUP(fd_closep) int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, "1", 1);
}

static int remove_in(const char *path, void *arg)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return 0;
    /* Groups below give EBUSY too. Those that can't go are told by the second rmdir. */
    if (errno == EBUSY)
        (void)each_below(path, remove_in, NULL);
    return rmdir(path) == 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_remove(const char *path)
{
    return remove_in(path, NULL);
}
