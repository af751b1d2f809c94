#include "state/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static _Atomic uint64_t held_mono_us, held_real_us;

static uint64_t read_us(clockid_t id)
{
    struct timespec ts;

    if (clock_gettime(id, &ts) < 0)
        abort();
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t held_or_read_us(_Atomic uint64_t *held, clockid_t id)
{
    uint64_t us = atomic_load_explicit(held, memory_order_relaxed);
    return us ? us : read_us(id);
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

uint64_t clock_mono_us(void)
{
    return held_or_read_us(&held_mono_us, CLOCK_MONOTONIC);
}

uint64_t clock_real_us(void)
{
    return held_or_read_us(&held_real_us, CLOCK_REALTIME);
}

bool clock_format(uint64_t real_us, char ret[CLOCK_TEXT_MAX])
{
    struct tm tm;
    time_t seconds = (time_t)(real_us / 1000000);
    size_t n = 0;

    if (gmtime_r(&seconds, &tm))
        n = strftime(ret, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    if (n == 0)
        return false;
    (void)snprintf(ret + n, CLOCK_TEXT_MAX - n, ".%03uZ", (unsigned)(real_us / 1000 % 1000));
    return true;
}

void clock_hold(uint64_t mono_us, uint64_t real_us)
{
    atomic_store_explicit(&held_mono_us, mono_us, memory_order_relaxed);
    atomic_store_explicit(&held_real_us, real_us, memory_order_relaxed);
}
