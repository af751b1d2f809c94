#pragma once
/* Latency samples of a bench program and the line of JSON it closes with. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct samples {
    pthread_mutex_t lock;
    uint64_t *us; /* owned; guarded by lock until samples_print */
    size_t n, max;
};

void samples_init(struct samples *s, size_t max);
void samples_add(struct samples *s, uint64_t us);
/* {"n":…,"errors":…,"rate":…,"p50_us":…,"p99_us":…} on stdout; frees. */
void samples_print(struct samples *s, uint64_t elapsed_us, size_t errors);
uint64_t bench_now_us(void);
void bench_pause(void); /* between two samples: BENCH_PAUSE_MS of the environment */
