#include "exec/keeper/proc.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "state/base/fd.h"

/* An environment is at most a quarter of the stack limit, execve(2); with the usual 8 MiB: */
#define ENVIRON_MAX (2u * 1024 * 1024)
#define STAT_MAX    4096u

void pids_deinit(struct pids *p)
{
    free(p->v);
    *p = (struct pids){0};
}

void pids_add(struct pids *p, pid_t pid)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i] == pid)
            return;
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 16;
        p->v = realloc(p->v, p->cap * sizeof(*p->v));
        if (!p->v)
            abort();
    }
    p->v[p->n++] = pid;
}

static pid_t pid_of_name(const char *name)
{
    char *end;
    long pid = name[0] >= '1' && name[0] <= '9' ? strtol(name, &end, 10) : 0;
    return pid > 0 && *end == '\0' ? (pid_t)pid : 0;
}

int proc_each(void (*fn)(pid_t pid, void *arg), void *arg)
{
    DIR *d = opendir("/proc");
    if (!d)
        return -errno;
    for (struct dirent *e; (e = readdir(d));) {
        pid_t pid = pid_of_name(e->d_name);
        if (pid && pid != getpid())
            fn(pid, arg);
    }
    closedir(d);
    return 0;
}

bool proc_read_mark(pid_t pid, char **ret_mark)
{
    return proc_read_variable(pid, PROC_MARK, ret_mark);
}

bool proc_read_variable(pid_t pid, const char *name, char **ret_value)
{
    size_t name_len = strlen(name);
    CLEANUP(free_p) char *environment = NULL;
    char path[32];
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    if (file_read(path, ENVIRON_MAX, &environment, &len) < 0 || len == 0)
        return false;
    *ret_value = NULL;
    for (const char *p = environment; p < environment + len; p += strlen(p) + 1) {
        if (strncmp(p, name, name_len) != 0 || p[name_len] != '=')
            continue;
        *ret_value = xstrdup(p + name_len + 1);
        break;
    }
    return true;
}

struct process {
    pid_t pid, parent, group, session;
    bool is_below, is_mine;
};

struct table {
    struct process *v; /* owned; by pid */
    size_t n, cap;
    bool is_unsure;
};

/* proc_pid_stat(5): the name is in parentheses and may hold any character. */
static bool read_process(pid_t pid, struct process *ret)
{
    CLEANUP(free_p) char *text = NULL;
    char path[32], state;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (file_read(path, STAT_MAX, &text, &len) < 0)
        return false;
    const char *p = strrchr(text, ')');
    *ret = (struct process){.pid = pid};
    return p &&
           sscanf(p + 1, " %c %d %d %d", &state, &ret->parent, &ret->group, &ret->session) == 4 &&
           state != 'Z' && state != 'X';
}

static void on_process(pid_t pid, void *arg)
{
    struct table *t = arg;
    struct process p;

    if (!read_process(pid, &p))
        return;
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 256;
        t->v = realloc(t->v, t->cap * sizeof(*t->v));
        if (!t->v)
            abort();
    }
    t->v[t->n++] = p;
}

static int by_pid(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct process *parent_of(const struct table *t, const struct process *p)
{
    struct process key = {.pid = p->parent};
    return bsearch(&key, t->v, t->n, sizeof(key), by_pid);
}

static void find_below(struct table *t)
{
    pid_t self = getpid();
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < t->n; i++) {
            struct process *p = &t->v[i], *parent = parent_of(t, p);
            if (p->is_below || !(p->parent == self || (parent && parent->is_below)))
                continue;
            p->is_below = changed = true;
        }
    }
}

static bool has_mark(struct table *t, pid_t pid, const char *id)
{
    CLEANUP(free_p) char *mark = NULL;
    if (!proc_read_mark(pid, &mark))
        t->is_unsure = true;
    return mark && strcmp(mark, id) == 0;
}

static void find_mine(struct table *t, const char *id, pid_t main, bool is_only)
{
    for (size_t i = 0; i < t->n; i++) {
        struct process *p = &t->v[i];
        p->is_mine = p->is_below &&
                     (is_only || p->group == main || p->session == main || has_mark(t, p->pid, id));
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < t->n; i++) {
            struct process *p = &t->v[i], *parent = parent_of(t, p);
            if (!p->is_mine && p->is_below && parent && parent->is_mine)
                p->is_mine = changed = true;
        }
    }
}

int proc_find(const char *id, pid_t main, bool is_only, struct pids *ret)
{
    struct table t = {0};
    int r = proc_each(on_process, &t);

    if (t.n > 0)
        qsort(t.v, t.n, sizeof(*t.v), by_pid);
    find_below(&t);
    find_mine(&t, id, main, is_only);
    for (size_t i = 0; i < t.n; i++)
        if (t.v[i].is_mine)
            pids_add(ret, t.v[i].pid);
    free(t.v);
    return r < 0 ? r : t.is_unsure ? PROC_UNSURE : PROC_OK;
}

void proc_signal(const struct pids *p, int signo)
{
    for (size_t i = 0; i < p->n; i++)
        (void)kill(p->v[i], signo);
}
