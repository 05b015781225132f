/* SPDX-License-Identifier: MIT */
/*
 * ares_loop - the least that looks a list up: c-ares, epoll, a fixed number in flight, no results
 *
 *     ares_loop PORT ZONE FILE IN-FLIGHT
 *
 * FILE has an IPv4 address a line. Prints: answers, listed, timed out, milliseconds, peak kB.
 */
#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

static int epoll;
static long in_flight, answers, listed, lost;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_state(void *data, ares_socket_t fd, int in, int out)
{
	struct epoll_event ev = { .data.fd = fd,
				  .events = (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u) };

	(void)data;
	if (!in && !out)
		epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &ev))
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
}

static int on_socket(ares_socket_t fd, int type, void *data)
{
	int bytes = 2 * 1024 * 1024;

	(void)type;
	(void)data;
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

#if ARES_VERSION >= 0x012200 /* 1.34: as lib/net/cares.c */

static void on_answer(void *arg, ares_status_t status, size_t timeouts,
		      const ares_dns_record_t *reply)
{
	(void)arg;
	(void)timeouts;
	in_flight--;
	answers++;
	lost += status == ARES_ETIMEOUT;
	listed += status == ARES_SUCCESS && ares_dns_record_rr_cnt(reply, ARES_SECTION_ANSWER) > 0;
}

static void ask(ares_channel_t *c, const char *name)
{
	ares_query_dnsrec(c, name, ARES_CLASS_IN, ARES_REC_TYPE_A, on_answer, NULL, NULL);
}

static int no_cache(struct ares_options *o)
{
	o->qcache_max_ttl = 0;
	return ARES_OPT_QUERY_CACHE;
}

#else

static void on_answer(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct ares_addrttl a[16];
	int n = 16;

	(void)arg;
	(void)timeouts;
	in_flight--;
	answers++;
	if (status == ARES_ETIMEOUT)
		lost++;
	else if (status == ARES_SUCCESS &&
		 ares_parse_a_reply(msg, len, NULL, a, &n) == ARES_SUCCESS)
		listed += n > 0;
}

static void ask(ares_channel c, const char *name)
{
	ares_query(c, name, 1, 1, on_answer, NULL);
}

static int no_cache(struct ares_options *o)
{
	(void)o;
	return 0;
}

#endif

static int ask_next(ares_channel c, FILE *list, const char *zone)
{
	char line[64], name[400];
	unsigned a, b, d, e;

	if (!fgets(line, sizeof(line), list) || sscanf(line, "%u.%u.%u.%u", &a, &b, &d, &e) != 4)
		return 0;
	snprintf(name, sizeof(name), "%u.%u.%u.%u.%s", e, d, b, a, zone);
	in_flight++;
	ask(c, name);
	return 1;
}

static void run(ares_channel c, FILE *list, const char *zone, long max)
{
	int64_t tick = now_ms() + 100;
	int more = 1;

	while (more || in_flight) {
		struct epoll_event ev[8];
		int n;

		while (more && in_flight < max)
			more = ask_next(c, list, zone);
		n = epoll_wait(epoll, ev, 8, 100);
		for (int i = 0; i < n; i++)
			ares_process_fd(c, ev[i].events & EPOLLIN ? ev[i].data.fd : ARES_SOCKET_BAD,
					ev[i].events & EPOLLOUT ? ev[i].data.fd : ARES_SOCKET_BAD);
		if (now_ms() >= tick) {
			ares_process_fd(c, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
			tick = now_ms() + 100;
		}
	}
}

int main(int argc, char **argv)
{
	struct ares_options o = { .flags = ARES_FLAG_STAYOPEN | ARES_FLAG_NOSEARCH |
					   ARES_FLAG_NOALIASES,
				  .timeout = 1500,
				  .tries = 3,
				  .sock_state_cb = on_state };
	int64_t begun = now_ms();
	struct rusage usage;
	char server[40];
	ares_channel c;
	FILE *list;

	if (argc != 5 || !(list = fopen(argv[3], "r")))
		return 64;
	snprintf(server, sizeof(server), "127.0.0.1:%s", argv[1]);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (ares_library_init(ARES_LIB_INIT_ALL) ||
	    ares_init_options(&c, &o,
			      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
				      ARES_OPT_SOCK_STATE_CB | no_cache(&o)) ||
	    ares_set_servers_ports_csv(c, server))
		return 71;
	ares_set_socket_callback(c, on_socket, NULL);
	run(c, list, argv[2], strtol(argv[4], NULL, 10));
	ares_destroy(c);
	fclose(list);
	getrusage(RUSAGE_SELF, &usage);
	printf("%ld %ld %ld %lld %ld\n", answers, listed, lost, (long long)(now_ms() - begun),
	       usage.ru_maxrss);
	return 0;
}
