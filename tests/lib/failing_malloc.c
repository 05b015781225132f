/* SPDX-License-Identifier: MIT */
/*
 * failing_malloc.c - for LD_PRELOAD: of all allocations of a process and its children, one fails
 *
 * IPREP_MALLOC_FILE is a file of three 64-bit numbers: how many allocations there were, the one
 * that fails (0: none), and whether it did. It is mapped when the library is loaded, because the
 * programs clear their environment and change their user early. For tests/cli/test_memory.py and
 * tests/torture.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

/* The C library's own. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static struct numbers {
	_Atomic long long count;
	long long fails, failed;
} * numbers;

__attribute__((constructor)) static void map_numbers(void)
{
	const char *path = getenv("IPREP_MALLOC_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	if (fd < 0)
		return;
	page = mmap(NULL, sizeof(*numbers), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		numbers = page;
	close(fd);
}

static int fails_now(void)
{
	if (!numbers || ++numbers->count != numbers->fails)
		return 0;
	numbers->failed = 1;
	errno = ENOMEM;
	return 1;
}

SEEN void *malloc(size_t size)
{
	return fails_now() ? NULL : __libc_malloc(size);
}

SEEN void *calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __libc_calloc(count, size);
}

SEEN void *realloc(void *old, size_t size)
{
	return fails_now() ? NULL : __libc_realloc(old, size);
}

SEEN void *reallocarray(void *old, size_t count, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(count, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, all);
}

SEEN void *aligned_alloc(size_t alignment, size_t size)
{
	return fails_now() ? NULL : __libc_memalign(alignment, size);
}

SEEN void *memalign(size_t alignment, size_t size)
{
	return aligned_alloc(alignment, size);
}

SEEN int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *made = aligned_alloc(alignment, size);

	if (!made)
		return ENOMEM;
	*out = made;
	return 0;
}
