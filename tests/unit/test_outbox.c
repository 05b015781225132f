/* SPDX-License-Identifier: MIT */
/* test_outbox.c - datagrams that leave together, over socket pairs and loopback */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net/outbox.h"
#include "unit.h"

static struct outbox outbox;
static int pairs[2][2]; /* [0]: sends; [1]: receives */

static int set_up(void **state)
{
	(void)state;
	outbox = (struct outbox){ 0 };
	for (int i = 0; i < 2; i++)
		assert_ok(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pairs[i]));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		close(pairs[i / 2][i % 2]);
	return 0;
}

FIXTURE(set_up, tear_down);

static void put(int fd, const char *text)
{
	assert_true(outbox_put(&outbox, fd, text, strlen(text)));
}

static void assert_received(int pair, const char *text)
{
	char bytes[OUTBOX_DATAGRAM_MAX + 1] = "";

	if (text)
		assert_int_equal(recv(pairs[pair][1], bytes, sizeof(bytes), 0), strlen(text));
	else
		assert_int_equal(recv(pairs[pair][1], bytes, sizeof(bytes), 0), -1);
	assert_string_equal(bytes, text ? text : "");
}

/* A connected socket to a closed port: after its first datagram the next one fails, once. */
static int refused_socket(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t len = sizeof(to);
	int closed = socket(AF_INET, SOCK_DGRAM, 0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_ok(bind(closed, (struct sockaddr *)&to, len));
	assert_ok(getsockname(closed, (struct sockaddr *)&to, &len));
	assert_ok(connect(fd, (struct sockaddr *)&to, len));
	close(closed);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	return fd;
}

TEST(datagrams_leave_whole_in_order_and_together)
{
	put(pairs[0][0], "one");
	put(pairs[1][0], "two");
	put(pairs[1][0], "three");
	put(pairs[0][0], "four");
	assert_received(0, NULL);
	assert_true(outbox_send(&outbox));
	assert_int_equal(outbox.count, 0);
	assert_received(0, "one");
	assert_received(0, "four");
	assert_received(0, NULL);
	assert_received(1, "two");
	assert_received(1, "three");
	assert_received(1, NULL);
}

TEST(what_is_too_long_is_not_taken)
{
	char bytes[OUTBOX_DATAGRAM_MAX + 1] = "";

	assert_true(outbox_put(&outbox, pairs[0][0], bytes, OUTBOX_DATAGRAM_MAX));
	assert_false(outbox_put(&outbox, pairs[0][0], bytes, OUTBOX_DATAGRAM_MAX + 1));
}

TEST(what_the_kernel_has_no_room_for_waits)
{
	int taken = 0;
	char number[16], bytes[16];

	while (snprintf(number, sizeof(number), "%d", taken),
	       outbox_put(&outbox, pairs[0][0], number, strlen(number) + 1))
		taken++;
	assert_true(taken > OUTBOX_MAX);
	assert_int_equal(outbox.count, OUTBOX_MAX);
	assert_true(outbox_send(&outbox));
	for (int i = 0; i < taken; i++) {
		if (recv(pairs[0][1], bytes, sizeof(bytes), 0) < 0) {
			assert_true(outbox_send(&outbox));
			assert_true(recv(pairs[0][1], bytes, sizeof(bytes), 0) > 0);
		}
		assert_int_equal(atoi(bytes), i);
	}
	assert_int_equal(outbox.count, 0);
}

TEST(a_socket_that_fails_says_so_once_and_holds_up_no_other)
{
	int fd = refused_socket();

	put(fd, "lost");
	put(pairs[0][0], "one");
	put(fd, "lost as well");
	assert_false(outbox_send(&outbox));
	assert_false(outbox_send(&outbox)); /* until the error is taken */
	assert_int_equal(outbox_take_error(&outbox, pairs[0][0]), 0);
	assert_int_equal(outbox_take_error(&outbox, fd), ECONNREFUSED);
	assert_int_equal(outbox_take_error(&outbox, fd), 0);
	assert_true(outbox_send(&outbox));
	assert_received(0, "one");
	assert_received(0, NULL);
	close(fd);
}

TEST(a_socket_that_is_closed_leaves_nothing_behind)
{
	int fd = refused_socket();

	put(pairs[0][0], "one");
	put(fd, "lost");
	put(pairs[0][0], "two");
	put(pairs[1][0], "three");
	assert_false(outbox_send(&outbox));
	outbox_forget(&outbox, fd);
	outbox_forget(&outbox, pairs[0][0]);
	assert_int_equal(outbox_take_error(&outbox, fd), 0);
	assert_true(outbox_send(&outbox));
	assert_received(0, "one"); /* it had left */
	assert_received(0, NULL);
	assert_received(1, "three");
	close(fd);
}
