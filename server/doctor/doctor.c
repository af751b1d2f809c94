#include "server/doctor/doctor.h"

#include "server/doctor/report.h"

int doctor_run(const struct config *c, const char *nginx_file, FILE *out)
{
    struct doctor d = {.config = c, .out = out};

    doctor_check_sandbox(&d);
    doctor_check_limits(&d);
    doctor_check_system(&d);
    doctor_check_redis(&d);
    if (nginx_file)
        doctor_check_nginx(&d, nginx_file);
    if (d.n_failures > 0)
        fprintf(out, "%u of these must be mended, %u should be\n", d.n_failures, d.n_warnings);
    else if (d.n_warnings > 0)
        fprintf(out, "it will work; %u of these could be better\n", d.n_warnings);
    else
        fprintf(out, "all is well\n");
    return d.n_failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
