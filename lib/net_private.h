/* SPDX-License-Identifier: MIT */
/* net_private.h - shared by net_loop.c, net_dns.c and net_http.c (in the module) */
#pragma once
#include "net.h"
#include <sys/epoll.h>

enum { TAG_DNS_UDP, TAG_DNS_TCP, TAG_HTTP };

/* One request owes one callback. It waits in a list ordered by deadline, then in the done list. */
struct request {
	struct request *prev, *next;
	int64_t deadline_ms;
	bool is_done;                      /* in the done list: deliver() makes the callback */
	void (*expire)(struct net *net, struct request *r);    /* fill in NET_TIMEOUT; then it is done */
	void (*deliver)(struct net *net, struct request *r);   /* make the callback, release */
};
struct net_list { struct request *head, *tail; };
struct net_dns;
struct net_http;
struct net {
	struct net_conf conf;
	int epoll;
	struct net_list waiting, done;
	size_t owed;
	struct net_dns *dns;
	struct net_http *http;
};

void net_wait(struct net *net, struct request *r);     /* a new request */
void net_done(struct net *net, struct request *r);     /* its answer is known: deliver in turn() */
void net_watch(struct net *net, int fd, int tag, bool in, bool out);   /* neither: forget fd */

int net_dns_open(struct net *net, struct err *e);
void net_dns_close(struct net *net);
void net_dns_ask(struct net *net, const char *name, int type, bool tcp, int64_t deadline_ms,
		 void (*cb)(void *user, const struct dns_answer *a), void *user);
void net_dns_event(struct net *net, int tag, int fd, bool in, bool out);
int64_t net_dns_wait_ms(struct net *net, int64_t most_ms);
void net_dns_timers(struct net *net);

int net_http_open(struct net *net, struct err *e);
void net_http_close(struct net *net);
void net_http_ask(struct net *net, const struct http_request *req, int64_t deadline_ms,
		  void (*cb)(void *user, const struct http_answer *a), void *user);
void net_http_event(struct net *net, int fd, bool in, bool out);
int64_t net_http_wait_ms(struct net *net, int64_t most_ms);
void net_http_timers(struct net *net);
