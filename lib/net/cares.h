/* SPDX-License-Identifier: MIT */
/*
 * cares.h - the door to c-ares: one question to one resolver, sent once (in the module)
 *
 * c-ares finds the system's resolvers, keeps the sockets, and matches replies with questions. When
 * to try again, with which resolver, over TCP after a truncated reply, and until when is decided in
 * dns.c, because c-ares decides it differently in each version: since 1.32 it adapts
 * its timeouts to each resolver, and a reply that takes longer is lost.
 */
#pragma once
#include "net/inbox.h"
#include "net/net.h"
#include "net/outbox.h"

#define RESOLVER_ROOM 96 /* "[IPv6]:port%interface", terminated */

struct ares_channeldata; /* a channel of c-ares */

/* Neither readable nor writable: the socket is about to be closed. */
typedef void net_ares_watch(void *user, int fd, int readable, int writable);

struct net_ares_question { /* the caller's, until end() */
	const char *name;  /* valid for c-ares */
	int type;	   /* NET_A, NET_AAAA, NET_TXT */
	/* reply: valid during the call, and its txts are freed afterwards unless they are taken
	 * out; NULL: there is none, and why is the reason, or NULL if the channel was closed or
	 * c-ares gave up waiting. */
	void (*end)(struct net_ares_question *question, struct dns_answer *reply, const char *why);
};

int net_ares_init(struct err *error); /* before anything else; counted. Errors: _OS, _NOMEM */
void net_ares_done(void);
/* Those of /etc/resolv.conf, RESOLVERS_MAX at most. Errors: _OS, _NOMEM. */
int net_ares_resolvers(char ret[RESOLVERS_MAX][RESOLVER_ROOM], size_t *ret_n, struct err *error);
/* Datagrams of all channels over UDP, on their way. */
struct net_ares_datagrams {
	struct outbox outbox;
	struct inbox inbox;
};

/* Over UDP, or over TCP only if datagrams is NULL. Errors: _NOMEM. */
int net_ares_open(const char *resolver, struct net_ares_datagrams *datagrams, net_ares_watch *watch,
		  void *user, struct ares_channeldata **ret, struct err *error);
void net_ares_close(struct ares_channeldata *channel); /* ends all its questions; takes NULL */
/* Ends exactly once, perhaps inside this call. */
void net_ares_ask(struct ares_channeldata *channel, struct net_ares_question *question);
void net_ares_event(struct ares_channeldata *channel, int fd, bool in, bool out);
