#include "exec/sandbox_filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "state/base/fd.h"

/* What is refused as if it were not there, so that programs do without. */
static const char *const absent[] = {
    "clone3", /* its flags are behind a pointer: who gets this falls back to clone */
    "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "memfd_secret",
};

/* What is refused. */
static const char *const denied[] = {
    /* other processes */
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "kcmp",
    "process_madvise",
    /* mounts and namespaces */
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "unshare",
    "setns",
    "open_by_handle_at",
    "name_to_handle_at",
    /* keys, programs in the kernel, counters, watching */
    "add_key",
    "request_key",
    "keyctl",
    "bpf",
    "perf_event_open",
    "fanotify_init",
    "lookup_dcookie",
    /* the machine */
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "get_kernel_syms",
    "query_module",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "quotactl_fd",
    "syslog",
    "settimeofday",
    "stime",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "clock_adjtime64",
    "adjtimex",
    "iopl",
    "ioperm",
    "vhangup",
    "nfsservctl",
    "uselib",
    "ustat",
    "sysfs",
    "_sysctl",
    "move_pages",
    "migrate_pages",
    "mbind",
    "set_mempolicy",
    "vm86",
    "vm86old",
    "modify_ldt",
    "sethostname",
    "setdomainname",
};

static const unsigned long new_namespaces[] = {
    CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,    CLONE_NEWNET,
    CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP,
};

/* Typing into a terminal, and what its console can paste. */
static const unsigned long typing[] = {TIOCSTI, TIOCLINUX};

/* Sockets reach other sandboxes' and the host's by these families; vsock even other machines. */
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static int refuse(scmp_filter_ctx f, const char *name, int error)
{
    int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR)
        return 0; /* younger than libseccomp, whose names cover what the kernel of its time had */
    int r = seccomp_rule_add(f, SCMP_ACT_ERRNO((unsigned)error), call, 0);
    return r == -EDOM ? 0 : r; /* not on this machine */
}

static int refuse_all(scmp_filter_ctx f)
{
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(absent) && r == 0; i++)
        r = refuse(f, absent[i], ENOSYS);
    for (size_t i = 0; i < ARRAY_LEN(denied) && r == 0; i++)
        r = refuse(f, denied[i], EPERM);
    return r;
}

/* Of requests the kernel looks at 32 bits only: others must not make a difference. */
static int refuse_arguments(scmp_filter_ctx f)
{
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(new_namespaces) && r == 0; i++)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, new_namespaces[i], new_namespaces[i]));
    for (size_t i = 0; i < ARRAY_LEN(typing) && r == 0; i++)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, typing[i]));
    return r;
}

static bool is_family(int family)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (families[i] == family)
            return true;
    return false;
}

static int refuse_family(scmp_filter_ctx f, int family)
{
    return seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffu, (unsigned)family));
}

static int refuse_families(scmp_filter_ctx f)
{
    int r = 0;
    for (int i = 0; i < AF_MAX && r == 0; i++)
        if (!is_family(i))
            r = refuse_family(f, i);
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_GE, AF_MAX, 0));
    return r;
}

static int export(scmp_filter_ctx f, void **ret, size_t *ret_len)
{
    CLEANUP(fd_closep) int fd = memfd_create("filter", MFD_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -errno;
    int r = seccomp_export_bpf(f, fd);
    if (r < 0 || fstat(fd, &st) < 0)
        return r < 0 ? r : -errno;
    CLEANUP(free_p) void *data = xcalloc(1, (size_t)st.st_size);
    if (pread(fd, data, (size_t)st.st_size, 0) != st.st_size)
        return -EIO;
    *ret_len = (size_t)st.st_size;
    *ret = TAKE_PTR(data);
    return 0;
}

int sandbox_filter_make(void **ret, size_t *ret_len)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    if (!f)
        return -ENOMEM;
    /* Other architectures' calls have other numbers: programs of theirs end (SIGSYS). */
    int r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
    if (r == 0)
        r = refuse_all(f);
    if (r == 0)
        r = refuse_arguments(f);
    if (r == 0)
        r = refuse_families(f);
    if (r == 0)
        r = export(f, ret, ret_len);
    seccomp_release(f);
    return r;
}
