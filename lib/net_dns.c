/* SPDX-License-Identifier: MIT */
/*
 * net_dns.c - the only door to c-ares (1.18: ares_query(3), ares_init_options(3))
 *
 * Two channels, UDP (truncated answers go over TCP) and TCP only. c-ares cannot take one query back:
 * after our deadline the query becomes an orphan, which is freed when c-ares lets go of it.
 */
#include "net_private.h"
#include "dns_message.h"
#include <ares.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TRY_MS 1500
#define TRIES 3
#define SOCKET_BYTES (2 * 1024 * 1024)     /* thousands in flight overflow the default */

struct net_dns { ares_channel channel[2]; bool open[2]; struct sock { struct net *net; int tag; } sock[2]; };
struct query {
	struct request r;                  /* first */
	struct net *net;
	bool orphan;                       /* the callback is made, c-ares still holds it */
	bool held;                         /* c-ares will call back */
	int type;
	struct dns_answer answer;
	void (*cb)(void *user, const struct dns_answer *a);
	void *user;
	char name[256];
};

static void sock_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct sock *s = data;

	net_watch(s->net, fd, s->tag, readable, writable);
}

static int sock_options(ares_socket_t fd, int type, void *data)
{
	int bytes = SOCKET_BYTES;

	(void)data;
	if (type == SOCK_DGRAM)            /* refused above net.core.rmem_max: then what it allows */
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return 0;
}

static int open_channel(struct net *net, int tag, struct err *e)
{
	struct net_dns *d = net->dns;
	struct ares_options o = { .flags = ARES_FLAG_STAYOPEN | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
					   ARES_FLAG_NOCHECKRESP, .timeout = TRY_MS, .tries = TRIES };
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
	int rc;

	if (tag == TAG_DNS_TCP)
		o.flags |= ARES_FLAG_USEVC;
	d->sock[tag] = (struct sock){ net, tag };
	o.sock_state_cb = sock_state;
	o.sock_state_cb_data = &d->sock[tag];
	rc = ares_init_options(&d->channel[tag], &o, mask);
	if (rc != ARES_SUCCESS)
		return err_set(e, IPREP_E_OS, "DNS: %s", ares_strerror(rc));
	d->open[tag] = true;
	ares_set_socket_configure_callback(d->channel[tag], sock_options, NULL);
	if (*net->conf.resolvers)
		rc = ares_set_servers_ports_csv(d->channel[tag], net->conf.resolvers);
	if (rc != ARES_SUCCESS)
		return err_set(e, IPREP_E_CONFIG, "[dns] resolvers: \"%s\": %s", net->conf.resolvers,
			       ares_strerror(rc));
	return 0;
}

int net_dns_open(struct net *net, struct err *e)
{
	int r;

	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return err_set(e, IPREP_E_OS, "DNS: c-ares cannot be initialised");
	net->dns = calloc(1, sizeof(*net->dns));
	if (!net->dns)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	r = open_channel(net, TAG_DNS_UDP, e);
	return r ? r : open_channel(net, TAG_DNS_TCP, e);
}

void net_dns_close(struct net *net)
{
	if (!net->dns)
		return;
	for (int tag = 0; tag < 2; tag++)
		if (net->dns->open[tag])
			ares_destroy(net->dns->channel[tag]);   /* calls back for each orphan */
	free(net->dns);
	net->dns = NULL;
	ares_library_cleanup();
}

static void dns_expire(struct net *net, struct request *r)
{
	struct query *q = (struct query *)(void *)r;

	(void)net;
	q->answer = (struct dns_answer){ .status = NET_TIMEOUT };
}

static void dns_deliver(struct net *net, struct request *r)
{
	struct query *q = (struct query *)(void *)r;

	(void)net;
	q->cb(q->user, &q->answer);
	q->orphan = true;
	if (!q->held)
		free(q);
}

static void from_ares(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct query *q = arg;

	(void)timeouts;
	q->held = false;
	if (q->orphan) {
		free(q);
		return;
	}
	if (q->r.is_done)
		return;
	if (msg && len > 0) {
		dns_message_parse(msg, (size_t)len, q->name, q->type, &q->answer);
	} else if (status == ARES_ETIMEOUT) {
		q->answer = (struct dns_answer){ .status = NET_TIMEOUT };
	} else {
		q->answer = (struct dns_answer){ .status = status == ARES_EREFUSED ? NET_REFUSED
						 : status == ARES_ESERVFAIL ? NET_SERVFAIL : NET_BROKEN };
		snprintf(q->answer.why, sizeof(q->answer.why), "%s", ares_strerror(status));
	}
	net_done(q->net, &q->r);
}

void net_dns_ask(struct net *net, const char *name, int type, bool tcp, int64_t deadline_ms,
		 void (*cb)(void *user, const struct dns_answer *a), void *user)
{
	struct query *q = calloc(1, sizeof(*q));

	if (!q)
		abort();                   /* the contract is exactly one callback */
	*q = (struct query){ .net = net, .type = type, .cb = cb, .user = user, .held = true,
			     .r = { .deadline_ms = deadline_ms, .expire = dns_expire,
				    .deliver = dns_deliver } };
	snprintf(q->name, sizeof(q->name), "%s", name);
	net_wait(net, &q->r);
	ares_query(net->dns->channel[tcp ? TAG_DNS_TCP : TAG_DNS_UDP], q->name, 1, type, from_ares, q);
}

void net_dns_event(struct net *net, int tag, int fd, bool in, bool out)
{
	ares_process_fd(net->dns->channel[tag], in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
}

int64_t net_dns_wait_ms(struct net *net, int64_t most_ms)
{
	for (int tag = 0; tag < 2; tag++) {
		struct timeval tv, *t = ares_timeout(net->dns->channel[tag], NULL, &tv);
		int64_t ms = t ? (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000 + 1 : most_ms;

		if (ms < most_ms)
			most_ms = ms;
	}
	return most_ms;
}

void net_dns_timers(struct net *net)
{
	for (int tag = 0; tag < 2; tag++)
		ares_process_fd(net->dns->channel[tag], ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
