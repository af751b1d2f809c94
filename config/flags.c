#include "config/flags.h"

/* Where the reading of argv stands. */
struct cursor {
    char *const *argv; /* the next argument, NULL at the end */
    struct config_flags *flags;
    struct config_report *report;
};

/* One argument: "--port=80", "--port", "-p80", "-p". */
struct argument {
    const struct config_key *key; /* one of these two */
    const struct config_command *command;
    const char *value; /* what is attached; NULL: nothing */
    char *flag;        /* owned: as it is written, without the value */
};

static void argument_deinit(struct argument *a)
{
    free(a->flag);
}

PRINTF_LIKE(3, 4)
static void complain(struct cursor *c, const char *flag, const char *fmt, ...)
{
    struct config_origin o = {.kind = ORIGIN_FLAG, .name = flag};
    CLEANUP(mem_free_p) char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    report_error(c->report, &o, "%s", text);
}

static bool find_long(struct argument *a, const char *name)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        if (config_keys[i].flag && strcmp(config_keys[i].flag, name) == 0)
            a->key = &config_keys[i];
    }
    for (size_t i = 0; i < config_n_commands; i++) {
        if (strcmp(config_commands[i].flag, name) == 0)
            a->command = &config_commands[i];
    }
    return a->key || a->command;
}

static bool find_short(struct argument *a, char letter)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        if (config_keys[i].letter == letter)
            a->key = &config_keys[i];
    }
    for (size_t i = 0; i < config_n_commands; i++) {
        if (config_commands[i].letter == letter)
            a->command = &config_commands[i];
    }
    return a->key || a->command;
}

static bool parse_long(struct cursor *c, const char *text, struct argument *a)
{
    const char *equals = strchr(text, '=');
    a->flag = mem_strndup(text, equals ? (size_t)(equals - text) : strlen(text));
    a->value = equals ? equals + 1 : NULL;
    if (find_long(a, a->flag + 2))
        return true;
    const char *near = config_flag_nearest(a->flag + 2);
    complain(c, a->flag, "unknown flag; %s%s%s", near ? "did you mean --" : "see --help",
             near ? near : "", near ? "?" : "");
    if (!a->value && *c->argv && **c->argv != '-')
        c->argv++; /* its value, most likely: not worth a second error */
    return false;
}

static bool parse_argument(struct cursor *c, const char *text, struct argument *a)
{
    if (strncmp(text, "--", 2) == 0 && text[2])
        return parse_long(c, text, a);
    if (text[0] != '-' || !text[1] || text[1] == '-') {
        complain(c, text, "not a flag; see --help");
        return false;
    }
    a->flag = mem_strndup(text, 2);
    a->value = text[2] ? text + 2 : NULL;
    if (find_short(a, text[1]))
        return true;
    complain(c, a->flag, "unknown flag; see --help");
    return false;
}

static void assign(struct config_flags *f, const struct config_key *k, const char *path,
                   const char *value, struct argument *a)
{
    f->assignments[f->n_assignments++] = (struct config_assignment){
        .key = k,
        .path = mem_strdup(path),
        .value = value,
        .origin = {.kind = ORIGIN_FLAG, .name = a->flag},
        .flag = a->flag,
    };
    a->flag = NULL;
}

/* A key whose entries have names: exec.runtimes.<language>, sandbox.profiles.<name>.<field>. */
static const struct config_key *find_table(const char *path)
{
    static const char *const tables[] = {"exec.runtimes", "sandbox.profiles"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        size_t len = strlen(tables[i]);
        if (strncmp(path, tables[i], len) == 0 && path[len] == '.')
            return config_key_get(tables[i]);
    }
    return NULL;
}

/* --set section.key=value */
static void assign_any(struct cursor *c, struct argument *a)
{
    char *equals = strchr(a->value, '=');
    if (!equals) {
        complain(c, a->flag, "%s has no value; write KEY=VALUE", a->value);
        return;
    }
    CLEANUP(mem_free_p) char *path = mem_strndup(a->value, (size_t)(equals - a->value));
    const struct config_key *k = config_key_find(path);
    if (!k)
        k = find_table(path);
    if (k) {
        assign(c->flags, k, path, equals + 1, a);
        return;
    }
    const char *near = config_key_nearest(path);
    complain(c, a->flag, "unknown key %s%s%s%s", path, near ? "; did you mean " : "",
             near ? near : "; see --print-config", near ? "?" : "");
}

static void run_command(struct cursor *c, struct argument *a)
{
    struct config_flags *f = c->flags;
    const char *name = a->command->flag;
    if (strcmp(name, "config") == 0)
        f->file = a->value;
    else if (strcmp(name, "set") == 0)
        assign_any(c, a);
    else if (strcmp(name, "check-config") == 0)
        f->is_check = true;
    else if (strcmp(name, "print-config") == 0)
        f->is_print = true;
    else if (strcmp(name, "doctor") == 0)
        f->is_doctor = true;
    else if (strcmp(name, "nginx") == 0)
        f->nginx = a->value;
    else if (strcmp(name, "help") == 0)
        f->is_help = true;
    else
        f->is_version = true;
}

static void read_argument(struct cursor *c, const char *text)
{
    CLEANUP(argument_deinit) struct argument a = {0};
    if (!parse_argument(c, text, &a))
        return;
    bool takes_value = a.key ? a.key->type != CONFIG_T_BOOL : a.command->metavar != NULL;
    if (takes_value && !a.value) {
        if (!*c->argv) {
            complain(c, a.flag, "needs a value; see --help");
            return;
        }
        a.value = *c->argv++;
    }
    if (a.command && !takes_value && a.value)
        complain(c, a.flag, "takes no value");
    else if (a.command)
        run_command(c, &a);
    else
        assign(c->flags, a.key, a.key->path, a.value ? a.value : "true", &a);
}

void flags_init(struct config_flags *f, int argc, char *const *argv, struct config_report *report)
{
    *f = (struct config_flags){0};
    f->assignments = mem_calloc((size_t)argc + 1, sizeof(*f->assignments));
    struct cursor c = {.argv = argc > 0 ? argv + 1 : argv, .flags = f, .report = report};
    while (*c.argv)
        read_argument(&c, *c.argv++);
}

void flags_deinit(struct config_flags *f)
{
    for (size_t i = 0; i < f->n_assignments; i++) {
        free(f->assignments[i].path);
        free(f->assignments[i].flag);
    }
    free(f->assignments);
}
