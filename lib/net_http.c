/* SPDX-License-Identifier: MIT */
/*
 * net_http.c - the only door to libcurl (multi socket interface, libcurl-multi(3))
 *
 * No environment, no redirects, no netrc, https only (http to loopback); verification is always on.
 * Curl's debug output is never installed: it would hold the key.
 */
#include "net_private.h"
#include "buf.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 8L

struct net_http { CURLM *multi; int64_t timer_at_ms; };
struct call {
	struct request r;                  /* first */
	struct net *net;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	bool in_multi;
	char error[CURL_ERROR_SIZE];
	struct http_answer answer;
	void (*cb)(void *user, const struct http_answer *a);
	void *user;
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *sock)
{
	struct net *net = user;

	(void)easy;
	(void)sock;
	net_watch(net, fd, TAG_HTTP, what & CURL_POLL_IN, what & CURL_POLL_OUT && what != CURL_POLL_REMOVE);
	if (what == CURL_POLL_REMOVE)
		net_watch(net, fd, TAG_HTTP, false, false);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *user)
{
	struct net *net = user;

	(void)multi;
	net->http->timer_at_ms = ms < 0 ? -1 : net->conf.now_ms() + ms;
	return 0;
}

int net_http_open(struct net *net, struct err *e)
{
	net->http = calloc(1, sizeof(*net->http));
	if (!net->http || curl_global_init(CURL_GLOBAL_DEFAULT))
		return err_set(e, IPREP_E_NOMEM, "HTTP: libcurl cannot be initialised");
	net->http->timer_at_ms = -1;
	net->http->multi = curl_multi_init();
	if (!net->http->multi)
		return err_set(e, IPREP_E_NOMEM, "HTTP: libcurl cannot be initialised");
	curl_multi_setopt(net->http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(net->http->multi, CURLMOPT_SOCKETDATA, net);
	curl_multi_setopt(net->http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(net->http->multi, CURLMOPT_TIMERDATA, net);
	curl_multi_setopt(net->http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX);
	curl_multi_setopt(net->http->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	return 0;
}

void net_http_close(struct net *net)
{
	if (!net->http)
		return;
	if (net->http->multi)
		curl_multi_cleanup(net->http->multi);
	free(net->http);
	net->http = NULL;
	curl_global_cleanup();
}

static void call_free(struct call *c)
{
	if (c->in_multi)
		curl_multi_remove_handle(c->net->http->multi, c->easy);
	curl_easy_cleanup(c->easy);
	for (struct curl_slist *h = c->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(c->headers);
	buf_free(&c->body);
	free(c);
}

static void http_expire(struct net *net, struct request *r)
{
	struct call *c = (struct call *)(void *)r;

	(void)net;
	c->answer.status = NET_TIMEOUT;
	c->answer.body_len = 0;
	if (c->in_multi)
		curl_multi_remove_handle(net->http->multi, c->easy);
	c->in_multi = false;
}

static void http_deliver(struct net *net, struct request *r)
{
	struct call *c = (struct call *)(void *)r;

	(void)net;
	c->cb(c->user, &c->answer);
	call_free(c);
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct call *c = user;

	buf_add(&c->body, p, size * n);
	return c->body.failed ? 0 : size * n;
}

static int64_t number_header(CURL *easy, const char *name)
{
	struct curl_header *h;
	long long n;
	char *end;

	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return -1;
	n = strtoll(h->value, &end, 10);
	return end == h->value || *end || n < 0 ? -1 : n;
}

static void finish(struct call *c, CURLcode rc)
{
	struct http_answer *a = &c->answer;
	long code = 0, sent = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &code);
	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent);
	a->sent = sent > 0;
	a->code = (int)code;
	if (rc == CURLE_OK) {
		a->status = NET_OK;
		a->limit = number_header(c->easy, "X-RateLimit-Limit");
		a->remaining = number_header(c->easy, "X-RateLimit-Remaining");
		a->reset_at = number_header(c->easy, "X-RateLimit-Reset");
		a->retry_after_s = number_header(c->easy, "Retry-After");
		a->body = c->body.text ? c->body.text : "";
		a->body_len = c->body.len;
	} else if (rc == CURLE_OPERATION_TIMEDOUT) {
		a->status = NET_TIMEOUT;
	} else {
		const char *why = c->body.failed ? "answer too large" : *c->error ? c->error
				: curl_easy_strerror(rc);

		a->status = NET_BROKEN;
		text_mask(a->why, sizeof(a->why), why, strlen(why));
	}
	curl_multi_remove_handle(c->net->http->multi, c->easy);
	c->in_multi = false;
	net_done(c->net, &c->r);
}

static void collect(struct net *net)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(net->http->multi, &left))) {
		struct call *c;
		CURLcode rc = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		finish(c, rc);
	}
}

static bool loopback(const char *url)
{
	const char *host = url + 7;

	return !strncmp(host, "127.", 4) || !strncmp(host, "[::1]", 5) || !strncmp(host, "localhost", 9);
}

static void set_up(struct call *c, const struct http_request *req, int64_t left_ms)
{
	const struct net_conf *nc = &c->net->conf;
	CURL *easy = c->easy;
	bool plain = !strncmp(req->url, "http://", 7) && loopback(req->url);

	curl_easy_setopt(easy, CURLOPT_URL, req->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
	curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, nc->proxy && !plain ? nc->proxy : "");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (nc->ca_file && *nc->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, nc->ca_file);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, nc->user_agent);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, c->headers);
	if (req->body || !strcmp(req->method, "POST")) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)req->body_len);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, req->body ? req->body : "");
	}
	if (strcmp(req->method, "GET") && strcmp(req->method, "POST"))
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, req->method);
}

void net_http_ask(struct net *net, const struct http_request *req, int64_t deadline_ms,
		  void (*cb)(void *user, const struct http_answer *a), void *user)
{
	struct call *c = calloc(1, sizeof(*c));
	int64_t left_ms = deadline_ms - net->conf.now_ms();

	if (!c)
		abort();                   /* the contract is exactly one callback */
	*c = (struct call){ .net = net, .cb = cb, .user = user,
			    .r = { .deadline_ms = deadline_ms, .expire = http_expire,
				   .deliver = http_deliver },
			    .answer = { .status = NET_BROKEN, .limit = -1, .remaining = -1,
					.reset_at = -1, .retry_after_s = -1 } };
	buf_init(&c->body, req->answer_max);
	net_wait(net, &c->r);
	for (size_t i = 0; req->headers && req->headers[i]; i++)
		c->headers = curl_slist_append(c->headers, req->headers[i]);
	c->headers = curl_slist_append(c->headers, "Expect:");
	c->easy = curl_easy_init();
	if (c->easy && left_ms > 0) {
		set_up(c, req, left_ms);
		c->in_multi = curl_multi_add_handle(net->http->multi, c->easy) == CURLM_OK;
	}
	if (!c->in_multi && left_ms > 0) {
		snprintf(c->answer.why, sizeof(c->answer.why), "libcurl cannot start the request");
		net_done(net, &c->r);
	}
}

static void act(struct net *net, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(net->http->multi, fd, what, &running);
	collect(net);
}

void net_http_event(struct net *net, int fd, bool in, bool out)
{
	act(net, fd, (in ? CURL_CSELECT_IN : 0) | (out ? CURL_CSELECT_OUT : 0));
}

int64_t net_http_wait_ms(struct net *net, int64_t most_ms)
{
	int64_t ms = net->http->timer_at_ms < 0 ? most_ms : net->http->timer_at_ms - net->conf.now_ms();

	return ms < most_ms ? ms : most_ms;
}

void net_http_timers(struct net *net)
{
	if (net->http->timer_at_ms < 0 || net->http->timer_at_ms > net->conf.now_ms())
		return;
	net->http->timer_at_ms = -1;
	act(net, CURL_SOCKET_TIMEOUT, 0);
}
