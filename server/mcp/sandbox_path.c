#include "server/mcp/sandbox_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "exec/sandbox_wrap.h"
#include "state/base/buf.h"
#include "state/base/fd.h"

#define LOOKED_AT_MAX 20000u

/* Where a path lies: `rest` of it below a directory that the operator named, or the workspace. */
struct base {
    enum sandbox_place place;
    const char *inside, *host; /* borrowed */
    const char *rest;          /* borrowed from the path; "" is the directory itself */
};

/* A pattern's way down. */
struct walk {
    const struct base *base;
    struct sandbox_targets *found;
};

void sandbox_targets_deinit(struct sandbox_targets *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->v[i].path);
    free(t->v);
    *t = (struct sandbox_targets){0};
}

static char *add(struct sandbox_targets *t, const struct base *b, const char *path,
                 const struct stat *st)
{
    if (t->n == SANDBOX_TARGETS_MAX)
        return xstrdup("names, with the others, more than 256 paths: name directories instead");
    t->v = realloc(t->v, (t->n + 1) * sizeof(*t->v));
    if (!t->v)
        abort();
    t->v[t->n++] = (struct sandbox_target){
        .place = b->place,
        .path = xstrdup(path),
        .is_directory = S_ISDIR(st->st_mode),
        .dev = st->st_dev,
        .ino = st->st_ino,
    };
    return NULL;
}

/* ---- one form ---- */

/* Absolute, without empty names and dots. NULL: *ret_error says why not. */
static char *normalise(const char *text, char **ret_error)
{
    struct buf b = {0};
    bool is_home = text[0] == '~' && (text[1] == '/' || text[1] == '\0');

    if (text[0] == '\0' || (text[0] == '~' && !is_home) || strlen(text) >= PATH_MAX / 2) {
        *ret_error = xstrdup(text[0] == '~' ? "is of another user: only ~ and ~/… are known"
                             : text[0]      ? "is too long"
                                            : "is empty");
        return NULL;
    }
    if (is_home || text[0] != '/')
        buf_append_str(&b, SANDBOX_WORKSPACE);
    for (const char *at = text + is_home; *at;) {
        size_t len = strcspn(at, "/");
        if (len == 2 && at[0] == '.' && at[1] == '.') {
            *ret_error = xstrdup("has \"..\": write the path without it");
            buf_deinit(&b);
            return NULL;
        }
        if (len > 0 && !(len == 1 && at[0] == '.')) {
            buf_append_char(&b, '/');
            buf_append(&b, at, len);
        }
        at += len + (at[len] == '/');
    }
    if (b.len == 0)
        buf_append_char(&b, '/');
    return buf_steal(&b);
}

static void offer(struct base *b, const char *path, enum sandbox_place place, const char *inside,
                  const char *host)
{
    if (!sandbox_path_is_below(path, inside) || (b->inside && strlen(inside) < strlen(b->inside)))
        return;
    const char *rest = strcmp(inside, "/") == 0 ? path : path + strlen(inside);
    *b = (struct base){
        .place = place, .inside = inside, .host = host, .rest = rest + (*rest == '/')};
}

static void offer_all(struct base *b, const char *path, enum sandbox_place place,
                      const struct config_strings *roots)
{
    for (size_t i = 0; i < roots->n; i++)
        offer(b, path, place, roots->v[i], roots->v[i]);
}

/* The deepest wins; of the same, the last one here. */
static struct base find_base(const struct sandbox_scope *s, const char *path)
{
    struct base b = {.place = SANDBOX_PLACE_NONE};
    offer_all(&b, path, SANDBOX_PLACE_READABLE, &s->profile->read_only);
    offer_all(&b, path, SANDBOX_PLACE_ROOT, &s->profile->allow_write_roots);
    offer_all(&b, path, SANDBOX_PLACE_WRITABLE, &s->profile->writable);
    offer(&b, path, SANDBOX_PLACE_WRITABLE, SANDBOX_WORKSPACE, s->home);
    return b;
}

/* ---- paths without a pattern ---- */

static char *find_outcome(int error)
{
    char *text = NULL;
    if (error == ENOENT || error == ENOTDIR)
        return NULL; /* it isn't there */
    if (error == ELOOP || error == EXDEV)
        return xstrdup("is a symbolic link, or leads through one: name what it points to");
    if (asprintf(&text, "can't be looked at: %s", strerror(error)) < 0)
        abort();
    return text;
}

static char *find_below(const struct base *b, const char *path, struct sandbox_targets *ret)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    CLEANUP(fd_closep) int root = open(b->host, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (root < 0)
        return find_outcome(errno);
    CLEANUP(fd_closep)
    int fd = (int)syscall(SYS_openat2, root, *b->rest ? b->rest : ".", &how, sizeof(how));
    if (fd < 0 || fstat(fd, &st) < 0)
        return find_outcome(errno);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return xstrdup("is neither a file nor a directory");
    return add(ret, b, path, &st);
}

/* Nobody in a sandbox can change links there: they are followed, to where it can be mounted. */
static char *find_readable(const struct sandbox_scope *s, const char *path,
                           struct sandbox_targets *ret)
{
    CLEANUP(free_p) char *real = realpath(path, NULL);
    struct stat st;

    if (!real || stat(real, &st) < 0)
        return find_outcome(errno);
    struct base b = find_base(s, real);
    if (b.place != SANDBOX_PLACE_READABLE)
        return NULL; /* it leads to what isn't there inside */
    return add(ret, &b, real, &st);
}

/* ---- patterns ---- */

static bool has_pattern(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] == '*' || s[i] == '?' || s[i] == '[')
            return true;
    return false;
}

static char *walk_down(struct walk *w, int dir, const char *path, const char *rest);

/* `name` is one that the first component of the pattern means; `rest` begins behind that. */
static char *enter(struct walk *w, int dir, const char *path, const char *name, const char *rest)
{
    struct stat st;
    CLEANUP(free_p) char *at = NULL;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return find_outcome(errno);
    if (asprintf(&at, "%s/%s", strcmp(path, "/") == 0 ? "" : path, name) < 0)
        abort();
    if (*rest == '\0')
        return S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) ? add(w->found, w->base, at, &st) : NULL;
    if (!S_ISDIR(st.st_mode))
        return NULL;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? find_outcome(errno) : walk_down(w, fd, at, rest);
}

static char *enter_matching(struct walk *w, DIR *d, const char *path, const char *component,
                            const char *rest)
{
    char *error = NULL;
    for (const struct dirent *e; !error && (e = readdir(d));) {
        if (w->found->looked_at++ == LOOKED_AT_MAX)
            return xstrdup("looks at too many files: narrow the pattern");
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            fnmatch(component, e->d_name, FNM_PERIOD) == 0)
            error = enter(w, dirfd(d), path, e->d_name, rest);
    }
    return error;
}

/* Takes dir. As deep as the pattern has names. */
static char *walk_down(struct walk *w, int dir, const char *path, const char *rest)
{
    size_t len = strcspn(rest, "/");
    CLEANUP(free_p) char *component = xstrndup(rest, len);
    const char *behind = rest + len + (rest[len] == '/');
    DIR *d = fdopendir(dir);

    if (!d) {
        int error = errno;
        (void)close(dir);
        return find_outcome(error);
    }
    char *error = has_pattern(rest, len) ? enter_matching(w, d, path, component, behind)
                                         : enter(w, dirfd(d), path, component, behind);
    (void)closedir(d);
    return error;
}

static char *find_matching(const struct base *b, struct sandbox_targets *ret)
{
    struct walk w = {.base = b, .found = ret};
    int dir = open(b->host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? find_outcome(errno) : walk_down(&w, dir, b->inside, b->rest);
}

/* ---- paths above all that is there ---- */

static bool is_above(const char *path, size_t len, const struct config_strings *roots)
{
    CLEANUP(free_p) char *above = len > 0 ? xstrndup(path, len) : xstrdup("/");
    for (size_t i = 0; i < roots->n; i++)
        if (sandbox_path_is_below(roots->v[i], above))
            return true;
    return sandbox_path_is_below(SANDBOX_WORKSPACE, above);
}

/* Of a pattern, what comes before it. */
static bool lies_above(const struct sandbox_scope *s, const char *path)
{
    const struct config_profile *p = s->profile;
    size_t len = strcspn(path, "*?[");
    if (path[len] || strcmp(path, "/") == 0)
        while (len > 0 && path[--len] != '/')
            ;
    return is_above(path, len, &p->read_only) || is_above(path, len, &p->writable) ||
           is_above(path, len, &p->allow_write_roots);
}

char *sandbox_path_find(const struct sandbox_scope *s, const char *text,
                        struct sandbox_targets *ret)
{
    char *error = NULL;
    CLEANUP(free_p) char *path = normalise(text, &error);
    if (!path)
        return error;
    const struct base b = find_base(s, path);
    if (b.place == SANDBOX_PLACE_NONE) {
        ret->is_above = ret->is_above || lies_above(s, path);
        return NULL;
    }
    if (has_pattern(b.rest, strlen(b.rest)))
        return find_matching(&b, ret);
    return b.place == SANDBOX_PLACE_READABLE ? find_readable(s, path, ret)
                                             : find_below(&b, path, ret);
}
