/* SPDX-License-Identifier: MIT */
/*
 * fake_http.h - an HTTP/1.1 server in a thread, on a free loopback port (for tests)
 *
 * What it does is the path: /ok and /odd (rate-limit headers, good and odd), /echo (the request
 * as the body), /slow (headers and half a body, then nothing), /never, /big (100,000 bytes),
 * /reset (RST after the request), /hangup (CONNECT too), /redirect (to /ok), /given (what the test
 * has put there, byte for byte), /last (the same, and the connection is closed). Keeps connections
 * open. What it was sent last is in request.
 */
#pragma once
#include "fake_server.h"

struct fake_http {
	struct fake_server server;
	atomic_int nrequests;
	char request[8192]; /* read it when no request is under way; write the next ones then */
	const char *given;
	size_t given_len;
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

static void fake_http_say_quota(struct fake_http *h, int fd)
{
	static const struct {
		const char *path, *limit, *remaining, *reset, *retry_after;
	} rows[] = {
		{ "/odd", "10 a day", "-1", "99999999999999999999", "7\r\nRetry-After: 8" },
		{ "/most", "100000000", "100000000", "253402300799", "31622400" },
		{ "/more", "100000001", "922337203685477580", "253402300800", "31622401" },
		{ "", "1000", "998", "1795478400", "30 " },
	};
	char headers[300];
	size_t i = 0;

	while (*rows[i].path && !fake_http_is(h, rows[i].path))
		i++;
	snprintf(headers, sizeof(headers),
		 "%s\r\nX-RateLimit-Limit: %s\r\nx-ratelimit-remaining: %s\r\n"
		 "X-RateLimit-Reset: %s\r\nRetry-After: %s\r\n",
		 *rows[i].path ? "429 Slow Down" : "200 OK", rows[i].limit, rows[i].remaining,
		 rows[i].reset, rows[i].retry_after);
	if (*rows[i].path)
		fake_http_say(fd, headers, "no", 2);
	else
		fake_http_say(fd, headers, "{\"a\":1}", 7);
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
	if (fake_http_is(h, "/given") || fake_http_is(h, "/last")) {
		send(fd, h->given, h->given_len, MSG_NOSIGNAL);
		return fake_http_is(h, "/given");
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
	} else {
		fake_http_say_quota(h, fd);
	}
	return true;
}

/* A whole request: up to the blank line, and Content-Length more. */
static bool fake_http_read(struct fake_server *s, int fd)
{
	struct fake_http *h = s->user;
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

static struct fake_http *fake_http_start(void)
{
	struct fake_http *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->server = (struct fake_server){ .reads = fake_http_read, .user = h };
	fake_server_start(&h->server);
	return h;
}

static void fake_http_stop(struct fake_http *h)
{
	fake_server_stop(&h->server);
	free(h);
}
