/* SPDX-License-Identifier: MIT */
/* test_inbox.c - datagrams that arrive together, over loopback */
#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>
#include "net/inbox.h"
#include "unit.h"

static struct inbox inbox;
static int to[2], from; /* sockets */
static struct sockaddr_in addresses[2], sender;

static int bound_socket(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(0x7f000001) };
	assert_ok(bind(fd, (struct sockaddr *)address, len));
	assert_ok(getsockname(fd, (struct sockaddr *)address, &len));
	return fd;
}

static int set_up(void **state)
{
	(void)state;
	memset(&inbox, 0, sizeof(inbox));
	for (int i = 0; i < 2; i++)
		to[i] = bound_socket(&addresses[i]);
	from = bound_socket(&sender);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(to[0]);
	close(to[1]);
	close(from);
	return 0;
}

FIXTURE(set_up, tear_down);

static void send_to(int i, const char *text)
{
	assert_int_equal(sendto(from, text, strlen(text), 0, (struct sockaddr *)&addresses[i],
				sizeof(addresses[i])),
			 strlen(text));
}

static void assert_received(int i, const char *text)
{
	char bytes[100] = "";
	struct sockaddr_in address = { 0 };
	socklen_t len = sizeof(address);

	assert_int_equal(inbox_receive(&inbox, to[i], bytes, sizeof(bytes),
				       (struct sockaddr *)&address, &len),
			 strlen(text));
	assert_string_equal(bytes, text);
	assert_int_equal(len, sizeof(address));
	assert_memory_equal(&address, &sender, sizeof(address));
}

static void assert_nothing(int i)
{
	char bytes[100];

	errno = 0;
	assert_int_equal(inbox_receive(&inbox, to[i], bytes, sizeof(bytes), NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
}

TEST(datagrams_arrive_whole_and_in_order)
{
	assert_nothing(0);
	send_to(0, "one");
	send_to(0, "");
	send_to(0, "three");
	assert_received(0, "one");
	assert_true(inbox_has(&inbox, to[0]));
	assert_received(0, "");
	assert_received(0, "three");
	assert_false(inbox_has(&inbox, to[0]));
	assert_nothing(0);
	assert_nothing(0);
}

TEST(more_than_fit_arrive_in_order)
{
	char number[16];

	for (int i = 0; i < 3 * INBOX_MAX; i++) {
		snprintf(number, sizeof(number), "%d", i);
		send_to(0, number);
	}
	for (int i = 0; i < 3 * INBOX_MAX; i++) {
		snprintf(number, sizeof(number), "%d", i);
		assert_received(0, number);
	}
	assert_nothing(0);
}

TEST(what_came_since_the_end_was_said_is_received)
{
	send_to(0, "one");
	assert_received(0, "one");
	assert_nothing(0);
	send_to(0, "two");
	assert_received(0, "two");
}

TEST(two_sockets_are_not_mixed_up)
{
	send_to(0, "one");
	send_to(0, "three");
	send_to(1, "two");
	assert_received(0, "one");
	assert_received(1, "two");
	assert_nothing(1);
	assert_received(0, "three");
	assert_nothing(0);
}

TEST(a_long_one_is_cut_and_the_next_one_is_whole)
{
	char text[120], bytes[100];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	send_to(0, text);
	send_to(0, "next");
	assert_int_equal(inbox_receive(&inbox, to[0], bytes, sizeof(bytes), NULL, NULL),
			 sizeof(bytes));
	assert_received(0, "next");
}

TEST(a_socket_that_is_closed_leaves_nothing_behind)
{
	send_to(0, "one");
	send_to(0, "lost");
	assert_received(0, "one");
	inbox_forget(&inbox, to[1]);
	assert_true(inbox_has(&inbox, to[0]));
	inbox_forget(&inbox, to[0]);
	assert_false(inbox_has(&inbox, to[0]));
	send_to(0, "two"); /* as if it were another socket of this number */
	assert_received(0, "two");
}
