/* SPDX-License-Identifier: MIT */
/*
 * loop.c - one epoll loop for c-ares and curl, and the module's only symbol
 *
 * One epoll_wait(2) a turn, until the nearest of: the caller's time, the first deadline, the next
 * try of a DNS question, what curl wants. Deadlines are ours, not the libraries': at a request's
 * deadline its callback is made, whatever they are still doing. Answers are delivered last, those
 * of requests made meanwhile by the next turn, so that a turn ends.
 */
#include "net/net_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS	    64
#define WAIT_MAX_MS 60000 /* epoll_wait(2) takes an int */

/* A request begins with its heap_node. */
static struct request *first_waiting(struct net *net)
{
	return (struct request *)(void *)net->waiting;
}

void net_wait(struct net *net, struct request *request, int64_t deadline_ms)
{
	request->deadline.key = deadline_ms;
	heap_insert(&net->waiting, &request->deadline);
	net->owed++;
}

void net_done(struct net *net, struct request *request)
{
	if (request->is_done)
		return;
	request->is_done = true;
	heap_remove(&net->waiting, &request->deadline);
	request->next = NULL;
	*net->done_end = request;
	net->done_end = &request->next;
}

static void make_refusal(const struct refusal *refusal)
{
	static const char why[] = "out of memory";

	if (refusal->dns_cb) {
		struct dns_answer answer = { .status = NET_BROKEN };

		memcpy(answer.why, why, sizeof(why));
		refusal->dns_cb(refusal->user, &answer);
	} else {
		struct http_answer answer = { .status = NET_BROKEN,
					      .limit = -1,
					      .remaining = -1,
					      .reset_at = -1,
					      .retry_after_s = -1,
					      .body = "" };

		memcpy(answer.why, why, sizeof(why));
		refusal->http_cb(refusal->user, &answer);
	}
}

void net_refuse(struct net *net, struct refusal refusal)
{
	if (net->nrefusals == REFUSALS_MAX) {
		/* The one exception: a callback too early is better than one that never comes. */
		make_refusal(&refusal);
		return;
	}
	net->refusals[net->nrefusals++] = refusal;
	net->owed++;
}

bool net_watch(struct net *net, int fd, int tag, bool in, bool out)
{
	struct epoll_event ev = { .data.u64 = (uint64_t)(uint32_t)fd | (uint64_t)tag << 32 };

	if (!in && !out) {
		epoll_ctl(net->epoll, EPOLL_CTL_DEL, fd, NULL);
		return true;
	}
	ev.events = (in ? (uint32_t)EPOLLIN : 0) | (out ? (uint32_t)EPOLLOUT : 0);
	if (!epoll_ctl(net->epoll, EPOLL_CTL_MOD, fd, &ev))
		return true;
	return errno == ENOENT && !epoll_ctl(net->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static void deliver(struct net *net)
{
	struct request *request = net->done;
	size_t count = net->nrefusals;

	net->done = NULL;
	net->done_end = &net->done;
	while (request) {
		struct request *next = request->next;

		net->owed--;
		request->deliver(net, request);
		request = next;
	}
	for (size_t i = 0; i < count; i++) {
		struct refusal refusal = net->refusals[i];

		net->owed--;
		make_refusal(&refusal);
	}
	net->nrefusals -= count;
	memmove(net->refusals, net->refusals + count, net->nrefusals * sizeof(net->refusals[0]));
}

static void expire(struct net *net, int64_t now)
{
	while (net->waiting && net->waiting->key <= now) {
		struct request *request = first_waiting(net);

		request->expire(net, request);
		net_done(net, request);
	}
}

static int how_long_ms(struct net *net, int64_t until_ms)
{
	int64_t dns = net_dns_next_ms(net), http = net_http_next_ms(net), ms;

	if (net->done || net->nrefusals)
		return 0;
	if (net->waiting && net->waiting->key < until_ms)
		until_ms = net->waiting->key;
	if (dns < until_ms)
		until_ms = dns;
	if (http < until_ms)
		until_ms = http;
	ms = until_ms - net->conf.now_ms();
	return ms < 0 ? 0 : ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)ms;
}

static void handle(struct net *net, const struct epoll_event *ev)
{
	int fd = (int)(uint32_t)ev->data.u64, tag = (int)(ev->data.u64 >> 32);
	/* HUP and ERR: reading is how the libraries learn of them. */
	bool in = ev->events & (EPOLLIN | EPOLLHUP | EPOLLERR);
	bool out = ev->events & EPOLLOUT;

	if (tag == TAG_HTTP)
		net_http_event(net, fd, in, out);
	else
		net_dns_event(net, tag, fd, in, out);
}

static size_t net_turn(struct net *net, int64_t until_ms)
{
	struct epoll_event ev[EVENTS];
	int count = epoll_wait(net->epoll, ev, EVENTS, how_long_ms(net, until_ms));

	for (int i = 0; i < count; i++)
		handle(net, &ev[i]);
	net_dns_timers(net);
	net_http_timers(net);
	expire(net, net->conf.now_ms());
	deliver(net);
	return net->owed;
}

static void conf_free(struct net_conf *conf)
{
	const char *text[] = { conf->ca_file, conf->proxy, conf->user_agent };

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		free((void *)(uintptr_t)text[i]);
}

static bool conf_copy(struct net_conf *to, const struct net_conf *from)
{
	*to = *from;
	to->resolvers = NULL; /* read once, by net_open() */
	to->ca_file = strdup(from->ca_file ? from->ca_file : "");
	to->proxy = strdup(from->proxy ? from->proxy : "");
	to->user_agent = strdup(from->user_agent ? from->user_agent : "");
	return to->ca_file && to->proxy && to->user_agent;
}

static struct net *net_close(struct net *net)
{
	if (!net)
		return NULL;
	while (net->owed) { /* a callback may ask once more: that is answered too */
		expire(net, INT64_MAX);
		deliver(net);
	}
	net_http_close(net);
	net_dns_close(net);
	if (net->epoll >= 0)
		close(net->epoll);
	conf_free(&net->conf);
	free(net);
	return NULL;
}

static int net_open(const struct net_conf *conf, struct net **ret_net, struct err *error)
{
	struct net *net = calloc(1, sizeof(*net));
	int rc;

	if (!net)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	net->done_end = &net->done;
	net->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (net->epoll < 0)
		rc = err_set(error, IPREP_E_OS, "epoll: %s", strerror(errno));
	else if (!conf_copy(&net->conf, conf))
		rc = err_set(error, IPREP_E_NOMEM, "out of memory");
	else
		rc = net_dns_open(net, conf, error);
	if (!rc)
		rc = net_http_open(net, error);
	if (rc) {
		net_close(net);
		return rc;
	}
	*ret_net = net;
	return 0;
}

__attribute__((visibility("default"))) const struct net_ops iprep_net = {
	.version = IPREP_VERSION,
	.open = net_open,
	.close = net_close,
	.dns = net_dns_ask,
	.http = net_http_ask,
	.is_local = net_dns_is_local,
	.turn = net_turn,
};
