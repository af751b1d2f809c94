#include "exec/keeper/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "exec/keeper/reexec.h"

static const char help_text[] =
    "usage: mcp-exec-keeper --state-dir DIR [--log-file FILE] [--no-cgroup] [--tied PID]\n"
    "Keeps the commands that mcp-execd runs; mcp-execd starts it by itself.\n"
    "  --state-dir DIR   where journals are, and the socket keeper.sock\n"
    "  --log-file FILE   log there instead of standard error\n"
    "  --no-cgroup       tell processes apart without cgroups, even if they can be made\n"
    "  --tied PID        end, with all commands, when the server that started it does\n"
    "  --version, --help\n";

enum { EXIT_USAGE = 2 };

static int parse_number(const char *s)
{
    char *end;
    long n = strtol(s, &end, 10);
    return *s && !*end && n >= 0 && n <= INT_MAX ? (int)n : -1;
}

enum {
    OPT_STATE_DIR = 256,
    OPT_LOG_FILE,
    OPT_NO_CGROUP,
    OPT_PROBE,
    OPT_TIED,
    OPT_RESUME,
    OPT_CAN_RESUME,
    OPT_VERSION,
    OPT_HELP
};
static const struct option names[] = {
    {"state-dir", required_argument, NULL, OPT_STATE_DIR},
    {"log-file", required_argument, NULL, OPT_LOG_FILE},
    {"no-cgroup", no_argument, NULL, OPT_NO_CGROUP},
    {"probe", no_argument, NULL, OPT_PROBE}, /* by exec/isolation_try.c only */
    {"tied", required_argument, NULL, OPT_TIED},
    {"resume", required_argument, NULL, OPT_RESUME}, /* this and the next by reexec.c only */
    {"can-resume", required_argument, NULL, OPT_CAN_RESUME},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int opt; (opt = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (opt) {
        case OPT_STATE_DIR:
            o->state_dir = optarg;
            break;
        case OPT_LOG_FILE:
            o->log_file = optarg;
            break;
        case OPT_NO_CGROUP:
            o->no_cgroup = true;
            break;
        case OPT_PROBE:
            o->is_probe = true;
            break;
        case OPT_TIED:
            o->tied_to = parse_number(optarg);
            break;
        case OPT_RESUME:
            o->resume_fd = parse_number(optarg);
            break;
        case OPT_CAN_RESUME:
            return parse_number(optarg) == (int)REEXEC_VERSION ? EXIT_SUCCESS : EXIT_FAILURE;
        case OPT_VERSION:
            printf("mcp-exec-keeper %s\n", MCP_EXECD_VERSION);
            return EXIT_SUCCESS;
        case OPT_HELP:
            fputs(help_text, stdout);
            return EXIT_SUCCESS;
        default:
            fputs(help_text, stderr);
            return EXIT_USAGE;
        }
    }
    if ((o->state_dir || o->is_probe) && optind == argc)
        return -1;
    fputs(help_text, stderr);
    return EXIT_USAGE;
}

bool options_parse(int argc, char **argv, struct options *ret, int *ret_status)
{
    *ret = (struct options){.resume_fd = -1};
    *ret_status = parse(argc, argv, ret);
    return *ret_status < 0;
}
