#pragma once
/* Time, in one place so that tests can hold it. Any thread. */
#include <stdbool.h>
#include <stdint.h>

uint64_t clock_mono_ms(void); /* CLOCK_MONOTONIC: intervals and deadlines */
uint64_t clock_mono_us(void);
uint64_t clock_real_us(void); /* CLOCK_REALTIME: what people and journals see */
/* "2026-07-28T10:00:00.000Z" of CLOCK_REALTIME; false: no time that a calendar has. */
#define CLOCK_TEXT_MAX 40
bool clock_format(uint64_t real_us, char ret[CLOCK_TEXT_MAX]);
/* Tests: holds all three at the given values (0,0 lets go). */
void clock_hold(uint64_t mono_us, uint64_t real_us);
