/*
 * The floor of output ingest: a command's pipe copied to a file by read and write of 64 KiB.
 *   floor_copy FILE COMMAND        prints {"bytes":…,"seconds":…,"mb_s":…}
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/wait.h>

#include "tests/bench/samples.h"

static pid_t start(const char *command, int *ret_fd)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        abort();
    (void)fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, p[1], 1);
    char sh[] = "sh", c[] = "-c", path[] = "PATH=/usr/bin:/bin";
    char *argv[] = {sh, c, (char *)command, NULL};
    char *env[] = {path, NULL};
    pid_t pid;
    if (posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, env) != 0)
        abort();
    posix_spawn_file_actions_destroy(&actions);
    close(p[1]);
    *ret_fd = p[0];
    return pid;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: floor_copy FILE COMMAND\n");
        return 2;
    }
    int out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) {
        perror(argv[1]);
        return 1;
    }
    uint64_t begin = bench_now_us(), bytes = 0;
    int in;
    pid_t pid = start(argv[2], &in);
    static char buf[65536];
    ssize_t n;
    while ((n = read(in, buf, sizeof(buf))) > 0) {
        if (write(out, buf, (size_t)n) != n)
            abort();
        bytes += (uint64_t)n;
    }
    int status;
    waitpid(pid, &status, 0);
    double s = (double)(bench_now_us() - begin) / 1e6;
    printf("{\"bytes\":%llu,\"seconds\":%.4f,\"mb_s\":%.1f}\n", (unsigned long long)bytes, s,
           (double)bytes / s / 1e6);
    close(out);
    return 0;
}
