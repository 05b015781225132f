/* SPDX-License-Identifier: MIT */
#include "fake_net.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 20000
#define START_MS    1000000
int64_t __wrap_clock_mono_ms(void);

struct waiting {
	const struct fake_answer *answer;
	int64_t at_ms, asked_ms;
	bool timeout;
	void (*dns)(void *user, const struct dns_answer *a);
	void (*http)(void *user, const struct http_answer *a);
	bool (*take)(void *user, const char *bytes, size_t len);
	void *user;
};
static const struct fake_answer *script;
static struct waiting list[WAITING_MAX];
static size_t nlist, nth;
static const struct fake_answer *nth_answer;
static int64_t now_ms = START_MS;
struct fake_seen fake_seen;
bool fake_is_local = true;

int64_t __wrap_clock_mono_ms(void)
{
	return now_ms;
}

void fake_net_script(const struct fake_answer *answers)
{
	script = answers;
	nlist = 0;
	fake_seen = (struct fake_seen){ 0 };
	now_ms = START_MS;
}

void fake_net_nth(size_t n, const struct fake_answer *answer)
{
	nth = n;
	nth_answer = answer;
}

int64_t fake_net_time_ms(void)
{
	return now_ms - START_MS;
}

static int fake_open(const struct net_conf *conf, struct net **ret, struct err *e)
{
	(void)conf;
	(void)e;
	*ret = (struct net *)(void *)list;
	return 0;
}

static void add(struct waiting w, const char *name, int64_t deadline_ms)
{
	static const struct fake_answer nobody = { .dns = { .status = NET_NXDOMAIN },
						   .http = { .status = NET_BROKEN } };

	snprintf(fake_seen.last, sizeof(fake_seen.last), "%s", name);
	w.answer = &nobody;
	for (const struct fake_answer *a = script; a && a->match; a++) {
		if (strstr(name, a->match)) {
			w.answer = a;
			break;
		}
	}
	if (nth_answer && fake_seen.asked == nth) {
		w.answer = nth_answer;
		nth_answer = NULL;
	}
	w.asked_ms = clock_mono_ms();
	w.at_ms = w.asked_ms + w.answer->delay_ms;
	if (w.answer->delay_ms == NEVER || w.at_ms > deadline_ms) {
		w.timeout = true;
		w.at_ms = deadline_ms;
	}
	if (nlist == WAITING_MAX)
		abort();
	list[nlist++] = w;
	fake_seen.asked++;
	if (nlist > fake_seen.most)
		fake_seen.most = nlist;
}

static void fake_dns(struct net *net, const char *name, int type, bool tcp, int64_t deadline_ms,
		     void (*cb)(void *user, const struct dns_answer *a), void *user)
{
	const char *kind = "";
	char text[600];

	(void)net;
	if (type == NET_TXT)
		kind = "TXT ";
	else if (type == NET_AAAA)
		kind = "AAAA ";
	snprintf(text, sizeof(text), "%s%s%s", tcp ? "TCP " : "", kind, name);
	add((struct waiting){ .dns = cb, .user = user }, text, deadline_ms);
}

static void fake_http(struct net *net, const struct http_request *req, int64_t deadline_ms,
		      void (*cb)(void *user, const struct http_answer *a), void *user)
{
	char text[4096], *headers = fake_seen.headers;

	(void)net;
	*headers = '\0';
	for (const char *const *p = req->headers; p && *p; p++)
		snprintf(headers + strlen(headers), sizeof(fake_seen.headers) - strlen(headers),
			 "%s\n", *p);
	snprintf(text, sizeof(text), "%s %s %.*s", req->method, req->url, (int)req->body_len,
		 req->body ? req->body : "");
	fake_seen.gzip = req->gzip;
	add((struct waiting){ .http = cb, .take = req->take, .user = user }, text, deadline_ms);
}

/* In pieces that end anywhere, as the network has them. */
static void stream(const struct waiting *w, struct http_answer *h)
{
	size_t piece = 1;

	for (size_t at = 0; at < h->body_len; at += piece, piece = piece % 1000 + 7) {
		if (piece > h->body_len - at)
			piece = h->body_len - at;
		if (w->take(w->user, h->body + at, piece))
			continue;
		*h = (struct http_answer){ .status = NET_BROKEN, .why = "not read to its end" };
		break;
	}
	h->body = "";
	h->body_len = 0;
}

static void call(const struct waiting *w)
{
	struct dns_answer d = w->answer->dns;
	struct http_answer h = w->answer->http;

	if (w->timeout) {
		d = (struct dns_answer){ .status = NET_TIMEOUT,
					 .waited_ms = (int)(w->at_ms - w->asked_ms) };
		h = (struct http_answer){ .status = NET_TIMEOUT,
					  .limit = -1,
					  .remaining = -1,
					  .reset_at = -1,
					  .retry_after_s = -1 };
	}
	if (h.body && !h.body_len)
		h.body_len = strlen(h.body);
	if (w->take && h.status == NET_OK && h.code >= 200 && h.code < 300)
		stream(w, &h);
	if (w->dns)
		w->dns(w->user, &d);
	else
		w->http(w->user, &h);
}

/* Time passes until the next answer is due, at most until until_ms; what is due is delivered. */
static size_t fake_turn(struct net *net, int64_t until_ms)
{
	int64_t next_ms = until_ms;
	size_t n = nlist;

	(void)net;
	for (size_t i = 0; i < n; i++)
		next_ms = list[i].at_ms < next_ms ? list[i].at_ms : next_ms;
	now_ms = next_ms > now_ms ? next_ms : now_ms;
	for (size_t i = 0; i < n;) {
		struct waiting w = list[i];

		if (w.at_ms > now_ms) {
			i++;
			continue;
		}
		list[i] = list[--n];
		list[n] = list[--nlist];
		call(&w);
	}
	return nlist;
}

static struct net *fake_close(struct net *net)
{
	(void)net;
	while (nlist) {
		struct waiting w = list[--nlist];

		w.timeout = true;
		call(&w);
	}
	return NULL;
}

static bool is_local(const struct net *net)
{
	(void)net;
	return fake_is_local;
}

const struct net_ops fake_net = { .version = "fake",
				  .open = fake_open,
				  .close = fake_close,
				  .dns = fake_dns,
				  .http = fake_http,
				  .is_local = is_local,
				  .turn = fake_turn };
