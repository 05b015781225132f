/* SPDX-License-Identifier: MIT */
/*
 * outbox.h - datagrams that leave together (in the module)
 *
 * Questions of a long list are asked in bursts. With one system call for each, a resolver on the
 * same machine is woken for each, and both spend most of their time on that; sendmmsg(2) sends what
 * a turn of the loop has collected. A socket that fails is reported later, by outbox_error(), as if
 * the error had been received (ICMP errors are received like this anyway).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_MAX	    64
#define OUTBOX_DATAGRAM_MAX 300 /* a question: 12 + 255 + 4 bytes */

struct outbox {
	size_t count;
	int failed_fd, error; /* error 0: none has failed */
	struct outbox_datagram {
		int fd;
		size_t len;
		unsigned char bytes[OUTBOX_DATAGRAM_MAX];
	} waiting[OUTBOX_MAX];
};

/* Takes a copy. False: there is no room, or it is too long. */
bool outbox_put(struct outbox *outbox, int fd, const void *bytes, size_t len);
/*
 * Sends what waits, in order. What the kernel has no room for waits for the next call. False: the
 * socket failed_fd has failed, and what waited for it is dropped; nothing is sent before its error
 * was taken.
 */
bool outbox_send(struct outbox *outbox);
/* The error of this socket, once; 0: it has none. */
int outbox_take_error(struct outbox *outbox, int fd);
/* The socket is about to be closed. */
void outbox_forget(struct outbox *outbox, int fd);
