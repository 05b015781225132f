/* SPDX-License-Identifier: MIT */
/*
 * http_loop - the least that reports: a fixed number of kept connections, one request in flight on
 * each
 *
 *     http_loop PORT KEY FIRST REPORTS IN-FLIGHT
 *
 * Reports the addresses 45.0.0.0 + FIRST and up to AbuseIPDB's emulator on 127.0.0.1, with bodies
 * like those of rep-report, and keeps nothing. Prints: answers, those with 200, milliseconds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection {
	int fd;
	size_t have;
	char answer[8192];
};

static uint32_t next_address;
static unsigned long to_send, answers, good;
static const char *key;
static char when[64];

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void die(const char *what)
{
	perror(what);
	exit(71);
}

static void ask(struct connection *c)
{
	char ip[INET_ADDRSTRLEN], body[512], request[1024];
	struct in_addr a = { htonl(next_address++) };
	int n, length;

	inet_ntop(AF_INET, &a, ip, sizeof(ip));
	length = snprintf(body, sizeof(body),
			  "ip=%s&categories=18&comment=Brute%%20force%%20on%%20sshd%%3A%%20"
			  "3%%20failures%%2C%%200%%20user%%20names%%20in%%201d&timestamp=%s",
			  ip, when);
	n = snprintf(request, sizeof(request),
		     "POST /api/v2/report HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		     "Accept: application/json\r\nKey: %s\r\nContent-Length: %d\r\n"
		     "Content-Type: application/x-www-form-urlencoded\r\n\r\n%s",
		     key, length, body);
	if (n >= (int)sizeof(request) || write(c->fd, request, (size_t)n) != n)
		die("write");
	c->have = 0;
	to_send--;
}

/* Whether the answer is complete: its head, and as much as that says. */
static int is_whole(struct connection *c)
{
	char *end, *length;

	c->answer[c->have] = '\0';
	end = strstr(c->answer, "\r\n\r\n");
	length = strcasestr(c->answer, "\r\nContent-Length:");
	return end && length && length < end &&
	       c->have >= (size_t)(end + 4 - c->answer) + strtoul(length + 17, NULL, 10);
}

static void take(struct connection *c)
{
	ssize_t n = read(c->fd, c->answer + c->have, sizeof(c->answer) - 1 - c->have);

	if (n <= 0)
		die("read");
	c->have += (size_t)n;
	if (!is_whole(c))
		return;
	answers++;
	good += !strncmp(c->answer, "HTTP/1.1 200", 12);
	if (to_send)
		ask(c);
}

static void open_one(struct connection *c, int epoll, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev))
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int main(int argc, char **argv)
{
	struct epoll_event events[64];
	unsigned long wanted, width;
	struct connection *all;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	long long begun = now_ms();
	time_t now = time(NULL);
	struct tm tm;

	if (argc != 6 || epoll < 0)
		return 64;
	key = argv[2];
	next_address = 0x2d000000u + (uint32_t)strtoul(argv[3], NULL, 10);
	wanted = to_send = strtoul(argv[4], NULL, 10);
	width = strtoul(argv[5], NULL, 10);
	strftime(when, sizeof(when), "%Y-%m-%dT%H%%3A%M%%3A%S%%2B00%%3A00", gmtime_r(&now, &tm));
	all = calloc(width, sizeof(*all));
	if (!all)
		return 71;
	for (unsigned long i = 0; i < width && to_send; i++) {
		open_one(&all[i], epoll, (uint16_t)strtoul(argv[1], NULL, 10));
		ask(&all[i]);
	}
	while (answers < wanted) {
		int n = epoll_wait(epoll, events, 64, 30000);

		if (n <= 0)
			die("epoll_wait");
		for (int i = 0; i < n; i++)
			take(events[i].data.ptr);
	}
	printf("%lu %lu %lld\n", answers, good, now_ms() - begun);
	return 0;
}
