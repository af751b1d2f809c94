#include "tests/bench/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void samples_init(struct samples *s, size_t max)
{
    pthread_mutex_init(&s->lock, NULL);
    s->us = calloc(max, sizeof(*s->us));
    if (!s->us)
        abort();
    s->n = 0;
    s->max = max;
}

void samples_add(struct samples *s, uint64_t us)
{
    pthread_mutex_lock(&s->lock);
    if (s->n < s->max)
        s->us[s->n++] = us;
    pthread_mutex_unlock(&s->lock);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void samples_print(struct samples *s, uint64_t elapsed_us, size_t errors)
{
    qsort(s->us, s->n, sizeof(*s->us), by_value);
    uint64_t p50 = s->n ? s->us[s->n / 2] : 0;
    uint64_t p99 = s->n ? s->us[s->n * 99 / 100] : 0;
    printf("{\"n\":%zu,\"errors\":%zu,\"rate\":%.1f,\"p50_us\":%llu,\"p99_us\":%llu}\n", s->n,
           errors, elapsed_us ? (double)s->n * 1e6 / (double)elapsed_us : 0.0,
           (unsigned long long)p50, (unsigned long long)p99);
    free(s->us);
    pthread_mutex_destroy(&s->lock);
}

uint64_t bench_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Between two samples: BENCH_PAUSE_MS of the environment. */
void bench_pause(void)
{
    const char *text = getenv("BENCH_PAUSE_MS");
    if (text)
        (void)usleep((useconds_t)strtoul(text, NULL, 10) * 1000);
}
