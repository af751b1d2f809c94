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

bool sandbox_path_is_below(const char *path, const char *root)
{
    size_t len = strlen(root);
    if (strcmp(root, "/") == 0)
        return path[0] == '/';
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

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

void sandbox_paths_deinit(struct sandbox_paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->v[i].path);
    free(p->v);
    *p = (struct sandbox_paths){0};
}

void sandbox_paths_add(struct sandbox_paths *p, const struct sandbox_path *path)
{
    p->v = realloc(p->v, (p->n + 1) * sizeof(*p->v));
    if (!p->v)
        abort();
    p->v[p->n] = *path;
    p->v[p->n++].path = xstrdup(path->path);
}

static bool is_covered(const struct sandbox_paths *p, size_t i)
{
    for (size_t j = 0; j < p->n; j++) {
        const struct sandbox_path *cover = &p->v[j];
        bool is_same = strcmp(p->v[i].path, cover->path) == 0;
        if (j != i && cover->how == SANDBOX_HIDDEN &&
            (is_same ? j < i || p->v[i].how != SANDBOX_HIDDEN
                     : sandbox_path_is_below(p->v[i].path, cover->path)))
            return true;
    }
    return false;
}

void sandbox_paths_drop_hidden(struct sandbox_paths *p)
{
    CLEANUP(free_p) bool *goes = xcalloc(p->n + 1, sizeof(*goes));
    size_t kept = 0;

    for (size_t i = 0; i < p->n; i++)
        goes[i] = is_covered(p, i);
    for (size_t i = 0; i < p->n; i++) {
        if (goes[i])
            free(p->v[i].path);
        else
            p->v[kept++] = p->v[i];
    }
    p->n = kept;
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

bool sandbox_path_is_reachable(const char *path)
{
    if (geteuid() != 0)
        return access(path, F_OK) == 0;
    CLEANUP(free_p) char *parent = xstrdup(path);
    for (char *slash; (slash = strrchr(parent, '/')) && slash != parent;) {
        struct stat st;
        *slash = '\0';
        if (stat(parent, &st) < 0 || !(st.st_mode & S_IXOTH))
            return false; /* commands run as somebody else then */
    }
    return true;
}

/* ---- arguments ---- */

/* /bin that is usr/bin stays a link; programs look at that. */
static bool add_link(struct argv *a, const struct config_profile *p, const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    CLEANUP(free_p) char *real = n > 0 ? realpath(path, NULL) : NULL;

    if (!real || strcmp(real, path) == 0 ||
        !(is_below_any(real, &p->read_only) || is_below_any(real, &p->writable)))
        return false;
    target[n] = '\0';
    ADD(a, "--symlink", target, path);
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
    struct stat st;

    if (stat(m->path, &st) < 0)
        return; /* it isn't there: nothing to grant or to hide */
    switch (m->how) {
    case SANDBOX_READ_ONLY:
        if (!add_link(a, p, m->path))
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

/* What the service has there is not for commands, which may be of its own user. */
static void add_service(struct sandbox_paths *paths, const struct config_profile *p,
                        const char *path)
{
    if (path && (is_below_any(path, &p->read_only) || is_below_any(path, &p->writable)))
        add_one(paths, SANDBOX_HIDDEN, path);
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
static void add_profile_paths(struct argv *a, const struct sandbox_wrap *w)
{
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths paths = {0};
    const struct config_profile *p = w->profile;

    add_all(&paths, SANDBOX_READ_ONLY, &p->read_only);
    add_all(&paths, SANDBOX_WRITABLE, &p->writable);
    for (size_t i = 0; i < p->hidden.n; i++)
        if (is_below_any(p->hidden.v[i], &p->read_only) ||
            is_below_any(p->hidden.v[i], &p->writable))
            add_one(&paths, SANDBOX_HIDDEN, p->hidden.v[i]);
    add_service(&paths, p, w->state_dir);
    add_service(&paths, p, w->config_file);
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

/* Whether something that a call asked for lies over it now, or in it. */
static bool is_uncovered(const struct sandbox_paths *asked, const char *path)
{
    bool is_asked_for = false;

    for (size_t i = 0; i < asked->n; i++) {
        const struct sandbox_path *m = &asked->v[i];
        bool is_in_it = sandbox_path_is_below(path, m->path);
        if (m->how == SANDBOX_HIDDEN && is_in_it)
            return false;
        is_asked_for = is_asked_for || (m->how != SANDBOX_HIDDEN &&
                                        (is_in_it || sandbox_path_is_below(m->path, path)));
    }
    return is_asked_for;
}

/* No call makes visible what is hidden. */
static void hide_again(struct argv *a, const struct sandbox_wrap *w)
{
    CLEANUP(sandbox_paths_deinit) struct sandbox_paths paths = {0};

    add_all(&paths, SANDBOX_HIDDEN, &w->profile->hidden);
    if (w->state_dir)
        add_one(&paths, SANDBOX_HIDDEN, w->state_dir);
    if (w->config_file)
        add_one(&paths, SANDBOX_HIDDEN, w->config_file);
    if (paths.n > 0)
        qsort(paths.v, paths.n, sizeof(*paths.v), by_depth);
    for (size_t i = 0; i < paths.n; i++)
        if (is_uncovered(w->asked, paths.v[i].path) && !is_hidden_already(&paths, i))
            add_path(a, w->profile, &paths.v[i]);
}

static bool is_named(const char *path, const struct config_strings *paths)
{
    for (size_t i = 0; i < paths->n; i++)
        if (strcmp(path, paths->v[i]) == 0)
            return true;
    return false;
}

/* By the call: named, or in something that it hides. */
static bool is_asked_for(const struct sandbox_wrap *w, const char *path)
{
    for (size_t i = 0; w->asked && i < w->asked->n; i++) {
        const struct sandbox_path *m = &w->asked->v[i];
        if (strcmp(m->path, path) == 0 ||
            (m->how == SANDBOX_HIDDEN && sandbox_path_is_below(path, m->path)))
            return true;
    }
    return false;
}

/* Who is who in there: its own user, whom the host does not know or calls by another's name. A
 * profile that names the host's file itself has that. Last, since bwrap can't mount anything on a
 * file of this kind. */
static void add_user_file(struct argv *a, const struct sandbox_wrap *w, int fd, const char *path)
{
    const struct config_profile *p = w->profile;
    struct stat st;

    if (is_below_any(path, &p->hidden) || is_named(path, &p->read_only) ||
        is_named(path, &p->writable) || is_asked_for(w, path))
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
    struct argv a = {0};

    add(&a, w->bwrap);
    add_namespaces(&a, w->profile);
    add_profile_paths(&a, w);
    ADD(&a, "--bind", w->workspace, SANDBOX_WORKSPACE);
    for (size_t i = 0; w->asked && i < w->asked->n; i++)
        add_asked(&a, w, &w->asked->v[i]);
    if (w->asked)
        hide_again(&a, w);
    add_user_file(&a, w, INIT_PASSWD_FD, "/etc/passwd");
    add_user_file(&a, w, INIT_GROUP_FD, "/etc/group");
    ADD(&a, "--remount-ro", "/", "--chdir", "/");
    return a.v;
}
