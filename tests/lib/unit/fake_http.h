/* SPDX-License-Identifier: MIT */
/*
 * fake_http.h - an HTTP/1.1 server in a thread, on a free loopback port (for tests)
 *
 * What it does is the path: /ok and /odd (rate-limit headers, good and odd), /echo (the request
 * as the body), /slow (headers and half a body, then nothing), /never, /big (100,000 bytes),
 * /reset (RST after the request), /hangup (CONNECT too), /redirect (to /ok). Keeps connections
 * open. What it was sent last is in request.
 */
#pragma once
#include "fake_server.h"

#define FAKE_HTTP_MAX 64

struct fake_http {
	int port, listener, stop[2];
	int fd[FAKE_HTTP_MAX];
	size_t nfd;
	pthread_t thread;
	atomic_int nconnections, nrequests, most;
	char request[8192]; /* read it when no request is under way */
};

static void fake_http_say(int fd, const char *headers, const char *body, size_t len)
{
	char head[512];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %sContent-Length: %zu\r\n\r\n", headers,
			 len);

	send(fd, head, (size_t)n, MSG_NOSIGNAL);
	send(fd, body, len, MSG_NOSIGNAL);
}

static bool fake_http_is(const struct fake_http *h, const char *path)
{
	const char *p = strchr(h->request, ' ');

	return p && !strncmp(p + 1, path, strlen(path)) && p[1 + strlen(path)] == ' ';
}

/* False: close the connection. */
static bool fake_http_answer(struct fake_http *h, int fd)
{
	static char big[100000];

	h->nrequests++;
	if (fake_http_is(h, "/never"))
		return true;
	if (fake_http_is(h, "/hangup") || !strncmp(h->request, "CONNECT", 7))
		return false;
	if (fake_http_is(h, "/reset")) {
		struct linger now = { 1, 0 };

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		return false;
	}
	if (fake_http_is(h, "/slow")) {
		const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";

		send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
	} else if (fake_http_is(h, "/big")) {
		memset(big, 'x', sizeof(big));
		fake_http_say(fd, "200 OK\r\n", big, sizeof(big));
	} else if (fake_http_is(h, "/redirect")) {
		fake_http_say(fd, "302 Found\r\nLocation: /ok\r\n", "", 0);
	} else if (fake_http_is(h, "/echo")) {
		fake_http_say(fd, "200 OK\r\n", h->request, strlen(h->request));
	} else if (fake_http_is(h, "/odd")) {
		fake_http_say(fd,
			      "429 Slow Down\r\nX-RateLimit-Limit: 10 a day\r\n"
			      "X-RateLimit-Remaining: -1\r\n"
			      "X-RateLimit-Reset: 99999999999999999999\r\n"
			      "Retry-After: 7\r\nRetry-After: 8\r\n",
			      "no", 2);
	} else if (fake_http_is(h, "/most")) {
		fake_http_say(fd,
			      "429 Slow Down\r\nX-RateLimit-Limit: 100000000\r\n"
			      "X-RateLimit-Remaining: 100000000\r\n"
			      "X-RateLimit-Reset: 253402300799\r\nRetry-After: 31622400\r\n",
			      "no", 2);
	} else if (fake_http_is(h, "/more")) {
		fake_http_say(fd,
			      "429 Slow Down\r\nX-RateLimit-Limit: 100000001\r\n"
			      "X-RateLimit-Remaining: 922337203685477580\r\n"
			      "X-RateLimit-Reset: 253402300800\r\nRetry-After: 31622401\r\n",
			      "no", 2);
	} else {
		fake_http_say(fd,
			      "200 OK\r\nX-RateLimit-Limit: 1000\r\n"
			      "x-ratelimit-remaining: 998\r\nX-RateLimit-Reset: 1795478400\r\n"
			      "Retry-After: 30 \r\n",
			      "{\"a\":1}", 7);
	}
	return true;
}

/* A whole request: up to the blank line, and Content-Length more. */
static bool fake_http_read(struct fake_http *h, int fd)
{
	size_t n = 0, want = 0;
	char *end = NULL, *length;

	while (!end || n < want) {
		ssize_t got = recv(fd, h->request + n, sizeof(h->request) - 1 - n, 0);

		if (got <= 0)
			return false;
		n += (size_t)got;
		h->request[n] = '\0';
		end = end ? end : strstr(h->request, "\r\n\r\n");
		length = strstr(h->request, "Content-Length: ");
		if (end && !want)
			want = (size_t)(end + 4 - h->request) +
			       (length ? strtoul(length + 16, NULL, 10) : 0);
	}
	return fake_http_answer(h, fd);
}

static void *fake_http_run(void *user)
{
	struct fake_http *h = user;

	for (;;) {
		struct pollfd p[2 + FAKE_HTTP_MAX] = { { h->stop[0], POLLIN, 0 },
						       { h->listener, POLLIN, 0 } };

		for (size_t i = 0; i < h->nfd; i++)
			p[2 + i] = (struct pollfd){ h->fd[i], POLLIN, 0 };
		poll(p, 2 + h->nfd, -1);
		if (p[0].revents)
			return NULL;
		for (size_t i = h->nfd; i-- > 0;) {
			if (p[2 + i].revents && !fake_http_read(h, h->fd[i])) {
				close(h->fd[i]);
				h->fd[i] = h->fd[--h->nfd];
			}
		}
		if (p[1].revents && h->nfd < FAKE_HTTP_MAX) {
			h->fd[h->nfd++] = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);
			h->nconnections++;
			if ((int)h->nfd > h->most)
				h->most = (int)h->nfd;
		}
	}
}

static struct fake_http *fake_http_start(void)
{
	struct fake_http *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->listener = fake_bind(SOCK_STREAM, &h->port);
	if (listen(h->listener, FAKE_HTTP_MAX) || pipe2(h->stop, O_CLOEXEC) ||
	    pthread_create(&h->thread, NULL, fake_http_run, h))
		abort();
	return h;
}

static void fake_http_stop(struct fake_http *h)
{
	close(h->stop[1]);
	pthread_join(h->thread, NULL);
	for (size_t i = 0; i < h->nfd; i++)
		close(h->fd[i]);
	close(h->stop[0]);
	close(h->listener);
	free(h);
}
