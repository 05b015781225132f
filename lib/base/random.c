/* SPDX-License-Identifier: MIT */
#include "base/random.h"
#include <sys/random.h>
#include <sys/types.h>
#include <time.h>

uint32_t random_below(uint32_t limit)
{
	struct timespec now;
	uint32_t number;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) == (ssize_t)sizeof(number))
		return number % limit;
	/* early at boot: two processes need only differ, and the clock does that */
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_nsec / 1000 % limit;
}
