/* SPDX-License-Identifier: MIT */
/* clock.c - see clock.h */
#include "base/clock.h"
#include <time.h>

static int64_t clock_ms(clockid_t id)
{
	struct timespec timespec;

	clock_gettime(id, &timespec);
	return (int64_t)timespec.tv_sec * 1000 + timespec.tv_nsec / 1000000;
}

int64_t clock_now_s(const struct clock *clock)
{
	if (clock && clock->now_s)
		return clock->now_s(clock->user);
	return time(NULL);
}

int64_t clock_mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t clock_boot_s(void)
{
	return clock_ms(CLOCK_BOOTTIME) / 1000;
}
