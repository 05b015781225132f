/* SPDX-License-Identifier: MIT */
#include "net/outbox.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

static bool is_full_for_now(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM;
}

static void drop_first(struct outbox *outbox, size_t count)
{
	outbox->count -= count;
	memmove(outbox->waiting, outbox->waiting + count,
		outbox->count * sizeof(outbox->waiting[0]));
}

/* Of those at the head that go to one socket. Returns how many have left, or -1. */
static int send_first(const struct outbox *outbox)
{
	struct mmsghdr messages[OUTBOX_MAX];
	struct iovec parts[OUTBOX_MAX];
	int fd = outbox->waiting[0].fd;
	unsigned count = 0;

	for (; count < outbox->count && outbox->waiting[count].fd == fd; count++) {
		const struct outbox_datagram *datagram = &outbox->waiting[count];

		parts[count] = (struct iovec){ .iov_base = (void *)(uintptr_t)datagram->bytes,
					       .iov_len = datagram->len };
		messages[count] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[count],
								 .msg_iovlen = 1 } };
	}
	return sendmmsg(fd, messages, count, MSG_NOSIGNAL);
}

bool outbox_send(struct outbox *outbox)
{
	while (outbox->count && !outbox->error) {
		int sent = send_first(outbox);

		if (sent > 0) {
			drop_first(outbox, (size_t)sent);
		} else if (sent < 0 && errno == EINTR) {
			continue;
		} else if (sent < 0 && !is_full_for_now(errno)) {
			outbox->error = errno;
			outbox->failed_fd = outbox->waiting[0].fd;
		} else {
			return true;
		}
	}
	return !outbox->error;
}

bool outbox_put(struct outbox *outbox, int fd, const void *bytes, size_t len)
{
	struct outbox_datagram *datagram;

	if (len > OUTBOX_DATAGRAM_MAX)
		return false;
	if (outbox->count == OUTBOX_MAX)
		outbox_send(outbox);
	if (outbox->count == OUTBOX_MAX)
		return false;
	datagram = &outbox->waiting[outbox->count++];
	datagram->fd = fd;
	datagram->len = len;
	memcpy(datagram->bytes, bytes, len);
	return true;
}

int outbox_take_error(struct outbox *outbox, int fd)
{
	int error = outbox->error;

	if (!error || outbox->failed_fd != fd)
		return 0;
	outbox_forget(outbox, fd);
	return error;
}

void outbox_forget(struct outbox *outbox, int fd)
{
	size_t kept = 0;

	for (size_t i = 0; i < outbox->count; i++) {
		if (outbox->waiting[i].fd == fd)
			continue;
		if (kept != i)
			outbox->waiting[kept] = outbox->waiting[i];
		kept++;
	}
	outbox->count = kept;
	if (outbox->failed_fd == fd)
		outbox->error = 0;
}
