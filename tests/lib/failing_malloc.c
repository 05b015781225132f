/* SPDX-License-Identifier: MIT */
/* failing_malloc.c - for LD_PRELOAD: the nth allocation fails; for tests/cli/test_memory.py and
 * tests/torture */
#include "nth_call.h"
#include <errno.h>

/* The C library's own. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void *failing(void)
{
	errno = ENOMEM;
	return NULL;
}

SEEN void *malloc(size_t size)
{
	return fails_now() ? failing() : __libc_malloc(size);
}

SEEN void *calloc(size_t count, size_t size)
{
	return fails_now() ? failing() : __libc_calloc(count, size);
}

SEEN void *realloc(void *old, size_t size)
{
	return fails_now() ? failing() : __libc_realloc(old, size);
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
	return fails_now() ? failing() : __libc_memalign(alignment, size);
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
