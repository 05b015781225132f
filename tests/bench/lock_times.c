/* SPDX-License-Identifier: MIT */
/*
 * lock_times.c - for LD_PRELOAD: how long a process holds SQLite's write lock, and how long it
 * waits for it
 *
 * In WAL mode the lock is one byte of the -shm file (sqlite.org/walformat.html, "WAL Locks": byte
 * 120 is WAL_WRITE_LOCK). One line each goes to the file IPREP_LOCK_TIMES: "held US" or "waited
 * US". It is opened when the library is loaded, because the programs clear their environment and
 * end root early. For the case purge of bench.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WRITE_LOCK 120

static int out = -1;
static long long held_since, waits_since;

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

__attribute__((constructor)) static void open_file(void)
{
	const char *path = getenv("IPREP_LOCK_TIMES");

	if (path)
		out = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static void told(const char *what, long long *since)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %lld\n", what, now_us() - *since);

	*since = 0;
	if (write(out, line, (size_t)n) != n)
		abort();
}

static bool is_write_lock(const struct flock *lock)
{
	return lock->l_start <= WRITE_LOCK && lock->l_start + lock->l_len > WRITE_LOCK &&
	       lock->l_len < 16;
}

static void watch(const struct flock *lock, int r)
{
	if (lock->l_type == F_WRLCK && r) {
		waits_since = waits_since ? waits_since : now_us();
	} else if (lock->l_type == F_WRLCK) {
		if (waits_since)
			told("waited", &waits_since);
		held_since = now_us();
	} else if (lock->l_type == F_UNLCK && held_since) {
		told("held", &held_since);
	}
}

static int control(int fd, int command, void *arg)
{
	int r = (int)syscall(SYS_fcntl, fd, command, arg);

	if (command == F_SETLK && out >= 0 && is_write_lock(arg))
		watch(arg, r);
	return r;
}

__attribute__((visibility("default"))) int fcntl64(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return control(fd, command, arg);
}

__attribute__((visibility("default"))) int fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return control(fd, command, arg);
}
