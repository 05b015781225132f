/* SPDX-License-Identifier: MIT */
/*
 * moved_clock.c - for LD_PRELOAD: the time of day is fixed at IPREP_WALL_S, and the clock of this
 * boot at IPREP_BOOT_S; the monotonic clock, by which programs wait, advances
 *
 * The variables are read when the library is loaded, because the programs clear their environment
 * early. For tests/lib/clocks.py.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

static time_t wall_s, boot_s;
static int is_moved;

__attribute__((constructor)) static void read_times(void)
{
	const char *wall = getenv("IPREP_WALL_S"), *boot = getenv("IPREP_BOOT_S");

	is_moved = wall && boot;
	if (is_moved) {
		wall_s = (time_t)strtoll(wall, NULL, 10);
		boot_s = (time_t)strtoll(boot, NULL, 10);
	}
}

SEEN int clock_gettime(clockid_t id, struct timespec *ret)
{
	if (!is_moved ||
	    (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE && id != CLOCK_BOOTTIME))
		return (int)syscall(SYS_clock_gettime, id, ret);
	*ret = (struct timespec){ .tv_sec = id == CLOCK_BOOTTIME ? boot_s : wall_s };
	return 0;
}

SEEN time_t time(time_t *ret)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}

SEEN int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	*ret = (struct timeval){ .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000 };
	return 0;
}
