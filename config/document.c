#include "config/document.h"

#include <ctype.h>

#include "config/profile.h"
#include "config/schema.h"
#include "config/units.h"
#include "config/value.h"
#include "config/wrap.h"

/* The example file. */

/* The variable and the flag of a key, "" when it has none: "SANDBOX_PORT, --port, -p". */
static char *names_of(const struct config_key *k, const char *quote)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = mem_stream(&text, &len);
    if (k->variable)
        (void)fprintf(f, "%s%s%s", quote, k->variable, quote);
    if (k->flag)
        (void)fprintf(f, "%s%s--%s%s", k->variable ? ", " : "", quote, k->flag, quote);
    if (k->letter)
        (void)fprintf(f, ", %s-%c%s", quote, k->letter, quote);
    if (fclose(f) != 0)
        abort();
    return text;
}

/* A preset of several lines is a mapping below its key. */
static void write_preset(FILE *f, const struct config_key *k)
{
    const char *name = config_key_name(k);
    if (k->type != CONFIG_T_RUNTIMES) {
        (void)fprintf(f, "  # %s:%s%s\n", name, k->preset ? " " : "", k->preset ? k->preset : "");
        return;
    }
    (void)fprintf(f, "  # %s:\n", name);
    for (const char *line = k->preset; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        (void)fprintf(f, "  #   %.*s\n", (int)strcspn(line, "\n"), line);
    }
}

/* The one that all others begin with, field by field. */
static void write_example_profiles(FILE *f)
{
    (void)fputs("  # profiles:\n  #   none: {isolation: none}\n  #   default:\n", f);
    for (size_t i = 0; i < config_n_profile_fields; i++) {
        const struct config_key *k = &config_profile_fields[i];
        CLEANUP(mem_free_p)
        char *head = mem_format("%c%s.", toupper((unsigned char)k->help[0]), k->help + 1);
        wrap_write(f, "      ## ", head);
        (void)fprintf(f, "  #     %s: %s\n", k->path, k->preset);
    }
}

static void write_example_key(FILE *f, const struct config_key *k)
{
    CLEANUP(mem_free_p) char *names = names_of(k, "");
    CLEANUP(mem_free_p)
    char *head = mem_format("%c%s.", toupper((unsigned char)k->help[0]), k->help + 1);
    (void)fputc('\n', f);
    wrap_write(f, "  ## ", head);
    if (k->more)
        wrap_write(f, "  ## ", k->more);
    if (!k->preset) {
        CLEANUP(mem_free_p) char *absent = mem_format("Default: %s.", k->absent);
        wrap_write(f, "  ## ", absent);
    }
    if (*names)
        (void)fprintf(f, "  ## %s\n", names);
    if (k->type == CONFIG_T_PROFILES)
        write_example_profiles(f);
    else
        write_preset(f, k);
}

void document_write_example(FILE *f)
{
    static const char *const head[] = {
        "Configuration of mcp-execd: every key, commented out at its default. Take away the \"# \" "
        "of a line to change it; lines with \"##\" are explanations.",
        "Read with --config FILE, or from /etc/mcp-execd/mcp-execd.yaml when it is there. The "
        "environment wins over this file, flags win over both.",
        "Times: 500ms, 10s, 5m, 1h, 7d; a plain number is seconds. Sizes: 4096, 64KiB, 1GiB "
        "(powers of 1024), 10kB, 10MB (powers of 1000).",
        "This file is generated from config/schema.c: make config-docs."};
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
        wrap_write(f, "## ", head[i]);
    for (size_t i = 0; i < config_n_sections; i++) {
        (void)fprintf(f, "\n## %s.\n%s:\n", config_sections[i].title, config_sections[i].name);
        for (size_t j = 0; j < config_n_keys; j++) {
            if (config_key_is_in(&config_keys[j], &config_sections[i]))
                write_example_key(f, &config_keys[j]);
        }
    }
}

/* The reference. */

/* "size, 1KiB to 32MiB" */
static void write_type(FILE *f, const struct config_key *k)
{
    const char *name = config_type_name(k->type);
    char min[UNITS_TEXT_MAX], max[UNITS_TEXT_MAX];
    if (k->type == CONFIG_T_ENUM) {
        for (const struct config_choice *i = k->choices; i->name; i++)
            (void)fprintf(f, "%s`%s`", i == k->choices ? "" : ", ", i->name);
        return;
    }
    (void)fputs(strncmp(name, "a ", 2) == 0 ? name + 2 : name, f);
    if (k->max == 0)
        return;
    config_value_format_number(k->type, k->min, min);
    config_value_format_number(k->type, k->max, max);
    (void)fprintf(f, ", %s to %s", min, max);
}

static void write_default(FILE *f, const struct config_key *k)
{
    if (!k->preset) {
        (void)fputs(k->absent, f);
        return;
    }
    for (const char *line = k->preset; line; line = strchr(line, '\n')) {
        (void)fputs(*line == '\n' ? "<br>" : "", f);
        line += *line == '\n';
        (void)fprintf(f, "`%.*s`", (int)strcspn(line, "\n"), line);
    }
}

static void write_reference_key(FILE *f, const struct config_key *k)
{
    CLEANUP(mem_free_p) char *names = names_of(k, "`");
    (void)fprintf(f, "| `%s` | ", config_key_name(k));
    write_type(f, k);
    (void)fputs(" | ", f);
    write_default(f, k);
    (void)fprintf(f, " | %s | %c%s.%s%s |\n", names, toupper((unsigned char)k->help[0]),
                  k->help + 1, k->more ? " " : "", k->more ? k->more : "");
}

static void write_reference_fields(FILE *f)
{
    (void)fputs("\nFields of a profile, `sandbox.profiles.<name>.<field>`:\n\n"
                "| Field | Type | Default | Meaning |\n"
                "|---|---|---|---|\n",
                f);
    for (size_t i = 0; i < config_n_profile_fields; i++) {
        const struct config_key *k = &config_profile_fields[i];
        (void)fprintf(f, "| `%s` | ", k->path);
        write_type(f, k);
        (void)fprintf(f, " | `%s` | %c%s. |\n", k->preset, toupper((unsigned char)k->help[0]),
                      k->help + 1);
    }
}

void document_write_reference(FILE *f)
{
    (void)fputs(DOCUMENT_MARK "\n", f);
    for (size_t i = 0; i < config_n_sections; i++) {
        const struct config_section *s = &config_sections[i];
        (void)fprintf(f, "\n### `%s`: %s\n\n", s->name, s->title);
        (void)fputs("| Key | Type | Default | Variable, flag | Meaning |\n"
                    "|---|---|---|---|---|\n",
                    f);
        for (size_t j = 0; j < config_n_keys; j++) {
            if (config_key_is_in(&config_keys[j], s))
                write_reference_key(f, &config_keys[j]);
        }
        if (strcmp(s->name, "sandbox") == 0)
            write_reference_fields(f);
    }
}
