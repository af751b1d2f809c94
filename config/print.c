#include "config/print.h"

#include "config/profile.h"
#include "config/quote.h"
#include "config/string_list.h"
#include "config/value.h"

#define COMMENT_COLUMN 44

/* "  name: value" as far as the comments begin, then where the value comes from. */
static void write_line(FILE *f, const char *text, const struct config_origin *o)
{
    (void)fprintf(f, "%-*s # ", COMMENT_COLUMN, text);
    report_write_origin(f, o);
    (void)fputc('\n', f);
}

static void write_runtimes(FILE *f, const struct config_layers *l)
{
    for (size_t i = 0; i < l->config->n_runtimes; i++) {
        CLEANUP(mem_free_p) char *line = NULL;
        size_t len = 0;
        FILE *text = mem_stream(&line, &len);
        (void)fputs("    ", text);
        quote_write(text, l->config->runtimes[i].language);
        (void)fputs(": ", text);
        string_list_write(text, l->config->runtimes[i].argv);
        if (fclose(text) != 0)
            abort();
        write_line(f, line, &l->runtime_origins[i]);
    }
}

/* "    field: value" of a profile. */
static void write_profile(FILE *f, struct config_profile *p, const struct config_origin *o)
{
    (void)fprintf(f, "    %s:\n", p->name);
    for (size_t i = 0; i < config_n_profile_fields; i++) {
        const struct config_key *k = &config_profile_fields[i];
        CLEANUP(mem_free_p) char *line = NULL;
        size_t len = 0;
        FILE *text = mem_stream(&line, &len);
        (void)fprintf(text, "      %s: ", k->path);
        config_value_write(text, config_profile_base(p), k);
        if (fclose(text) != 0)
            abort();
        write_line(f, line, o);
    }
}

static void write_profiles(FILE *f, const struct config_layers *l)
{
    for (size_t i = 0; i < l->config->n_profiles; i++)
        write_profile(f, &l->config->profiles[i], &l->profile_origins[i]);
}

static void write_key(FILE *f, const struct config_layers *l, const struct config_key *k)
{
    CLEANUP(mem_free_p) char *line = NULL;
    size_t len = 0;
    FILE *text = mem_stream(&line, &len);
    (void)fprintf(text, "  %s: ", config_key_name(k));
    config_value_write(text, l->config, k);
    if (fclose(text) != 0)
        abort();
    write_line(f, line, &l->origins[config_key_index(k)]);
}

void print_layers(FILE *f, const struct config_layers *l)
{
    (void)fprintf(f, "# mcp-execd %s: the configuration in force\n", MCP_EXECD_VERSION);
    for (size_t i = 0; i < config_n_sections; i++) {
        (void)fprintf(f, "%s:\n", config_sections[i].name);
        for (size_t j = 0; j < config_n_keys; j++) {
            const struct config_key *k = &config_keys[j];
            if (!config_key_is_in(k, &config_sections[i]))
                continue;
            if (k->type != CONFIG_T_RUNTIMES && k->type != CONFIG_T_PROFILES) {
                write_key(f, l, k);
                continue;
            }
            (void)fprintf(f, "  %s:\n", config_key_name(k));
            if (k->type == CONFIG_T_RUNTIMES)
                write_runtimes(f, l);
            else
                write_profiles(f, l);
        }
    }
}
