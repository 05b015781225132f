/* SPDX-License-Identifier: MIT */
/*
 * http.c - the door to libcurl, with http_setup.c (multi socket interface,
 * libcurl-multi(3))
 *
 * Connections are kept and shared: a few, whatever the number of requests; the others wait in
 * curl. At our deadline a request is taken from curl, connection and all. What curl says of a
 * failure is foreign text and goes through http_say().
 */
#include "net/http_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 8L

struct net_http {
	CURLM *multi;
	int64_t timer_at_ms;
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *sock)
{
	bool gone = what == CURL_POLL_REMOVE;

	(void)easy;
	(void)sock;
	return net_watch(user, fd, TAG_HTTP, !gone && what & CURL_POLL_IN,
			 !gone && what & CURL_POLL_OUT)
		       ? 0
		       : -1;
}

static int on_timer(CURLM *multi, long ms, void *user)
{
	struct net *net = user;

	(void)multi;
	net->http->timer_at_ms = ms < 0 ? INT64_MAX : net->conf.now_ms() + ms;
	return 0;
}

int net_http_open(struct net *net, struct err *e)
{
	struct net_http *h = calloc(1, sizeof(*h));

	if (!h || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(h);
		return err_set(e, IPREP_E_NOMEM, "HTTP: libcurl cannot be initialised");
	}
	net->http = h;
	h->timer_at_ms = INT64_MAX;
	h->multi = curl_multi_init();
	if (!h->multi)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, net);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, net);
	curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
	return 0;
}

void net_http_close(struct net *net)
{
	if (!net->http)
		return;
	curl_multi_cleanup(net->http->multi);
	free(net->http);
	net->http = NULL;
	curl_global_cleanup();
}

static void call_free(struct call *c)
{
	curl_easy_cleanup(c->easy);
	curl_mime_free(c->form);
	for (struct curl_slist *h = c->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(c->headers);
	buf_free(&c->body);
	free(c);
}

/* Take it from curl and remember whether the server may have seen it. */
static void leave_multi(struct call *c)
{
	long bytes = 0;

	if (!c->in_multi)
		return;
	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &bytes);
	c->answer.sent = bytes > 0;
	curl_multi_remove_handle(c->net->http->multi, c->easy);
	c->in_multi = false;
}

static void http_expire(struct net *net, struct request *r)
{
	struct call *c = (struct call *)(void *)r;

	(void)net;
	leave_multi(c);
	c->answer.status = NET_TIMEOUT;
	snprintf(c->answer.why, sizeof(c->answer.why), "%s",
		 c->answer.sent ? "timeout after the request was sent"
				: "timeout before the request was sent");
}

static void http_deliver(struct net *net, struct request *r)
{
	struct call *c = (struct call *)(void *)r;

	(void)net;
	c->cb(c->user, &c->answer);
	call_free(c);
}

/* A decimal number and nothing else, once; 18 digits fit. */
static int64_t number_header(CURL *easy, const char *name)
{
	struct curl_header *h;
	int64_t n = 0;
	const char *p;

	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK || h->amount != 1)
		return -1;
	for (p = h->value; *p; p++) {
		if (*p < '0' || *p > '9' || p - h->value >= 18)
			return -1;
		n = n * 10 + (*p - '0');
	}
	return p == h->value ? -1 : n;
}

static void take_answer(struct call *c, long code)
{
	struct http_answer *a = &c->answer;

	a->status = NET_OK;
	a->code = (int)code;
	a->limit = number_header(c->easy, "X-RateLimit-Limit");
	a->remaining = number_header(c->easy, "X-RateLimit-Remaining");
	a->reset_at = number_header(c->easy, "X-RateLimit-Reset");
	a->retry_after_s = number_header(c->easy, "Retry-After");
	a->body = c->body.text ? c->body.text : "";
	a->body_len = c->body.len;
}

static void take_failure(struct call *c, CURLcode rc)
{
	struct http_answer *a = &c->answer;
	const char *why = *c->error ? c->error : curl_easy_strerror(rc);

	a->status = NET_BROKEN;
	if (c->too_big)
		snprintf(a->why, sizeof(a->why), "an answer of more than %zu bytes", c->body.max);
	else
		http_say(c, a->why, sizeof(a->why), why, strlen(why));
}

static void finish(struct call *c, CURLcode rc)
{
	long code = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &code);
	if (rc == CURLE_OPERATION_TIMEDOUT) {
		http_expire(c->net, &c->r);
		net_done(c->net, &c->r);
		return;
	}
	if (rc == CURLE_OK && code > 0)
		take_answer(c, code);
	else
		take_failure(c, rc);
	leave_multi(c);
	net_done(c->net, &c->r);
}

static void act(struct net *net, curl_socket_t fd, int what)
{
	int n;
	CURLMsg *m;

	curl_multi_socket_action(net->http->multi, fd, what, &n);
	while ((m = curl_multi_info_read(net->http->multi, &n))) {
		CURLcode rc = m->data.result; /* finish() makes m invalid */
		struct call *c;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		finish(c, rc);
	}
}

void net_http_ask(struct net *net, const struct http_request *req, int64_t deadline_ms,
		  void (*cb)(void *user, const struct http_answer *a), void *user)
{
	struct call *c = calloc(1, sizeof(*c));
	int64_t left_ms = deadline_ms - net->conf.now_ms();
	const char *why;

	if (!c) {
		net_refuse(net, (struct refusal){ .http_cb = cb, .user = user });
		return;
	}
	*c = (struct call){ .net = net,
			    .cb = cb,
			    .user = user,
			    .r = { .expire = http_expire, .deliver = http_deliver },
			    .answer = { .status = NET_BROKEN,
					.limit = -1,
					.remaining = -1,
					.reset_at = -1,
					.retry_after_s = -1,
					.body = "" } };
	buf_init(&c->body, req->answer_max);
	net_wait(net, &c->r, deadline_ms);
	if (left_ms <= 0)
		return; /* the next turn says so */
	why = http_set_up(c, req, left_ms);
	if (!why && curl_multi_add_handle(net->http->multi, c->easy) != CURLM_OK)
		why = "libcurl takes no more requests";
	c->in_multi = !why;
	if (why) {
		snprintf(c->answer.why, sizeof(c->answer.why), "%s", why);
		net_done(net, &c->r);
	}
}

void net_http_event(struct net *net, int fd, bool in, bool out)
{
	act(net, fd, (in ? CURL_CSELECT_IN : 0) | (out ? CURL_CSELECT_OUT : 0));
}

int64_t net_http_next_ms(const struct net *net)
{
	return net->http->timer_at_ms;
}

void net_http_timers(struct net *net)
{
	if (net->http->timer_at_ms > net->conf.now_ms())
		return;
	net->http->timer_at_ms = INT64_MAX; /* curl says when again */
	act(net, CURL_SOCKET_TIMEOUT, 0);
}
