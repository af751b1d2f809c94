#pragma once
/*
 * A child that is born in a cgroup, clone3(2) with CLONE_INTO_CGROUP (Linux 5.7). To move a process
 * after its birth, by writing to cgroup.procs, stops all forks of the machine first: 8 ms, in which
 * the keeper could do nothing else (measured 2025-11, 20 ms at the 99th percentile).
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <linux/sched.h>
#include <sys/syscall.h>

/*
 * Like vfork(2), the child shares our memory until it execs: a copy costs 37 ms for each GiB that
 * we hold. Since it runs on our stack too, the call must be made in line: a function that returned
 * in the child would find its return address overwritten in the parent. Where that can't be said,
 * or the sanitizer could not follow, the child has a copy.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CLONE_HAS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CLONE_HAS_SANITIZER 1
#endif

/* 0 in the child, which may call functions that don't return only; -errno. */
static inline __attribute__((always_inline)) long clone_into_cgroup(int cgroup_fd)
{
    struct clone_args a = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
        .exit_signal = SIGCHLD,
        .cgroup = (unsigned)cgroup_fd,
    };
#if defined(__x86_64__) && !defined(CLONE_HAS_SANITIZER)
    long r;
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(SYS_clone3), "D"(&a), "S"(sizeof(a))
                     : "rcx", "r11", "memory");
    return r;
#elif defined(__aarch64__) && !defined(CLONE_HAS_SANITIZER)
    register long x0 __asm__("x0") = (long)&a;
    register long x1 __asm__("x1") = sizeof(a);
    register long x8 __asm__("x8") = SYS_clone3;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
    return x0;
#else
    a.flags &= ~(unsigned long long)CLONE_VM;
    long r = syscall(SYS_clone3, &a, sizeof(a));
    return r < 0 ? -errno : r;
#endif
}
