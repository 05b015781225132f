/* SPDX-License-Identifier: MIT */
/* short_writes.c - for LD_PRELOAD: the nth write takes half of its bytes; one of a byte is not
 * counted */
#include "nth_call.h"
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>

/* Half of it, if this is the one. */
static size_t allowed(size_t len)
{
	if (len < 2 || !fails_now())
		return len;
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
