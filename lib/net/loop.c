/* SPDX-License-Identifier: MIT */
/*
 * loop.c - one epoll loop for DNS, HTTP and the runner, and the module's only symbol
 *
 * One epoll_wait(2) a turn, until the nearest of: the caller's time, the first deadline, the next
 * try of a DNS question, what curl wants. Deadlines are ours, not the libraries': at a request's
 * deadline its callback is made, even if they are still busy with it. Answers are delivered last;
 * those of requests made by the callbacks wait for the next turn, so that a turn ends.
 */
#include "net/net_private.h"
#include "base/buf.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS	    64
#define WAIT_MAX_MS 60000 /* epoll_wait(2) takes an int */

static const struct net_driver *const drivers[NET_DRIVERS] = {
	[NET_DNS] = &net_dns_driver,
	[NET_HTTP] = &net_http_driver,
	[NET_RUN] = &net_run_driver,
};

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

void net_refuse(struct net *net, const struct refusal *refusal)
{
	if (net->nrefusals == REFUSALS_MAX) {
		/* The one exception: a callback too early is better than one that never comes. */
		refusal->deliver(refusal);
		return;
	}
	net->refusals[net->nrefusals++] = *refusal;
	net->owed++;
}

static uint64_t pack_event(enum net_driver_id driver, int number, int fd)
{
	return (uint64_t)driver << 48 | (uint64_t)(uint16_t)number << 32 | (uint32_t)fd;
}

bool net_watch(struct net *net, enum net_driver_id driver, int number, int fd, bool in, bool out)
{
	struct epoll_event ev = { .data.u64 = pack_event(driver, number, fd) };

	if (!in && !out) {
		epoll_ctl(net->epoll, EPOLL_CTL_DEL, fd, NULL);
		return true;
	}
	if (in)
		ev.events |= EPOLLIN;
	if (out)
		ev.events |= EPOLLOUT;
	if (!epoll_ctl(net->epoll, EPOLL_CTL_MOD, fd, &ev))
		return true;
	return errno == ENOENT && !epoll_ctl(net->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static void deliver_answers(struct net *net)
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
		refusal.deliver(&refusal);
	}
	net->nrefusals -= count;
	memmove(net->refusals, net->refusals + count, net->nrefusals * sizeof(net->refusals[0]));
}

static void expire_requests(struct net *net, int64_t now)
{
	while (net->waiting && net->waiting->key <= now) {
		struct request *request = first_waiting(net);

		request->expire(net, request);
		net_done(net, request);
	}
}

static int how_long_ms(struct net *net, int64_t until_ms)
{
	int64_t ms;

	if (net->done || net->nrefusals)
		return 0;
	if (net->waiting && net->waiting->key < until_ms)
		until_ms = net->waiting->key;
	for (size_t i = 0; i < NET_DRIVERS; i++) {
		int64_t next_ms = drivers[i]->next_ms(net);

		if (next_ms < until_ms)
			until_ms = next_ms;
	}
	ms = until_ms - net->conf.now_ms();
	if (ms < 0)
		return 0;
	if (ms < WAIT_MAX_MS)
		return (int)ms;
	return WAIT_MAX_MS;
}

static void handle_event(struct net *net, const struct epoll_event *ev)
{
	uint64_t packed = ev->data.u64;
	/* HUP and ERR: reading is how the libraries learn of them. */
	bool in = ev->events & (EPOLLIN | EPOLLHUP | EPOLLERR);
	bool out = ev->events & EPOLLOUT;

	drivers[packed >> 48]->event(net, (int)(packed >> 32 & UINT16_MAX), (int)(uint32_t)packed,
				     in, out);
}

static size_t net_turn(struct net *net, int64_t until_ms)
{
	struct epoll_event ev[EVENTS];
	int count;

	for (size_t i = 0; i < NET_DRIVERS; i++)
		if (drivers[i]->send)
			drivers[i]->send(net);
	count = epoll_wait(net->epoll, ev, EVENTS, how_long_ms(net, until_ms));
	for (int i = 0; i < count; i++)
		handle_event(net, &ev[i]);
	for (size_t i = 0; i < NET_DRIVERS; i++)
		drivers[i]->timers(net);
	expire_requests(net, net->conf.now_ms());
	deliver_answers(net);
	return net->owed;
}

static void net_conf_free(struct net_conf *conf)
{
	const char *text[] = { conf->ca_file, conf->proxy, conf->user_agent };

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		free((void *)(uintptr_t)text[i]);
}

static bool net_conf_copy(struct net_conf *to, const struct net_conf *from)
{
	*to = *from;
	to->resolvers = NULL; /* read once, by net_open() */
	to->ca_file = strdup(text_or(from->ca_file, ""));
	to->proxy = strdup(text_or(from->proxy, ""));
	to->user_agent = strdup(text_or(from->user_agent, ""));
	return to->ca_file && to->proxy && to->user_agent;
}

static struct net *net_close(struct net *net)
{
	if (!net)
		return NULL;
	while (net->owed) { /* a callback may ask once more: that is answered too */
		expire_requests(net, INT64_MAX);
		deliver_answers(net);
	}
	for (size_t i = NET_DRIVERS; i > 0; i--)
		drivers[i - 1]->close(net);
	if (net->epoll >= 0)
		close(net->epoll);
	net_conf_free(&net->conf);
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
	if (net->epoll < 0) {
		rc = err_set(error, IPREP_E_OS, "epoll: %s", strerror(errno));
		goto fail;
	}
	if (!net_conf_copy(&net->conf, conf)) {
		rc = err_set(error, IPREP_E_NOMEM, "out of memory");
		goto fail;
	}
	for (size_t i = 0; i < NET_DRIVERS; i++) {
		rc = drivers[i]->open(net, conf, error);
		if (rc)
			goto fail;
	}
	*ret_net = net;
	return 0;
fail:
	net_close(net);
	return rc;
}

__attribute__((visibility("default"))) const struct net_ops iprep_net = {
	.version = IPREP_VERSION,
	.open = net_open,
	.close = net_close,
	.dns = net_dns_ask,
	.http = net_http_ask,
	.run = net_run_ask,
	.is_local = net_dns_is_local,
	.turn = net_turn,
};
