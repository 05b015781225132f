/* SPDX-License-Identifier: MIT */
/*
 * inbox.h - datagrams that arrive together (in the module)
 *
 * recvmmsg(2) receives all answers that have arrived, and c-ares takes them one at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#define INBOX_MAX 32
#define INBOX_DATAGRAM_MAX                                                     \
	4097 /* as much as c-ares takes; what is longer is cut, as it is there \
	      */

struct inbox {
	int fd; /* they are from; that of no socket if next == count */
	size_t next, count;
	bool is_empty; /* the socket has no more for now: the next call returns EAGAIN */
	struct inbox_datagram {
		struct sockaddr_storage from;
		socklen_t from_len;
		size_t len;
		unsigned char bytes[INBOX_DATAGRAM_MAX];
	} datagrams[INBOX_MAX];
};

/* As recvfrom(2) of a socket that does not block. */
ssize_t inbox_receive(struct inbox *inbox, int fd, void *bytes, size_t room, struct sockaddr *from,
		      socklen_t *from_len);
/* Has it some of this socket, of which epoll(7) does not know any more? */
bool inbox_has(const struct inbox *inbox, int fd);
/* The socket is about to be closed. */
void inbox_forget(struct inbox *inbox, int fd);
