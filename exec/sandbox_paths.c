#include "exec/sandbox_paths.h"

#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

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

bool sandbox_path_is_below(const char *path, const char *root)
{
    size_t len = strlen(root);
    if (strcmp(root, "/") == 0)
        return path[0] == '/';
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
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

char *sandbox_path_shown(const char *source, const char *inside, const char *secret)
{
    char *shown;

    if (!sandbox_path_is_below(secret, source))
        return NULL;
    const char *rest = secret + (strcmp(source, "/") == 0 ? 0 : strlen(source));
    if (asprintf(&shown, "%s%s", strcmp(inside, "/") == 0 ? "" : inside, rest) < 0)
        abort();
    return shown;
}
