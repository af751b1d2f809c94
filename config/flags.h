#pragma once
/* The command line: commands such as --help, and values for keys. Only its grammar; values are read
 * by layers_read_flags(). */
#include <stdbool.h>
#include <stddef.h>

#include "config/report.h"

struct config_assignment {
    const struct config_key *key;
    char *path;        /* owned: what --set names, else the key's path */
    const char *value; /* borrowed from argv */
    struct config_origin origin;
    char *flag; /* owned: what origin.name points at */
};

struct config_flags {
    const char *file;  /* borrowed from argv; NULL: no --config */
    const char *nginx; /* the same, of --nginx */
    bool is_help, is_version, is_check, is_print, is_doctor;
    struct config_assignment *assignments; /* owned, in the order of argv */
    size_t n_assignments;
};

/* Reads argv[1] to argv[argc - 1]; what it can't make sense of is reported. */
void flags_init(struct config_flags *f, int argc, char *const *argv, struct config_report *report);
void flags_deinit(struct config_flags *f);
