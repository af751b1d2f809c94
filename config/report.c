#include "config/report.h"

#include "config/quote.h"

/* The head of a message: the place, and the key where the place does not say it. */
static void write_place(FILE *f, const struct config_origin *o, const char *path)
{
    bool names_key =
        o->kind == ORIGIN_ENVIRONMENT || (o->kind == ORIGIN_FLAG && strcmp(o->name, "--set") != 0);
    if (o->name)
        (void)fputs(o->name, f);
    if (o->line)
        (void)fprintf(f, ":%u", o->line);
    if (path && !names_key)
        (void)fprintf(f, "%s%s", o->kind == ORIGIN_FLAG ? " " : o->name ? ": " : "", path);
}

void report_value(struct config_report *r, const struct config_origin *o, const char *path,
                  const char *shown, const struct config_problem *p)
{
    r->n_errors++;
    write_place(r->out, o, path);
    if (o->kind == ORIGIN_ENVIRONMENT)
        (void)fprintf(r->out, "=%s: %s\n", shown, p->text);
    else
        (void)fprintf(r->out, ": %s%s%s\n", shown, *shown ? " " : "", p->text);
}

PRINTF_LIKE(4, 0)
static void write_line(FILE *f, const struct config_origin *o, const struct config_key *k,
                       const char *fmt, va_list ap)
{
    write_place(f, o, k ? k->path : NULL);
    (void)fputs(o->name || k ? ": " : "", f);
    (void)vfprintf(f, fmt, ap);
    (void)fputc('\n', f);
}

void report_error(struct config_report *r, const struct config_origin *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    r->n_errors++;
    write_line(r->out, o, NULL, fmt, ap);
    va_end(ap);
}

void report_key(struct config_report *r, const struct config_origin *o, const struct config_key *k,
                const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    r->n_errors++;
    write_line(r->out, o, k, fmt, ap);
    va_end(ap);
}

void report_warning(struct config_report *r, const struct config_origin *o,
                    const struct config_key *k, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fputs("warning: ", r->out);
    write_line(r->out, o, k, fmt, ap);
    va_end(ap);
}

void report_write_origin(FILE *f, const struct config_origin *o)
{
    switch (o->kind) {
    case ORIGIN_DEFAULT:
        (void)fputs("default", f);
        return;
    case ORIGIN_FILE:
        if (quote_check(o->name) == QUOTE_OK)
            (void)fputs(o->name, f);
        else
            quote_show(f, o->name, strlen(o->name)); /* it ends a line of YAML */
        (void)fprintf(f, ":%u", o->line);
        return;
    case ORIGIN_ENVIRONMENT:
        (void)fprintf(f, "environment %s", o->name);
        return;
    case ORIGIN_FLAG:
        (void)fprintf(f, "flag %s", o->name);
        return;
    }
    abort();
}
