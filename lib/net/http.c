/* SPDX-License-Identifier: MIT */
/*
 * http.c - the door to libcurl, with http_setup.c and http_headers.c (multi socket
 * interface, libcurl-multi(3))
 *
 * Connections are kept and shared: a few, whatever the number of requests; the others wait in
 * curl. At our deadline a request is taken from curl, with its connection. What curl reports of a
 * failure is foreign text and goes through http_mask().
 */
#include "net/http_private.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 8L

struct net_http {
	CURLM *multi;
	int64_t timer_at_ms;
	const char *broken; /* why libcurl makes no requests any more; NULL: it does */
};

static void call_break(struct call *call, const char *doing, const char *why)
{
	if (call->request.is_done)
		return;
	call->answer.status = NET_BROKEN;
	snprintf(call->answer.why, sizeof(call->answer.why), "%s: %s", doing, why);
	net_done(call->net, &call->request);
}

/*
 * Not from here: -1 makes curl abort its transfers in the middle of what it does, and some of its
 * versions use a connection after they have freed it. The request ends with this turn.
 */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *sock)
{
	bool gone = what == CURL_POLL_REMOVE;
	struct call *call = NULL;
	int error;

	(void)sock;
	if (net_watch(user, NET_HTTP, 0, fd, !gone && what & CURL_POLL_IN,
		      !gone && what & CURL_POLL_OUT))
		return 0;
	error = errno;
	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call) == CURLE_OK && call)
		call_break(call, "epoll", strerror(error));
	return 0;
}

/* What curl itself cannot do any more ends all requests, immediately or at their deadlines. */
static bool curl_did(struct net *net, CURLMcode rc)
{
	if (rc == CURLM_OK)
		return true;
	if (rc != CURLM_BAD_SOCKET) /* of one that has ended */
		net->http->broken = curl_multi_strerror(rc);
	return false;
}

static int on_timer(CURLM *multi, long ms, void *user)
{
	struct net *net = user;

	(void)multi;
	net->http->timer_at_ms = INT64_MAX;
	if (ms >= 0)
		net->http->timer_at_ms = net->conf.now_ms() + ms;
	return 0;
}

static int http_open(struct net *net, const struct net_conf *conf, struct err *error)
{
	struct net_http *http = calloc(1, sizeof(*http));

	(void)conf;
	if (!http || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(http);
		return err_set(error, IPREP_E_NOMEM, "HTTP: libcurl cannot be initialised");
	}
	net->http = http;
	http->timer_at_ms = INT64_MAX;
	http->multi = curl_multi_init();
	if (!http->multi)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	if (curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket) ||
	    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, net) ||
	    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer) ||
	    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, net) ||
	    curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX) ||
	    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX))
		return err_set(error, IPREP_E_OS, "HTTP: libcurl refuses one of the options");
	return 0;
}

static void http_close(struct net *net)
{
	if (!net->http)
		return;
	curl_multi_cleanup(net->http->multi);
	free(net->http);
	net->http = NULL;
	curl_global_cleanup();
}

static void call_free(struct call *call)
{
	curl_easy_cleanup(call->easy);
	curl_mime_free(call->form);
	for (struct curl_slist *header = call->headers; header; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	curl_slist_free_all(call->headers);
	buf_free(&call->body);
	free(call);
}

/* Takes it from curl and remembers whether the server may have seen it. */
static void call_leave_multi(struct call *call)
{
	long bytes = 0;

	if (!call->in_multi)
		return;
	if (curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK)
		bytes = 1; /* unknown: it may have been sent */
	call->answer.sent = bytes > 0;
	curl_did(call->net, curl_multi_remove_handle(call->net->http->multi, call->easy));
	call->in_multi = false;
}

static void http_expire(struct net *net, struct request *request)
{
	struct call *call = (struct call *)(void *)request;

	call_leave_multi(call);
	if (net->http->broken) {
		call_break(call, "libcurl", net->http->broken);
		return;
	}
	call->answer.status = NET_TIMEOUT;
	snprintf(call->answer.why, sizeof(call->answer.why), "%s",
		 call->answer.sent ? "timeout after the request was sent"
				   : "timeout before the request was sent");
}

static void http_deliver(struct net *net, struct request *request)
{
	struct call *call = (struct call *)(void *)request;

	(void)net;
	call_leave_multi(call); /* one that call_break() ended */
	call->cb(call->user, &call->answer);
	call_free(call);
}

static void call_take_answer(struct call *call, long code)
{
	struct http_answer *answer = &call->answer;

	answer->status = NET_OK;
	answer->code = (int)code;
	http_read_headers(call, answer);
	if (call->body.text)
		answer->body = call->body.text;
	else
		answer->body = "";
	answer->body_len = call->body.len;
}

static void call_take_failure(struct call *call, CURLcode rc)
{
	struct http_answer *answer = &call->answer;
	const char *why = call->error;

	answer->status = NET_BROKEN;
	if (!*why)
		why = curl_easy_strerror(rc);
	if (call->too_big)
		snprintf(answer->why, sizeof(answer->why), "an answer of more than %zu bytes",
			 call->answer_max);
	else if (call->is_not_taken)
		snprintf(answer->why, sizeof(answer->why), "not read to its end");
	else
		http_mask(call, answer->why, sizeof(answer->why), why, strlen(why));
}

static void call_finish(struct call *call, CURLcode rc)
{
	long code = 0;

	if (call->request.is_done) /* call_break() */
		return;
	if (curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &code) != CURLE_OK)
		code = 0;
	if (rc == CURLE_OPERATION_TIMEDOUT) {
		http_expire(call->net, &call->request);
		net_done(call->net, &call->request);
		return;
	}
	if (rc == CURLE_OK && code > 0)
		call_take_answer(call, code);
	else
		call_take_failure(call, rc);
	call_leave_multi(call);
	net_done(call->net, &call->request);
}

static void curl_act(struct net *net, curl_socket_t fd, int what)
{
	int count;
	CURLMsg *m;

	curl_did(net, curl_multi_socket_action(net->http->multi, fd, what, &count));
	while ((m = curl_multi_info_read(net->http->multi, &count))) {
		CURLcode rc = m->data.result; /* call_finish() makes m invalid */
		struct call *call = NULL;

		if (m->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK && call)
			call_finish(call, rc);
	}
}

static const struct http_answer no_answer = {
	.status = NET_BROKEN,
	.limit = -1,
	.remaining = -1,
	.reset_at = -1,
	.retry_after_s = -1,
	.body = "",
};

static void http_refuse(const struct refusal *refusal)
{
	struct http_answer answer = no_answer;

	snprintf(answer.why, sizeof(answer.why), "out of memory");
	refusal->http_cb(refusal->user, &answer);
}

void net_http_ask(struct net *net, const struct http_request *req, int64_t deadline_ms,
		  void (*cb)(void *user, const struct http_answer *answer), void *user)
{
	struct call *call = calloc(1, sizeof(*call));
	int64_t left_ms = deadline_ms - net->conf.now_ms();
	const char *why;

	if (!call) {
		net_refuse(net, &(struct refusal){
					.deliver = http_refuse, .http_cb = cb, .user = user });
		return;
	}
	*call = (struct call){ .net = net,
			       .cb = cb,
			       .user = user,
			       .take = req->take,
			       .answer_max = req->answer_max,
			       .request = { .expire = http_expire, .deliver = http_deliver },
			       .answer = no_answer };
	buf_init(&call->body, req->take ? HTTP_OTHER_MAX : req->answer_max);
	net_wait(net, &call->request, deadline_ms);
	if (left_ms <= 0)
		return; /* the next turn reports the timeout */
	why = http_set_up(call, req, left_ms);
	if (!why)
		why = net->http->broken;
	call->in_multi = !why; /* before: its callbacks may be made inside */
	if (!why && !curl_did(net, curl_multi_add_handle(net->http->multi, call->easy))) {
		call->in_multi = false;
		why = "libcurl accepts no more requests";
	}
	if (why && !call->request.is_done) {
		snprintf(call->answer.why, sizeof(call->answer.why), "%s", why);
		net_done(net, &call->request);
	}
}

static void http_event(struct net *net, int number, int fd, bool in, bool out)
{
	int ready = 0;

	(void)number;
	if (in)
		ready |= CURL_CSELECT_IN;
	if (out)
		ready |= CURL_CSELECT_OUT;
	curl_act(net, fd, ready);
}

static int64_t http_next_ms(const struct net *net)
{
	return net->http->timer_at_ms;
}

static void http_timers(struct net *net)
{
	if (net->http->timer_at_ms > net->conf.now_ms())
		return;
	net->http->timer_at_ms = INT64_MAX; /* curl says when again */
	curl_act(net, CURL_SOCKET_TIMEOUT, 0);
}

const struct net_driver net_http_driver = {
	.open = http_open,
	.close = http_close,
	.event = http_event,
	.next_ms = http_next_ms,
	.timers = http_timers,
};
