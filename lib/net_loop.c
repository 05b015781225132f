/* SPDX-License-Identifier: MIT */
/*
 * net_loop.c - one epoll loop for c-ares and curl, and the module's only symbol
 *
 * Callbacks are made from turn() and close() only: what is answered earlier waits in the done list.
 */
#include "net_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTS 64

static void list_remove(struct net_list *l, struct request *r)
{
	*(r->prev ? &r->prev->next : &l->head) = r->next;
	*(r->next ? &r->next->prev : &l->tail) = r->prev;
	r->prev = r->next = NULL;
}

static void list_insert_after(struct net_list *l, struct request *at, struct request *r)
{
	r->prev = at;
	r->next = at ? at->next : l->head;
	*(at ? &at->next : &l->head) = r;
	*(r->next ? &r->next->prev : &l->tail) = r;
}

/* Deadlines nearly always grow, so the search from the end is short. */
void net_wait(struct net *net, struct request *r)
{
	struct request *at = net->waiting.tail;

	while (at && at->deadline_ms > r->deadline_ms)
		at = at->prev;
	list_insert_after(&net->waiting, at, r);
	net->owed++;
}

void net_done(struct net *net, struct request *r)
{
	if (r->is_done)
		return;
	r->is_done = true;
	list_remove(&net->waiting, r);
	list_insert_after(&net->done, net->done.tail, r);
}

void net_watch(struct net *net, int fd, int tag, bool in, bool out)
{
	struct epoll_event ev = { .data.u64 = (uint64_t)(uint32_t)fd | (uint64_t)tag << 32 };

	if (!in && !out) {
		epoll_ctl(net->epoll, EPOLL_CTL_DEL, fd, NULL);
		return;
	}
	ev.events = (in ? EPOLLIN : 0U) | (out ? EPOLLOUT : 0U);
	if (epoll_ctl(net->epoll, EPOLL_CTL_MOD, fd, &ev) && errno == ENOENT)
		epoll_ctl(net->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static void deliver(struct net *net)
{
	while (net->done.head) {
		struct request *r = net->done.head;

		list_remove(&net->done, r);
		net->owed--;
		r->deliver(net, r);
	}
}

static void expire(struct net *net, int64_t now)
{
	while (net->waiting.head && net->waiting.head->deadline_ms <= now) {
		struct request *r = net->waiting.head;

		r->expire(net, r);
		net_done(net, r);
	}
}

static void events(struct net *net, int64_t until_ms)
{
	struct epoll_event ev[EVENTS];
	int64_t now = net->conf.now_ms(), ms = until_ms - now;
	int n;

	if (net->waiting.head && net->waiting.head->deadline_ms - now < ms)
		ms = net->waiting.head->deadline_ms - now;
	ms = net_dns_wait_ms(net, ms);
	ms = net_http_wait_ms(net, ms);
	if (net->done.head || ms < 0)
		ms = 0;
	n = epoll_wait(net->epoll, ev, EVENTS, (int)(ms > 60000 ? 60000 : ms));
	for (int i = 0; i < n; i++) {
		int fd = (int)(uint32_t)ev[i].data.u64, tag = (int)(ev[i].data.u64 >> 32);
		bool in = ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR), out = ev[i].events & EPOLLOUT;

		if (tag == TAG_HTTP)
			net_http_event(net, fd, in, out);
		else
			net_dns_event(net, tag, fd, in, out);
	}
	net_dns_timers(net);
	net_http_timers(net);
}

static size_t net_turn(struct net *net, int64_t until_ms)
{
	if (!net->done.head)
		events(net, until_ms);
	expire(net, net->conf.now_ms());
	deliver(net);
	return net->owed;
}

static struct net *net_close(struct net *net)
{
	if (!net)
		return NULL;
	while (net->waiting.head) {
		struct request *r = net->waiting.head;

		r->expire(net, r);
		net_done(net, r);
	}
	deliver(net);
	net_http_close(net);
	net_dns_close(net);
	if (net->epoll >= 0)
		close(net->epoll);
	free(net);
	return NULL;
}

static int net_open(const struct net_conf *conf, struct net **ret_net, struct err *e)
{
	struct net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	net->conf = *conf;
	net->epoll = epoll_create1(EPOLL_CLOEXEC);
	r = net->epoll < 0 ? err_set(e, IPREP_E_OS, "epoll: %s", strerror(errno)) : net_dns_open(net, e);
	if (!r)
		r = net_http_open(net, e);
	if (r) {
		net_close(net);
		return r;
	}
	*ret_net = net;
	return 0;
}

__attribute__((visibility("default"))) const struct net_ops iprep_net = {
	.version = IPREP_VERSION, .open = net_open, .close = net_close,
	.dns = net_dns_ask, .http = net_http_ask, .turn = net_turn,
};
