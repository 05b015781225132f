/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include <time.h>

static int64_t ms_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_s(const struct clock *c)
{
	return c && c->now_s ? c->now_s(c->user) : (int64_t)time(NULL);
}

int64_t clock_mono_ms(void)
{
	return ms_of(CLOCK_MONOTONIC);
}

int64_t clock_boot_s(void)
{
	return ms_of(CLOCK_BOOTTIME) / 1000;
}
