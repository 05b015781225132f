/* SPDX-License-Identifier: MIT */
/*
 * short_writes.c - for LD_PRELOAD: of all writes of a process and its children, one takes half of
 * its bytes
 *
 * Counts like failing_malloc.c, in a file of the same form. A write of one byte is not counted: it
 * has no half.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

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

/* Half of it, if this is the one. */
static size_t allowed(size_t len)
{
	if (!numbers || len < 2 || ++numbers->count != numbers->fails)
		return len;
	numbers->failed = 1;
	return len / 2;
}

SEEN ssize_t write(int fd, const void *bytes, size_t len)
{
	return syscall(SYS_write, fd, bytes, allowed(len));
}

SEEN ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
	return syscall(SYS_pwrite64, fd, bytes, allowed(len), at);
}

SEEN ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return pwrite64(fd, bytes, len, at);
}

SEEN ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
		    socklen_t to_len)
{
	int kind = 0;
	socklen_t size = sizeof(kind);

	/* only a stream takes a part */
	if (!getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) && kind == SOCK_STREAM)
		len = allowed(len);
	return syscall(SYS_sendto, fd, bytes, len, flags, to, to_len);
}

SEEN ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	return sendto(fd, bytes, len, flags, NULL, 0);
}
