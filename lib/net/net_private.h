/* SPDX-License-Identifier: MIT */
/*
 * net_private.h - shared by loop.c, dns.c and http.c (in the module)
 *
 * A request owes one callback. It waits in a heap ordered by deadline; when its answer is known it
 * moves to the done list, and turn() or close() delivers it. So a callback is never made inside
 * dns() or http(), nor inside c-ares or curl, and may call all of these.
 */
#pragma once
#include "net/net.h"
#include "net/cares.h"
#include "net/heap.h"

/* Which channel of c-ares a descriptor in the epoll set belongs to, or curl. For each resolver and
 * transport there is one in use; the others are closed, or wait for their last answers. */
enum { GENERATIONS = 4, DNS_CHANNELS = RESOLVERS_MAX * 2 * GENERATIONS, TAG_HTTP = DNS_CHANNELS };

#define REFUSALS_MAX 256

struct request {
	struct heap_node deadline; /* first; key: deadline_ms */
	struct request *next;	   /* in the done list */
	bool is_done;
	void (*expire)(struct net *net, struct request *request);  /* NET_TIMEOUT; stop trying */
	void (*deliver)(struct net *net, struct request *request); /* make the callback, release */
};
struct refusal { /* owed although there was no memory for a request */
	void (*dns_cb)(void *user, const struct dns_answer *answer);
	void (*http_cb)(void *user, const struct http_answer *answer);
	void *user;
};
struct net_dns;
struct net_http;
struct net {
	struct net_conf conf; /* its strings are copies */
	int epoll;
	struct heap_node *waiting;
	struct request *done, **done_end;
	struct refusal refusals[REFUSALS_MAX];
	size_t nrefusals, owed;
	struct net_dns *dns;
	struct net_http *http;
};

void net_wait(struct net *net, struct request *request, int64_t deadline_ms); /* a new request */
void net_done(struct net *net, struct request *request);	     /* its answer is known */
void net_refuse(struct net *net, struct refusal refusal);	     /* a new one, without memory */
bool net_watch(struct net *net, int fd, int tag, bool in, bool out); /* neither: forget fd */

int net_dns_open(struct net *net, const struct net_conf *conf, struct err *error);
void net_dns_close(struct net *net);
void net_dns_ask(struct net *net, const char *name, int type, bool tcp, int64_t deadline_ms,
		 void (*cb)(void *user, const struct dns_answer *answer), void *user);
bool net_dns_is_local(const struct net *net);
void net_dns_event(struct net *net, int tag, int fd, bool in, bool out);
int64_t net_dns_next_ms(const struct net *net); /* when net_dns_timers() wants to run */
void net_dns_timers(struct net *net);

int net_http_open(struct net *net, struct err *error);
void net_http_close(struct net *net);
void net_http_ask(struct net *net, const struct http_request *req, int64_t deadline_ms,
		  void (*cb)(void *user, const struct http_answer *answer), void *user);
void net_http_event(struct net *net, int fd, bool in, bool out);
int64_t net_http_next_ms(const struct net *net);
void net_http_timers(struct net *net);
