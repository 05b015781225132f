/* SPDX-License-Identifier: MIT */
/*
 * slow_sync.c - for LD_PRELOAD: a disk that takes IPREP_SYNC_MS longer for each fsync() and
 * fdatasync()
 *
 * The variable is read when the library is loaded, because rep-report clears its environment early.
 * For the cases enqueue and purge of bench.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long added_ms;

__attribute__((constructor)) static void read_delay(void)
{
	const char *text = getenv("IPREP_SYNC_MS");

	added_ms = text ? strtol(text, NULL, 10) : 0;
}

static int synced(long call, int fd)
{
	struct timespec delay = { added_ms / 1000, added_ms % 1000 * 1000000 };

	if (added_ms > 0)
		nanosleep(&delay, NULL);
	return (int)syscall(call, fd);
}

__attribute__((visibility("default"))) int fsync(int fd)
{
	return synced(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
	return synced(SYS_fdatasync, fd);
}
