/* SPDX-License-Identifier: MIT */
/*
 * fake_server.h - a server in a thread, on a free loopback port, with what speaks its protocol
 *
 * It reads from all its connections, and from a UDP socket with the number of its port.
 */
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_CONNECTIONS_MAX 64

struct fake_server {
	int port, listener, udp, stop[2]; /* udp: -1 if it has none */
	int fd[FAKE_CONNECTIONS_MAX];
	size_t nfd;
	pthread_t thread;
	bool (*accepts)(struct fake_server *s);	      /* NULL: all that there is room for */
	bool (*reads)(struct fake_server *s, int fd); /* false: close the connection */
	void (*reads_udp)(struct fake_server *s);
	void *user;
	atomic_int nconnections, most;
};

/* *port 0: any; the port is stored there. -1: it is in use. */
static int fake_bind(int type, int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)*port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), bytes = 4 << 20;
	socklen_t len = sizeof(a);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) ||
	    getsockname(fd, (struct sockaddr *)&a, &len)) {
		close(fd);
		return -1;
	}
	*port = ntohs(a.sin_port);
	return fd;
}

static void fake_server_accept(struct fake_server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 || s->nfd == FAKE_CONNECTIONS_MAX || (s->accepts && !s->accepts(s))) {
		close(fd);
		return;
	}
	s->fd[s->nfd++] = fd;
	s->nconnections++;
	if ((int)s->nfd > s->most)
		s->most = (int)s->nfd;
}

static void *fake_server_run(void *user)
{
	struct fake_server *s = user;

	for (;;) {
		struct pollfd p[3 + FAKE_CONNECTIONS_MAX] = { { s->stop[0], POLLIN, 0 },
							      { s->listener, POLLIN, 0 },
							      { s->udp, POLLIN, 0 } };

		for (size_t i = 0; i < s->nfd; i++)
			p[3 + i] = (struct pollfd){ s->fd[i], POLLIN, 0 };
		poll(p, 3 + s->nfd, -1);
		if (p[0].revents)
			return NULL;
		if (p[2].revents)
			s->reads_udp(s);
		for (size_t i = s->nfd; i-- > 0;) {
			if (p[3 + i].revents && !s->reads(s, s->fd[i])) {
				close(s->fd[i]);
				s->fd[i] = s->fd[--s->nfd];
			}
		}
		if (p[1].revents)
			fake_server_accept(s);
	}
}

/* s has its functions. */
static void fake_server_start(struct fake_server *s)
{
	for (int i = 0; i < 20; i++) { /* UDP's port may be taken for TCP */
		s->port = 0;
		s->udp = s->reads_udp ? fake_bind(SOCK_DGRAM, &s->port) : -1;
		s->listener = fake_bind(SOCK_STREAM, &s->port);
		if (s->listener >= 0)
			break;
		close(s->udp);
	}
	if (listen(s->listener, FAKE_CONNECTIONS_MAX) || pipe2(s->stop, O_CLOEXEC) ||
	    pthread_create(&s->thread, NULL, fake_server_run, s))
		abort();
}

static void fake_server_stop(struct fake_server *s)
{
	close(s->stop[1]);
	pthread_join(s->thread, NULL);
	for (size_t i = 0; i < s->nfd; i++)
		close(s->fd[i]);
	close(s->stop[0]);
	if (s->udp >= 0)
		close(s->udp);
	close(s->listener);
}
