/* Tries, from inside a sandbox, what it must refuse, and prints what came of it: one line for each
 * argument. Static, so that it runs in any of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#define CONNECT_MAX_S 3

static char zeros[256];

static long by_ptrace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long by_vm_read(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {zeros, 1};
    return syscall(SYS_process_vm_readv, getpid(), &here, 1, &there, 1, 0);
}

static long by_vm_write(void)
{
    char byte = 0;
    struct iovec here = {&byte, 1}, there = {zeros, 1};
    return syscall(SYS_process_vm_writev, getpid(), &here, 1, &there, 1, 0);
}

static long by_clone(unsigned long flags)
{
    long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        (void)waitpid((pid_t)pid, NULL, 0);
    return pid;
}

static long by_clone_user(void)
{
    return by_clone(CLONE_NEWUSER);
}

static long by_clone_mount(void)
{
    return by_clone(CLONE_NEWNS);
}

static long by_clone3(void)
{
    struct clone_args a = {.exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &a, sizeof(a));
    if (pid == 0)
        _exit(0);
    return pid;
}

static long by_typing(unsigned long request)
{
    return syscall(SYS_ioctl, 0, request, "x");
}

static long by_tiocsti(void)
{
    return by_typing(TIOCSTI);
}

/* The kernel looks at 32 bits of it. */
static long by_tiocsti_high(void)
{
    return by_typing(TIOCSTI | 1ul << 32);
}

#define CALL(name, ...)                          \
    static long by_##name(void)                  \
    {                                            \
        return syscall(SYS_##name, __VA_ARGS__); \
    }
CALL(mount, "none", "/tmp", "tmpfs", 0, NULL)
CALL(umount2, "/tmp", MNT_DETACH)
CALL(pivot_root, "/tmp", "/tmp")
CALL(chroot, "/tmp")
CALL(move_mount, -1, "", -1, "", 0)
CALL(open_tree, AT_FDCWD, "/tmp", 1)
CALL(fsopen, "tmpfs", 0)
CALL(mount_setattr, AT_FDCWD, "/", 0, zeros, 32)
CALL(unshare, CLONE_NEWUSER)
CALL(setns, 0, 0)
CALL(add_key, "user", "x", "y", 1, -2)
CALL(request_key, "user", "x", NULL, 0)
CALL(keyctl, 0, -3, 1)
CALL(bpf, 0, zeros, 64)
CALL(userfaultfd, 1)
CALL(io_uring_setup, 1, zeros)
CALL(perf_event_open, zeros, 0, -1, -1, 0)
CALL(kexec_load, 0, 0, NULL, 0)
CALL(init_module, zeros, 1, "")
CALL(finit_module, -1, "", 0)
CALL(delete_module, "x", 0)
CALL(pidfd_getfd, -1, 0, 0)
CALL(kcmp, getpid(), getpid(), 0, 0, 0)
CALL(open_by_handle_at, AT_FDCWD, zeros, 0)
CALL(fanotify_init, 0, 0)
CALL(syslog, 3, zeros, 10)
CALL(clock_settime, 0, zeros)
CALL(swapon, "/tmp", 0)
CALL(reboot, 0, 0, 0, NULL)
CALL(quotactl, 0, "", 0, zeros)

#define FAMILY(name, family)                   \
    static long by_##name(void)                \
    {                                          \
        return socket(family, SOCK_STREAM, 0); \
    }
FAMILY(af_vsock, 40)
FAMILY(af_alg, 38)
FAMILY(af_unknown, 44)

static long by_af_packet(void)
{
    return socket(17, SOCK_RAW, 0);
}

static const struct {
    const char *name;
    long (*run)(void);
} calls[] = {
#define ROW(name)        \
    {                    \
#name, by_##name \
    }
    ROW(ptrace),          ROW(vm_read),     ROW(vm_write),      ROW(clone_user),
    ROW(clone_mount),     ROW(clone3),      ROW(tiocsti),       ROW(tiocsti_high),
    ROW(mount),           ROW(umount2),     ROW(pivot_root),    ROW(chroot),
    ROW(move_mount),      ROW(open_tree),   ROW(fsopen),        ROW(mount_setattr),
    ROW(unshare),         ROW(setns),       ROW(add_key),       ROW(request_key),
    ROW(keyctl),          ROW(bpf),         ROW(userfaultfd),   ROW(io_uring_setup),
    ROW(perf_event_open), ROW(kexec_load),  ROW(init_module),   ROW(finit_module),
    ROW(delete_module),   ROW(pidfd_getfd), ROW(kcmp),          ROW(open_by_handle_at),
    ROW(fanotify_init),   ROW(syslog),      ROW(clock_settime), ROW(swapon),
    ROW(reboot),          ROW(quotactl),    ROW(af_vsock),      ROW(af_alg),
    ROW(af_packet),       ROW(af_unknown),
};

static void tell(const char *what, long r)
{
    printf("%s %s\n", what, r < 0 ? strerrorname_np(errno) : "done");
    fflush(stdout);
}

/* In a process of its own: some would change what comes after them. */
static void try_call(size_t i)
{
    pid_t pid = fork();
    if (pid == 0) {
        tell(calls[i].name, calls[i].run());
        _exit(0);
    }
    (void)waitpid(pid, NULL, 0);
}

/* connect:<address>:<port>, with the last colon */
static void try_connect(char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const struct timeval patience = {.tv_sec = CONNECT_MAX_S};
    char *colon = strrchr(text, ':');
    unsigned short port = htons((unsigned short)atoi(colon + 1));
    bool is_v6;

    *colon = '\0';
    v4.sin_port = v6.sin6_port = port;
    is_v6 = inet_pton(AF_INET, text, &v4.sin_addr) != 1;
    if (is_v6)
        (void)inet_pton(AF_INET6, text, &v6.sin6_addr);
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    tell(text, is_v6 ? connect(fd, (struct sockaddr *)&v6, sizeof(v6))
                     : connect(fd, (struct sockaddr *)&v4, sizeof(v4)));
}

/* unix:<path>, or unix:@<abstract name>; stream, then seqpacket */
static void try_unix(const char *text)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(text);

    if (len >= sizeof(a.sun_path))
        len = sizeof(a.sun_path) - 1;
    memcpy(a.sun_path, text, len);
    if (a.sun_path[0] == '@')
        a.sun_path[0] = '\0';
    for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type += SOCK_SEQPACKET - SOCK_STREAM) {
        int fd = socket(AF_UNIX, type, 0);
        tell(text, connect(fd, (struct sockaddr *)&a,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)));
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "connect:", 8) == 0)
            try_connect(argv[i] + 8);
        else if (strncmp(argv[i], "unix:", 5) == 0)
            try_unix(argv[i] + 5);
        else
            return 2;
    }
    for (size_t i = 0; argc == 1 && i < sizeof(calls) / sizeof(calls[0]); i++)
        try_call(i);
    return 0;
}
