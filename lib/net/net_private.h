/* SPDX-License-Identifier: MIT */
/*
 * net_private.h - the loop and its drivers, DNS, HTTP and the runner (in the module)
 *
 * A request owes one callback. It waits in a heap ordered by deadline; when its answer is known it
 * moves to the done list, and turn() or close() delivers it. So a callback is never made inside
 * dns() or http(), nor inside c-ares or curl, and may call all of these.
 */
#pragma once
#include "net/heap.h"
#include "net/net.h"

#define REFUSALS_MAX 256

struct request {
	struct heap_node deadline; /* first; key: deadline_ms */
	struct request *next;	   /* in the done list */
	bool is_done;
	void (*expire)(struct net *net, struct request *request);  /* NET_TIMEOUT; stop trying */
	void (*deliver)(struct net *net, struct request *request); /* make the callback, release */
};
struct refusal { /* a callback that is owed although there was no memory for a request */
	void (*deliver)(const struct refusal *refusal);
	void (*dns_cb)(void *user, const struct dns_answer *answer);
	void (*http_cb)(void *user, const struct http_answer *answer);
	void (*run_cb)(void *user, const struct run_answer *answer);
	void *user;
};
struct net_dns;
struct net_http;
struct net_run;
struct net {
	struct net_conf conf; /* its strings are copies */
	int epoll;
	struct heap_node *waiting;
	struct request *done, **done_end;
	struct refusal refusals[REFUSALS_MAX];
	size_t nrefusals, owed;
	struct net_dns *dns;
	struct net_http *http;
	struct net_run *run;
};

/* What the loop needs of the code that speaks a protocol; a row in loop.c. */
struct net_driver {
	int (*open)(struct net *net, const struct net_conf *conf, struct err *error);
	void (*close)(struct net *net); /* also after open() has failed */
	/* A socket is ready; number is what net_watch() was given. */
	void (*event)(struct net *net, int number, int fd, bool in, bool out);
	void (*send)(struct net *net);		   /* what was asked leaves; NULL: it has left */
	int64_t (*next_ms)(const struct net *net); /* when timers() has to run; INT64_MAX: never */
	void (*timers)(struct net *net);
};
enum net_driver_id { NET_DNS, NET_HTTP, NET_RUN, NET_DRIVERS };
extern const struct net_driver net_dns_driver, net_http_driver, net_run_driver;

/* Accept a request: it is delivered by its deadline. */
void net_wait(struct net *net, struct request *request, int64_t deadline_ms);
/* Its answer is known. */
void net_done(struct net *net, struct request *request);
/* Accept one for which there is no memory. */
void net_refuse(struct net *net, const struct refusal *refusal);
/* Watch fd for the driver; number is its own. Neither in nor out: forget fd. */
bool net_watch(struct net *net, enum net_driver_id driver, int number, int fd, bool in, bool out);

void net_dns_ask(struct net *net, const char *name, int type, bool tcp, int64_t deadline_ms,
		 void (*cb)(void *user, const struct dns_answer *answer), void *user);
bool net_dns_is_local(const struct net *net);
void net_http_ask(struct net *net, const struct http_request *req, int64_t deadline_ms,
		  void (*cb)(void *user, const struct http_answer *answer), void *user);
void net_run_ask(struct net *net, int fd, const struct run_request *request, int64_t deadline_ms,
		 void (*cb)(void *user, const struct run_answer *answer), void *user);
