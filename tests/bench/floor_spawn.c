/*
 * The floor of an execution: posix_spawn of `/bin/sh -c "echo hello"`, or of another program that
 * prints something, read its pipe to the end, wait. floor_spawn COUNT THREADS [PROGRAM ARGUMENT...]
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/wait.h>

#include "tests/bench/samples.h"

static struct samples samples;
static size_t per_thread;
static char sh[] = "/bin/sh", c[] = "-c", echo[] = "echo hello";
static char *preset[] = {sh, c, echo, NULL}, **program = preset;

static void run_once(void)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, p[1], 1);
    char path[] = "PATH=/usr/bin:/bin";
    char *env[] = {path, NULL};
    pid_t pid;
    if (posix_spawn(&pid, program[0], &actions, NULL, program, env) != 0)
        abort();
    posix_spawn_file_actions_destroy(&actions);
    close(p[1]);
    char buf[256];
    while (read(p[0], buf, sizeof(buf)) > 0)
        ;
    close(p[0]);
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        abort();
}

static void *run(void *arg)
{
    for (size_t i = 0; i < per_thread; i++) {
        uint64_t start = bench_now_us();
        run_once();
        samples_add(&samples, bench_now_us() - start);
        bench_pause();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: floor_spawn COUNT THREADS [PROGRAM ARGUMENT...]\n");
        return 2;
    }
    size_t count = strtoul(argv[1], NULL, 10), threads = strtoul(argv[2], NULL, 10);
    if (!count || !threads || threads > 64)
        return 2;
    per_thread = count / threads;
    if (argc > 3)
        program = argv + 3;
    samples_init(&samples, count);
    pthread_t t[64];
    uint64_t start = bench_now_us();
    for (size_t i = 0; i < threads; i++)
        pthread_create(&t[i], NULL, run, NULL);
    for (size_t i = 0; i < threads; i++)
        pthread_join(t[i], NULL);
    samples_print(&samples, bench_now_us() - start, 0);
    return 0;
}
