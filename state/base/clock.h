#pragma once
/* Time, in one place so that tests can hold it. Any thread. */
#include <stdint.h>

uint64_t clock_mono_ms(void); /* CLOCK_MONOTONIC: intervals and deadlines */
uint64_t clock_mono_us(void);
uint64_t clock_real_us(void); /* CLOCK_REALTIME: what people and journals see */
/* Tests: holds all three at the given values (0,0 lets go). */
void clock_hold(uint64_t mono_us, uint64_t real_us);
