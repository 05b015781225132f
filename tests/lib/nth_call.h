/* SPDX-License-Identifier: MIT */
/*
 * nth_call.h - for libraries that tests preload: of all calls that they count, one is to fail
 *
 * IPREP_NTH_FILE is a file of three 64-bit numbers: how many calls there were, in the process and
 * its children, the one that fails (0: none), and whether it did. It is mapped when the library is
 * loaded, because the programs clear their environment and change their user early.
 */
#pragma once
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

static struct numbers {
	_Atomic long long count;
	long long fails, failed;
} * numbers;

__attribute__((constructor)) static void map_numbers(void)
{
	const char *path = getenv("IPREP_NTH_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	if (fd < 0)
		return;
	page = mmap(NULL, sizeof(*numbers), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		numbers = page;
	close(fd);
}

static bool fails_now(void)
{
	if (!numbers || ++numbers->count != numbers->fails)
		return false;
	numbers->failed = 1;
	return true;
}
