/* SPDX-License-Identifier: MIT */
#include "net/inbox.h"
#include <errno.h>
#include <string.h>
#include <sys/param.h>
#include <sys/uio.h>

/* Returns how many, or -1. */
static int receive_all(struct inbox *inbox, int fd)
{
	struct mmsghdr messages[INBOX_MAX];
	struct iovec parts[INBOX_MAX];
	int count;

	for (size_t i = 0; i < INBOX_MAX; i++) {
		struct inbox_datagram *datagram = &inbox->datagrams[i];

		parts[i] = (struct iovec){ .iov_base = datagram->bytes,
					   .iov_len = INBOX_DATAGRAM_MAX };
		messages[i] =
			(struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[i],
						       .msg_iovlen = 1,
						       .msg_name = &datagram->from,
						       .msg_namelen = sizeof(datagram->from) } };
	}
	count = recvmmsg(fd, messages, INBOX_MAX, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++) {
		inbox->datagrams[i].len = messages[i].msg_len;
		inbox->datagrams[i].from_len = messages[i].msg_hdr.msg_namelen;
	}
	return count;
}

static ssize_t take_next(struct inbox *inbox, void *bytes, size_t room, struct sockaddr *from,
			 socklen_t *from_len)
{
	const struct inbox_datagram *datagram = &inbox->datagrams[inbox->next++];
	size_t len = MIN(datagram->len, room);

	memcpy(bytes, datagram->bytes, len);
	if (from && from_len) {
		memcpy(from, &datagram->from, MIN(*from_len, datagram->from_len));
		*from_len = datagram->from_len;
	}
	return (ssize_t)len;
}

ssize_t inbox_receive(struct inbox *inbox, int fd, void *bytes, size_t room, struct sockaddr *from,
		      socklen_t *from_len)
{
	int count;

	if (inbox_has(inbox, fd))
		return take_next(inbox, bytes, room, from, from_len);
	if (inbox->next < inbox->count) /* another socket's are waiting */
		return recvfrom(fd, bytes, room, MSG_DONTWAIT, from, from_len);
	if (inbox->is_empty && inbox->fd == fd) {
		inbox->is_empty = false;
		errno = EAGAIN;
		return -1;
	}
	count = receive_all(inbox, fd);
	inbox->fd = fd;
	inbox->next = inbox->count = 0;
	inbox->is_empty = count > 0 && count < INBOX_MAX;
	if (count <= 0)
		return count;
	inbox->count = (size_t)count;
	return take_next(inbox, bytes, room, from, from_len);
}

bool inbox_has(const struct inbox *inbox, int fd)
{
	return inbox->next < inbox->count && inbox->fd == fd;
}

void inbox_forget(struct inbox *inbox, int fd)
{
	if (inbox->fd != fd)
		return;
	inbox->next = inbox->count = 0;
	inbox->is_empty = false;
}
