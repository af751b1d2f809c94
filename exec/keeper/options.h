#pragma once
/* The command line. Strings are borrowed from argv. */
#include <stdbool.h>

struct options {
    const char *state_dir;
    const char *log_file;
    bool no_cgroup;
    bool is_probe; /* only that: probe.h */
    int tied_to;   /* process id of the server that it ends with; 0: none */
    int resume_fd; /* -1: a fresh start */
};

/* False: leave with *ret_status; what there was to print is printed. */
bool options_parse(int argc, char **argv, struct options *ret, int *ret_status);
