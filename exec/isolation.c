#include "exec/isolation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "config/profile.h"
#include "exec/keeper/hash.h"
#include "exec/keeper_path.h"
#include "exec/sandbox_filter.h"
#include "state/base/fd.h"

struct isolation {
    const struct config *config;          /* borrowed */
    const struct config_profile *profile; /* borrowed */
    char *bwrap, *init;                   /* owned; absolute paths */
    void *filter;                         /* owned */
    char *passwd, *group;                 /* owned */
    const char *stage;                    /* constant text; NULL: commands run as our user */
    struct keeper_sandbox common;         /* borrows from the above */
    pthread_mutex_t lock;                 /* guards the rest */
    bool *is_used; /* owned; sandbox.uids of them: a workspace belongs to that user */
};

static char *format(const char *fmt, ...) PRINTF_LIKE(1, 2);
static char *format(const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    return text;
}

/* ---- whom workspaces belong to ---- */

static bool is_in_range(const struct isolation *i, uid_t uid)
{
    return uid >= i->config->sandbox_first_uid &&
           uid - i->config->sandbox_first_uid < i->config->sandbox_uids;
}

static void mark_used(struct isolation *i)
{
    CLEANUP(free_p) char *path = format("%s/workspaces", i->config->state_dir);
    DIR *d = opendir(path);
    struct stat st;

    memset(i->is_used, 0, i->config->sandbox_uids);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            is_in_range(i, st.st_uid))
            i->is_used[st.st_uid - i->config->sandbox_first_uid] = true;
    if (d)
        (void)closedir(d);
}

/* Begins where the name says, so that a workspace that comes back is likely to get the same one. */
static bool find_free(struct isolation *i, const char *path, uid_t *ret)
{
    unsigned n = i->config->sandbox_uids, first = (unsigned)(hash_string(path) % n);

    for (unsigned k = 0; k < n; k++) {
        unsigned at = (first + k) % n;
        if (i->is_used[at])
            continue;
        i->is_used[at] = true;
        *ret = i->config->sandbox_first_uid + at;
        return true;
    }
    return false;
}

/* Under the lock, also the look: of several that come at once the first one gives. */
static int give_user(struct isolation *i, int fd, const char *path, uint64_t *ret_uid)
{
    struct stat st;
    uid_t uid = 0;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (is_in_range(i, st.st_uid) && st.st_gid == st.st_uid) {
        *ret_uid = st.st_uid;
        return 0;
    }
    if (!find_free(i, path, &uid)) {
        mark_used(i); /* many that were used are gone by now */
        if (!find_free(i, path, &uid))
            return -EUSERS;
    }
    if (fchown(fd, uid, uid) < 0)
        return -errno;
    *ret_uid = uid;
    return 0;
}

static int open_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int isolation_make_workspace(struct isolation *i, const char *path, uint64_t *ret_uid)
{
    CLEANUP(fd_closep) int fd = open_directory(path);
    struct stat st;
    /* A command may have closed it to itself: the next one finds it open. */
    if (fd == -EACCES && fchmodat(AT_FDCWD, path, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
        fd = open_directory(path);
    int r = fd == -ENOENT ? dir_make(path) : 0;
    if (r < 0)
        return r;
    if (fd == -ENOENT)
        fd = open_directory(path);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || ((st.st_mode & S_IRWXU) != S_IRWXU && fchmod(fd, S_IRWXU) < 0))
        return -errno;
    *ret_uid = 0;
    (void)futimens(fd, NULL); /* used now: exec/workspaces.h */
    if (!i->stage)
        return 0;
    pthread_mutex_lock(&i->lock);
    r = give_user(i, fd, path, ret_uid);
    pthread_mutex_unlock(&i->lock);
    return r;
}

/* ---- what there is ---- */

static bool is_in_the_way(const struct config_strings *paths, const char *stage)
{
    for (size_t k = 0; k < paths->n; k++)
        if (sandbox_path_is_below(paths->v[k], stage))
            return true;
    return false;
}

/* A directory that everybody can reach, and that the profile has no use for. */
static const char *find_stage(const struct config_profile *p)
{
    static const char *const stages[] = {"/mnt", "/media", "/srv", "/home", "/boot"};
    struct stat st;

    for (size_t k = 0; k < ARRAY_LEN(stages); k++)
        if (lstat(stages[k], &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & S_IXOTH) &&
            !is_in_the_way(&p->read_only, stages[k]) && !is_in_the_way(&p->writable, stages[k]) &&
            !is_in_the_way(&p->allow_write_roots, stages[k]))
            return stages[k];
    return NULL;
}

static char *find_parts(struct isolation *i)
{
    const struct config *c = i->config;

    if (program_find("bwrap", c->bwrap_path, &i->bwrap) < 0)
        return format("sandbox.profile: \"%s\" needs bwrap, which is not %s%s: "
                      "apt-get install bubblewrap, or name it with sandbox.bwrap",
                      i->profile->name, c->bwrap_path ? "" : "in PATH",
                      c->bwrap_path ? c->bwrap_path : "");
    if (program_find("mcp-exec-init", c->sandbox_init_path, &i->init) < 0)
        return format("sandbox.profile: \"%s\" needs mcp-exec-init, which is not %s: name it with "
                      "sandbox.init",
                      i->profile->name,
                      c->sandbox_init_path ? c->sandbox_init_path : "beside mcp-execd or in PATH");
    if (geteuid() == 0 && !(i->stage = find_stage(i->profile)))
        return format("sandbox.profile: \"%s\" leaves none of /mnt, /media, /srv, /home and /boot "
                      "to mount a workspace on: make one of them",
                      i->profile->name);
    return NULL;
}

/* The first of a name or number counts. */
static void make_users(struct isolation *i)
{
    unsigned uid = (unsigned)i->profile->uid;

    i->passwd = format("sandbox:x:%u:%u:sandbox:" SANDBOX_WORKSPACE ":/bin/sh\n"
                       "root:x:0:0:root:/root:/usr/sbin/nologin\n"
                       "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                       uid, uid);
    i->group = format("sandbox:x:%u:\nroot:x:0:\nnogroup:x:65534:\n", uid);
    i->common.passwd = i->passwd;
    i->common.group = i->group;
}

int isolation_new(const struct config *c, struct isolation **ret, char **ret_error)
{
    const struct config_profile *p =
        c->sandbox_profile ? config_profile_find(c, c->sandbox_profile) : NULL;

    *ret = NULL;
    if (!p || p->isolation == CONFIG_ISOLATION_NONE)
        return 0;
    struct isolation *i = xcalloc(1, sizeof(*i));
    pthread_mutex_init(&i->lock, NULL);
    i->config = c;
    i->profile = p;
    i->is_used = xcalloc(c->sandbox_uids, sizeof(*i->is_used));
    *ret_error = find_parts(i);
    int r = *ret_error ? -ENOENT : sandbox_filter_make(&i->filter, &i->common.filter_len);
    if (r < 0) {
        if (!*ret_error)
            *ret_error =
                format("sandbox: the filter of system calls can't be made: %s", strerror(-r));
        isolation_free(i);
        return r;
    }
    i->common.init = i->init;
    i->common.filter = i->filter;
    make_users(i);
    i->common.stage = i->stage;
    i->common.pool_max = c->sandbox_pool;
    i->common.pool_idle_ms = c->sandbox_pool_idle_ms;
    mark_used(i);
    *ret = i;
    return 0;
}

struct isolation *isolation_free(struct isolation *i)
{
    if (!i)
        return NULL;
    free(i->bwrap);
    free(i->init);
    free(i->filter);
    free(i->passwd);
    free(i->group);
    free(i->is_used);
    pthread_mutex_destroy(&i->lock);
    free(i);
    return NULL;
}

const struct config_profile *isolation_profile(const struct isolation *i)
{
    return i->profile;
}

static const char *first_missing(const struct config_strings *paths)
{
    for (size_t k = 0; k < paths->n; k++)
        if (access(paths->v[k], F_OK) < 0)
            return paths->v[k];
    return NULL;
}

const char *isolation_missing(const struct isolation *i)
{
    const char *path = first_missing(&i->profile->writable);
    return path ? path : first_missing(&i->profile->allow_write_roots);
}

const struct keeper_sandbox *isolation_common(const struct isolation *i)
{
    return &i->common;
}

static void copy_strings(char ***to, const struct config_strings *from)
{
    strv_free(*to);
    *to = strv_copy(from->v);
}

static enum spec_network network_of(const struct config_profile *p)
{
    switch (p->network) {
    case CONFIG_NETWORK_NONE:
        return SPEC_NETWORK_NONE;
    case CONFIG_NETWORK_PROXY:
        return SPEC_NETWORK_PROXY;
    case CONFIG_NETWORK_HOST:
        return SPEC_NETWORK_HOST;
    }
    abort();
}

/* What is mounted must be what was looked at; what is hidden is not there to be compared. */
static void add_checks(struct spec_sandbox *s, const struct sandbox_paths *asked)
{
    size_t n = 0;
    strv_free(s->checks);
    s->checks = xcalloc(asked->n + 1, sizeof(char *));
    for (size_t i = 0; i < asked->n; i++)
        if (asked->v[i].how != SANDBOX_HIDDEN)
            s->checks[n++] = format("%llu:%llu:%s", (unsigned long long)asked->v[i].dev,
                                    (unsigned long long)asked->v[i].ino, asked->v[i].path);
}

struct spec_sandbox *isolation_make(const struct isolation *i, const char *workspace, uint64_t uid,
                                    const struct sandbox_paths *asked)
{
    const struct config_profile *p = i->profile;
    const struct sandbox_wrap w = {
        .profile = p,
        .bwrap = i->bwrap,
        .workspace = i->stage ? i->stage : workspace,
        .state_dir = i->config->state_dir,
        .config_file = i->config->config_file,
        .asked = asked,
    };
    struct spec_sandbox *s = spec_sandbox_new();

    s->profile = xstrdup(p->name);
    s->workspace = xstrdup(workspace);
    s->uid = uid;
    s->can_pool = !asked || asked->n == 0;
    s->network = network_of(p);
    copy_strings(&s->allowed_domains, &p->allowed_domains);
    copy_strings(&s->denied_domains, &p->denied_domains);
    copy_strings(&s->allowed_ports, &p->allowed_ports);
    copy_strings(&s->allowed_addresses, &p->allowed_addresses);
    strv_free(s->wrap);
    s->wrap = sandbox_wrap_make(&w);
    if (asked)
        add_checks(s, asked);
    return s;
}
