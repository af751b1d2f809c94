#include "config/help.h"

#include <yaml.h>

#include "config/schema.h"
#include "config/wrap.h"

#define TEXT_PREFIX "          "

static const char *metavar(const struct config_key *k)
{
    if (k->type == CONFIG_T_BOOL)
        return NULL;
    if (k->metavar)
        return k->metavar;
    if (k->type == CONFIG_T_DURATION)
        return "TIME";
    return k->type == CONFIG_T_SIZE ? "SIZE" : "N";
}

static void write_flag(FILE *f, char letter, const char *flag, const char *takes)
{
    if (letter)
        (void)fprintf(f, "  -%c, ", letter);
    else
        (void)fputs("      ", f);
    (void)fprintf(f, "--%s%s%s\n", flag, takes ? " " : "", takes ? takes : "");
}

static void write_key(FILE *f, const struct config_key *k)
{
    CLEANUP(mem_free_p)
    char *names = mem_format("(%s%s%s; default: %s)", k->path, k->variable ? ", " : "",
                             k->variable ? k->variable : "", k->preset ? k->preset : k->absent);
    write_flag(f, k->letter, k->flag, metavar(k));
    wrap_write(f, TEXT_PREFIX, k->help);
    wrap_write(f, TEXT_PREFIX, names);
}

static void write_section(FILE *f, const struct config_section *s)
{
    bool has_title = false;
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        if (!k->flag || !config_key_is_in(k, s))
            continue;
        if (!has_title)
            (void)fprintf(f, "\n%s:\n", s->title);
        has_title = true;
        write_key(f, k);
    }
}

void help_write(FILE *f)
{
    (void)fputs("Usage: mcp-execd [FLAG]...\n\n", f);
    wrap_write(f, "",
               "An MCP server that runs commands and code for AI agents as asynchronous "
               "subprocesses. Flags win over the environment, the environment over the "
               "file, the file over the defaults.");
    for (size_t i = 0; i < config_n_sections; i++)
        write_section(f, &config_sections[i]);
    (void)fputs("\nThe configuration itself:\n", f);
    for (size_t i = 0; i < config_n_commands; i++) {
        const struct config_command *c = &config_commands[i];
        write_flag(f, c->letter, c->flag, c->metavar);
        wrap_write(f, TEXT_PREFIX, c->help);
    }
    (void)fputc('\n', f);
    wrap_write(f, "",
               "Times are 500ms, 10s, 5m, 1h, 7d; a plain number is seconds. Sizes are 4096, "
               "64KiB, 10MB, 1GiB. Every key can stand in the file or behind --set; "
               "--print-config shows them all.");
    (void)fputs("\nExit status: 0 done, 1 failed at run time, 2 bad configuration or usage.\n", f);
}

void help_write_version(FILE *f)
{
    (void)fprintf(f, "mcp-execd %s (libyaml %s)\n", MCP_EXECD_VERSION, yaml_get_version_string());
}
