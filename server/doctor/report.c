#include "server/doctor/report.h"

#include <stdarg.h>

__attribute__((format(printf, 5, 0))) static void put(struct doctor *d, const char *how,
                                                      const char *what, const char *mend,
                                                      const char *fmt, va_list ap)
{
    fprintf(d->out, "%-4s  %s: ", how, what);
    vfprintf(d->out, fmt, ap);
    fputc('\n', d->out);
    if (mend)
        fprintf(d->out, "      mend: %s\n", mend);
}

void doctor_ok(struct doctor *d, const char *what, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(d, "ok", what, NULL, fmt, ap);
    va_end(ap);
}

void doctor_warn(struct doctor *d, const char *what, const char *mend, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(d, "warn", what, mend, fmt, ap);
    va_end(ap);
    d->n_warnings++;
}

void doctor_fail(struct doctor *d, const char *what, const char *mend, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(d, "fail", what, mend, fmt, ap);
    va_end(ap);
    d->n_failures++;
}
