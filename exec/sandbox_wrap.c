#include "exec/sandbox_wrap.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "exec/init/init_wire.h"

struct argv {
    char **v; /* owned */
    size_t n, cap;
};

static void add(struct argv *a, const char *s)
{
    if (a->n + 1 >= a->cap) {
        a->cap = a->cap ? 2 * a->cap : 64;
        a->v = realloc(a->v, a->cap * sizeof(*a->v));
        if (!a->v)
            abort();
    }
    a->v[a->n++] = xstrdup(s);
    a->v[a->n] = NULL;
}

static void add_number(struct argv *a, uint64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    add(a, text);
}

#define ADD(a, ...)                                      \
    do {                                                 \
        const char *const words[] = {__VA_ARGS__};       \
        for (size_t i_ = 0; i_ < ARRAY_LEN(words); i_++) \
            add(a, words[i_]);                           \
    } while (0)

/* ---- paths ---- */

static bool is_below_any(const char *path, const struct config_strings *roots)
{
    for (size_t i = 0; i < roots->n; i++)
        if (sandbox_path_is_below(path, roots->v[i]))
            return true;
    return false;
}

bool sandbox_wrap_sees(const struct config_profile *p, const char *path)
{
    CLEANUP(free_p) char *real = realpath(path, NULL);
    const char *const both[] = {path, real};

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        if (!both[i] || is_below_any(both[i], &p->hidden) ||
            !(is_below_any(both[i], &p->read_only) || is_below_any(both[i], &p->writable)))
            return false;
    }
    return true;
}

static void add_one(struct sandbox_paths *p, enum sandbox_mount how, const char *path)
{
    sandbox_paths_add(p, &(struct sandbox_path){.how = how, .path = (char *)(uintptr_t)path});
}

static void add_all(struct sandbox_paths *p, enum sandbox_mount how, const struct config_strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        add_one(p, how, s->v[i]);
}

/* Parents first: they are shorter. At the same path, what takes away comes last. */
static int by_depth(const void *a, const void *b)
{
    const struct sandbox_path *x = a, *y = b;
    size_t xn = strlen(x->path), yn = strlen(y->path);
    if (xn != yn)
        return xn < yn ? -1 : 1;
    int r = strcmp(x->path, y->path);
    return r ? r : (int)x->how - (int)y->how;
}

/* Of sorted ones: it lies in a hidden one, where nothing can be mounted any more. */
static bool is_hidden_already(const struct sandbox_paths *p, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (p->v[j].how == SANDBOX_HIDDEN && sandbox_path_is_below(p->v[i].path, p->v[j].path))
            return true;
    return false;
}

/* ---- arguments ---- */

/* /bin that is usr/bin stays a link; programs look at that. False: it is none, or leads to what is
 * not there. */
static bool is_kept_link(const struct config_profile *p, const char *path, char target[PATH_MAX])
{
    ssize_t n = readlink(path, target, PATH_MAX - 1);
    CLEANUP(free_p) char *real = n > 0 ? realpath(path, NULL) : NULL;

    if (!real || strcmp(real, path) == 0 ||
        !(is_below_any(real, &p->read_only) || is_below_any(real, &p->writable)))
        return false;
    target[n] = '\0';
    return true;
}

static void add_hidden(struct argv *a, const char *path, bool is_directory)
{
    if (is_directory)
        ADD(a, "--perms", "0555", "--size", "4096", "--tmpfs", path, "--remount-ro", path);
    else /* without devices on it, so that it can't even be opened */
        ADD(a, "--ro-bind", "/dev/null", path);
}

static void add_path(struct argv *a, const struct config_profile *p, const struct sandbox_path *m)
{
    char target[PATH_MAX];
    struct stat st;

    if (stat(m->path, &st) < 0)
        return; /* it isn't there: nothing to grant or to hide */
    switch (m->how) {
    case SANDBOX_READ_ONLY:
        if (is_kept_link(p, m->path, target))
            ADD(a, "--symlink", target, m->path);
        else
            ADD(a, "--ro-bind", m->path, m->path);
        break;
    case SANDBOX_WRITABLE:
        ADD(a, "--bind", m->path, m->path);
        break;
    case SANDBOX_HIDDEN:
        if (sandbox_path_is_reachable(m->path))
            add_hidden(a, m->path, S_ISDIR(st.st_mode));
        break;
    }
}

/* ---- what nobody is to see ---- */

/* By their real paths; what isn't there is left out. NULL-terminated. */
static char **find_secrets(const struct sandbox_wrap *w)
{
    const struct config_strings *hidden = &w->profile->hidden;
    char **secrets = xcalloc(hidden->n + 3, sizeof(*secrets));
    size_t n = 0;

    for (size_t i = 0; i < hidden->n; i++)
        if ((secrets[n] = realpath(hidden->v[i], NULL)))
            n++;
    /* What the service has is not for commands, which may be of its own user. */
    if (w->state_dir && (secrets[n] = realpath(w->state_dir, NULL)))
        n++;
    if (w->config_file && (secrets[n] = realpath(w->config_file, NULL)))
        n++;
    return secrets;
}

/* Hides them in what is bound from and to `path`. What lies in one itself the operator may grant by
 * name, but no call. */
static void hide_in(struct sandbox_paths *paths, const char *path, char *const *secrets,
                    bool is_of_call)
{
    CLEANUP(free_p) char *real = *secrets ? realpath(path, NULL) : NULL;

    for (; real && *secrets; secrets++) {
        CLEANUP(free_p) char *shown = sandbox_path_shown(real, path, *secrets);
        if (shown)
            add_one(paths, SANDBOX_HIDDEN, shown);
        else if (is_of_call && sandbox_path_is_below(real, *secrets))
            add_one(paths, SANDBOX_HIDDEN, path);
    }
}

/* What is not there on the host, or not the host's. */
static void add_own(struct argv *a, const struct config_profile *p)
{
    ADD(a, "--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size");
    add_number(a, p->tmp_bytes);
    ADD(a, "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--perms", "1777", "--size");
    add_number(a, p->tmp_bytes);
    ADD(a, "--tmpfs", "/tmp");
}

/* What is the sandbox's own lies over the host's root, and below all else. */
static void add_profile_paths(struct argv *a, const struct sandbox_wrap *w, char *const *secrets)
{
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths paths = {0};
    const struct config_profile *p = w->profile;
    char target[PATH_MAX];

    add_all(&paths, SANDBOX_READ_ONLY, &p->read_only);
    add_all(&paths, SANDBOX_WRITABLE, &p->writable);
    for (size_t n = paths.n, k = 0; k < n; k++)
        if (paths.v[k].how == SANDBOX_WRITABLE || !is_kept_link(p, paths.v[k].path, target))
            hide_in(&paths, paths.v[k].path, secrets, false);
    if (paths.n > 0)
        qsort(paths.v, paths.n, sizeof(*paths.v), by_depth);
    size_t i = 0;
    for (; i < paths.n && strcmp(paths.v[i].path, "/") == 0; i++)
        add_path(a, p, &paths.v[i]);
    add_own(a, p);
    for (; i < paths.n; i++)
        if (paths.v[i].how != SANDBOX_HIDDEN || !is_hidden_already(&paths, i))
            add_path(a, p, &paths.v[i]);
}

static void add_namespaces(struct argv *a, const struct config_profile *p)
{
    ADD(a, "--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent",
        "--new-session", "--as-pid-1", "--cap-drop", "ALL", "--hostname", "sandbox");
    if (p->network == CONFIG_NETWORK_HOST)
        add(a, "--share-net");
    add(a, "--uid");
    add_number(a, p->uid);
    add(a, "--gid");
    add_number(a, p->uid);
}

/* Where a path of the call lies for bwrap, which must find what it binds. */
static char *source_of(const struct sandbox_wrap *w, const char *path)
{
    char *source;
    if (!sandbox_path_is_below(path, SANDBOX_WORKSPACE))
        return xstrdup(path);
    if (asprintf(&source, "%s%s", w->workspace, path + strlen(SANDBOX_WORKSPACE)) < 0)
        abort();
    return source;
}

static void add_asked(struct argv *a, const struct sandbox_wrap *w, const struct sandbox_path *m)
{
    CLEANUP(free_p) char *source = source_of(w, m->path);

    switch (m->how) {
    case SANDBOX_READ_ONLY:
        ADD(a, "--ro-bind", source, m->path);
        break;
    case SANDBOX_WRITABLE:
        ADD(a, "--bind", source, m->path);
        break;
    case SANDBOX_HIDDEN:
        add_hidden(a, m->path, m->is_directory);
        break;
    }
}

static bool is_hidden_by(const struct sandbox_paths *asked, const char *path)
{
    for (size_t i = 0; i < asked->n; i++)
        if (asked->v[i].how == SANDBOX_HIDDEN && sandbox_path_is_below(path, asked->v[i].path))
            return true;
    return false;
}

/* No call makes visible what is hidden. */
static void hide_again(struct argv *a, const struct sandbox_wrap *w, char *const *secrets)
{
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths paths = {0};

    for (size_t i = 0; i < w->asked->n; i++) {
        const struct sandbox_path *m = &w->asked->v[i];
        if (m->how != SANDBOX_HIDDEN && !sandbox_path_is_below(m->path, SANDBOX_WORKSPACE))
            hide_in(&paths, m->path, secrets, true);
    }
    if (paths.n > 0)
        qsort(paths.v, paths.n, sizeof(*paths.v), by_depth);
    for (size_t i = 0; i < paths.n; i++)
        if (!is_hidden_by(w->asked, paths.v[i].path) && !is_hidden_already(&paths, i))
            add_path(a, w->profile, &paths.v[i]);
}

static bool is_named(const char *path, const struct config_strings *paths)
{
    for (size_t i = 0; i < paths->n; i++)
        if (strcmp(path, paths->v[i]) == 0)
            return true;
    return false;
}

static bool is_asked_for(const struct sandbox_paths *asked, const char *path)
{
    for (size_t i = 0; i < asked->n; i++)
        if (strcmp(asked->v[i].path, path) == 0)
            return true;
    return is_hidden_by(asked, path);
}

/* Who is who in there: its own user, whom the host does not know or calls by another's name. A
 * profile that names the host's file itself has that. Last, since bwrap can't mount anything on a
 * file of this kind. */
static void add_user_file(struct argv *a, const struct sandbox_wrap *w, int fd, const char *path)
{
    const struct config_profile *p = w->profile;
    struct stat st;

    if (is_below_any(path, &p->hidden) || is_named(path, &p->read_only) ||
        is_named(path, &p->writable) || (w->asked && is_asked_for(w->asked, path)))
        return;
    if ((is_below_any(path, &p->read_only) || is_below_any(path, &p->writable)) &&
        (lstat(path, &st) < 0 || !S_ISREG(st.st_mode)))
        return; /* nothing to mount it on */
    ADD(a, "--perms", "0444", "--ro-bind-data");
    add_number(a, (uint64_t)fd);
    add(a, path);
}

char **sandbox_wrap_make(const struct sandbox_wrap *w)
{
    CLEANUP(strv_freep) char **secrets = find_secrets(w);
    struct argv a = {0};

    add(&a, w->bwrap);
    add_namespaces(&a, w->profile);
    add_profile_paths(&a, w, secrets);
    ADD(&a, "--bind", w->workspace, SANDBOX_WORKSPACE);
    for (size_t i = 0; w->asked && i < w->asked->n; i++)
        add_asked(&a, w, &w->asked->v[i]);
    if (w->asked)
        hide_again(&a, w, secrets);
    add_user_file(&a, w, INIT_PASSWD_FD, "/etc/passwd");
    add_user_file(&a, w, INIT_GROUP_FD, "/etc/group");
    ADD(&a, "--remount-ro", "/", "--chdir", "/");
    return a.v;
}
