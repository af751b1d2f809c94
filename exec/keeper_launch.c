#include "exec/keeper_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>

#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "exec/keeper/packets.h"
#include "state/base/fd.h"
#include "state/base/log.h"

#define END_PATIENCE_MS 10000 /* the keeper leaves when its last command did */

void keeper_launch_init(struct keeper_launch *l, struct event_base *base, const char *state_dir,
                        const char *program, const char *log_file)
{
    *l = (struct keeper_launch){
        .base = base,
        .state_dir = xstrdup(state_dir),
        .program = xstrdup(program),
        .log_file = log_file && *log_file ? xstrdup(log_file) : NULL,
        .child_fd = -1,
    };
}

static void unwatch_child(struct keeper_launch *l)
{
    if (l->child_ended)
        event_free(l->child_ended);
    l->child_ended = NULL;
    fd_closep(&l->child_fd);
    l->child = 0;
}

/* It may be about to begin: then it would find, or make again, a directory that is removed. */
static void end_tied(const struct keeper_launch *l)
{
    struct pollfd ended = {.fd = l->child_fd, .events = POLLIN};

    if (kill(l->child, SIGTERM) < 0 || poll(&ended, 1, END_PATIENCE_MS) != 1 ||
        waitpid(l->child, NULL, WNOHANG) != l->child)
        LOG_WARN("keeper_not_ended", LOG_I64("pid", l->child));
}

void keeper_launch_deinit(struct keeper_launch *l)
{
    if (l->is_tied && l->child)
        end_tied(l);
    unwatch_child(l);
    free(l->state_dir);
    free(l->program);
    free(l->log_file);
}

/* By a descriptor, since the path of a state directory may be longer than sun_path. */
int keeper_launch_connect(const struct keeper_launch *l, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP(fd_closep) int dir = open(l->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd_closep)
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (dir < 0 || fd < 0)
        return -errno;
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" KEEPER_SOCKET_NAME,
             dir);
    packets_set_buffer(fd);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static void on_child_ended(int fd, short events, void *arg)
{
    struct keeper_launch *l = arg;
    int status = 0;

    if (waitpid(l->child, &status, WNOHANG) == l->child)
        LOG_INFO("keeper_ended", LOG_I64("pid", l->child), LOG_I64("status", status));
    unwatch_child(l);
}

static void watch_child(struct keeper_launch *l, pid_t pid)
{
    l->child = pid;
    l->child_fd = pidfd_open(pid, 0); /* CLOEXEC always, pidfd_open(2) */
    l->child_ended =
        l->child_fd < 0 ? NULL : event_new(l->base, l->child_fd, EV_READ, on_child_ended, l);
    if (l->child_ended && event_add(l->child_ended, NULL) == 0)
        return;
    /* Without a word of its end it would be in the way of the next one for ever. */
    LOG_WARN("keeper_not_watched", LOG_I64("pid", pid));
    unwatch_child(l);
}

static int set_spawn(const struct keeper_launch *l, posix_spawn_file_actions_t *files,
                     posix_spawnattr_t *attr)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int r = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDWR, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(files, 0, 1);
    if (r == 0 && l->is_tied) /* whoever waits for the end of our stderr waits for us only */
        r = posix_spawn_file_actions_adddup2(files, 0, 2);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(files, 3);
    if (r == 0)
        r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attr, &none);
    return r == 0 ? posix_spawnattr_setsigdefault(attr, &all) : r;
}

/* Where one is already starting, a second one finds the lock taken and leaves. */
void keeper_launch_start(struct keeper_launch *l)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    char self[16], *argv[8] = {l->program, (char *)"--state-dir", l->state_dir};
    size_t n = 3;
    pid_t pid = 0;

    if (l->child)
        return; /* it needs its time */
    if (l->is_tied) {
        snprintf(self, sizeof(self), "%d", getpid());
        argv[n++] = (char *)"--tied";
        argv[n++] = self;
    }
    if (l->log_file) {
        argv[n++] = (char *)"--log-file";
        argv[n++] = l->log_file;
    }
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    int r = set_spawn(l, &files, &attr);
    if (r == 0)
        r = posix_spawn(&pid, l->program, &files, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    if (r != 0) {
        LOG_ERROR("keeper_not_started", LOG_STR("program", l->program), LOG_ERRNO(-r));
        return;
    }
    LOG_INFO("keeper_started", LOG_I64("pid", pid));
    watch_child(l, pid);
}
