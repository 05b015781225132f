/* SPDX-License-Identifier: MIT */
/*
 * dns.c - questions of the DNS: which resolver, when again, until when
 *
 * c-ares sends each question to one resolver, once (cares.h). While there is no answer, the
 * question is sent again: after TRY_MS to the next resolver, and with each round of all resolvers
 * the wait doubles. Any answer counts, to an earlier try as well, until the deadline. A resolver
 * that replies without an answer, SERVFAIL or REFUSED for one, is not asked this question again,
 * and the next one is asked immediately; if no other resolver has an answer, the first such reply
 * is returned.
 *
 * c-ares cannot take back a single question. One that is no longer waited for is an orphan. When a
 * channel has many, another one is opened for new questions, and the old one is closed, with its
 * orphans, when nothing else is left in it.
 */
#include "net/net_private.h"
#include "net/cares.h"
#include "net/resolvers.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_MS 1500
#define TRIES  3 /* of each resolver */
/* An ID has 16 bits, and c-ares looks for a free one for as long as it takes. */
#define OPEN_MAX      30000
#define ORPHANS_MAX   1000
#define LABEL_MAX_DNS 63  /* RFC 1035, 2.3.4 */
#define NAME_MAX_DNS  253 /* RFC 1035, 3.1: 255 bytes on the wire */

struct channel {
	struct net *net;
	int tag;		       /* its index */
	struct ares_channeldata *ares; /* NULL: not open */
	size_t nopen, norphans;	       /* questions; of them */
	bool is_retired;
};
struct net_dns {
	struct channel channels[DNS_CHANNELS];
	char resolvers[RESOLVERS_MAX][RESOLVER_ROOM];
	size_t nresolvers, nretired;
	struct channel *in_use[RESOLVERS_MAX][2]; /* over UDP, over TCP; NULL: none yet */
	struct heap_node *tries;		  /* of queries, by the time of their next one */
};
struct
try {
	struct net_ares_question question; /* first */
	struct query *query;		   /* NULL: an orphan */
	struct channel *channel;
	struct try *next; /* of the same query */
};
struct query {
	struct request r; /* first */
	struct heap_node next_try;
	struct net *net;
	struct try *open;
	unsigned ntries, without; /* made; bit of each resolver that gave no answer */
	bool is_scheduled;	  /* next_try is in the heap */
	bool tcp;
	int type;
	struct dns_answer answer;
	void (*cb)(void *user, const struct dns_answer *a);
	void *user;
	char name[NAME_MAX_DNS + 1];
};

static struct query *query_of(struct heap_node *n)
{
	return (struct query *)(void *)((char *)n - offsetof(struct query, next_try));
}

static void on_watch(void *user, int fd, int readable, int writable)
{
	struct channel *c = user;

	/* A socket that cannot be watched stays silent: the deadline answers for it. */
	if (!net_watch(c->net, fd, c->tag, readable, writable))
		log_line(&c->net->conf.log, LOG_DEBUG, "dns: epoll: %s", strerror(errno));
}

/* One that is not open. NULL: all are. */
static struct channel *free_channel(struct net_dns *d, size_t resolver, bool tcp)
{
	struct channel *all = &d->channels[(resolver * 2 + tcp) * GENERATIONS];

	for (int i = 0; i < GENERATIONS; i++)
		if (!all[i].ares)
			return &all[i];
	return NULL;
}

/* The channel for the next question. NULL: out of memory. */
static struct channel *channel_to(struct net_dns *d, size_t resolver, bool tcp)
{
	struct channel **in_use = &d->in_use[resolver][tcp], *c = *in_use;

	if (c && c->norphans < ORPHANS_MAX)
		return c;
	c = free_channel(d, resolver, tcp);
	if (!c || net_ares_open(d->resolvers[resolver], tcp, on_watch, c, &c->ares, NULL))
		return *in_use;
	if (*in_use) {
		(*in_use)->is_retired = true;
		d->nretired++;
	}
	*in_use = c;
	return c;
}

static void close_retired(struct net_dns *d)
{
	for (int tag = 0; tag < DNS_CHANNELS && d->nretired; tag++) {
		struct channel *c = &d->channels[tag];

		if (!c->is_retired || c->nopen > c->norphans)
			continue;
		net_ares_close(c->ares);
		c->ares = NULL;
		c->is_retired = false;
		d->nretired--;
	}
}

bool net_dns_is_local(const struct net *net)
{
	for (size_t i = 0; net->dns && i < net->dns->nresolvers; i++)
		if (strncmp(net->dns->resolvers[i], "127.", 4) &&
		    strncmp(net->dns->resolvers[i], "[::1]", 5))
			return false;
	return net->dns;
}

int net_dns_open(struct net *net, struct err *e)
{
	struct net_dns *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	r = net_ares_init(e);
	if (r) {
		free(d);
		return r;
	}
	net->dns = d;
	for (int tag = 0; tag < DNS_CHANNELS; tag++)
		d->channels[tag] = (struct channel){ .net = net, .tag = tag };
	r = net_resolvers_parse(net->conf.resolvers, d->resolvers, &d->nresolvers, e);
	if (!r && !d->nresolvers)
		r = net_ares_resolvers(d->resolvers, &d->nresolvers, e);
	if (!r && !d->nresolvers)
		r = err_set(e, IPREP_E_OS,
			    "DNS: /etc/resolv.conf names no resolver that can be used");
	return r;
}

void net_dns_close(struct net *net)
{
	if (!net->dns)
		return;
	for (int tag = 0; tag < DNS_CHANNELS; tag++)
		net_ares_close(net->dns->channels[tag].ares); /* orphans are all that is left */
	free(net->dns);
	net->dns = NULL;
	net_ares_done();
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

	if (q->is_scheduled)
		heap_remove(&net->dns->tries, &q->next_try);
	for (struct try *t = q->open; t; t = t->next) {
		t->query = NULL;
		t->question.name = ""; /* the query's, which ends here */
		t->channel->norphans++;
	}
	q->cb(q->user, &q->answer);
	free(q);
}

static void broken(struct dns_answer *a, const char *why)
{
	*a = (struct dns_answer){ .status = NET_BROKEN };
	snprintf(a->why, sizeof(a->why), "%s", why);
}

static void schedule(struct query *q, int64_t at_ms)
{
	struct net_dns *d = q->net->dns;

	if (q->is_scheduled)
		heap_remove(&d->tries, &q->next_try);
	q->next_try.key = at_ms;
	heap_insert(&d->tries, &q->next_try);
	q->is_scheduled = true;
}

/* Immediately, unless an answer may still come. Not from inside c-ares, which is in the middle of
 * something when a question ends. */
static void try_soon(struct query *q)
{
	if (!q->open)
		schedule(q, q->net->conf.now_ms());
}

static void take_reply(struct query *q, unsigned resolver, const struct dns_answer *a)
{
	if (a->status == NET_OK || a->status == NET_NXDOMAIN || a->status == NET_NODATA) {
		q->answer = *a;
		net_done(q->net, &q->r);
		return;
	}
	if (!q->without)
		q->answer = *a;
	q->without |= 1u << resolver;
	if (q->without == (1u << q->net->dns->nresolvers) - 1)
		net_done(q->net, &q->r);
	else
		try_soon(q);
}

static void on_end(struct net_ares_question *question, const struct dns_answer *reply,
		   const char *why)
{
	struct try *t = (struct try *)(void *)question, **at;
	struct channel *c = t->channel;
	struct query *q = t->query;

	c->nopen--;
	if (!q) {
		c->norphans--;
		free(t);
		return;
	}
	for (at = &q->open; *at != t; at = &(*at)->next)
		;
	*at = t->next;
	free(t);
	if (q->r.is_done) /* its callback is about to be made */
		return;
	if (reply) {
		take_reply(q, (unsigned)c->tag / (2 * GENERATIONS), reply);
	} else if (why) {
		if (!q->without)
			broken(&q->answer, why);
		try_soon(q);
	}
}

/* The resolver whose turn it is; false: there is none any more. */
static bool next_resolver(struct query *q, size_t *ret)
{
	size_t n = q->net->dns->nresolvers;

	while (q->ntries < TRIES * n) {
		*ret = q->ntries++ % n;
		if (!(q->without & 1u << *ret))
			return true;
	}
	return false;
}

static const char *send_try(struct query *q, size_t resolver)
{
	struct channel *c = channel_to(q->net->dns, resolver, q->tcp);
	struct try *t = c ? malloc(sizeof(*t)) : NULL;

	if (!t)
		return "out of memory";
	if (c->nopen >= OPEN_MAX) {
		free(t);
		return "too many questions at once";
	}
	*t = (struct try){ .question = { .name = q->name, .type = q->type, .end = on_end },
			   .query = q,
			   .channel = c,
			   .next = q->open };
	q->open = t;
	c->nopen++;
	net_ares_ask(c->ares, &t->question);
	return NULL;
}

static void try_next(struct query *q)
{
	struct net_dns *d = q->net->dns;
	size_t resolver, round;
	const char *why;

	if (q->open && !q->without) /* silence is the latest that is known */
		q->answer = (struct dns_answer){ .status = NET_TIMEOUT };
	if (!next_resolver(q, &resolver)) {
		net_done(q->net, &q->r);
		return;
	}
	round = (q->ntries - 1) / d->nresolvers;
	schedule(q, q->net->conf.now_ms() + ((int64_t)TRY_MS << round));
	why = send_try(q, resolver);
	if (why && !q->open) {
		broken(&q->answer, why);
		net_done(q->net, &q->r);
	}
}

/*
 * Without a trailing dot, of labels of 1 to 63 characters that mean themselves to c-ares and
 * dn_expand(3). c-ares refuses other labels, too, but each version in its own way.
 */
static bool take_name(struct query *q, const char *name)
{
	size_t len = strlen(name), label = 0;

	if (len && name[len - 1] == '.')
		len--;
	if (!len || len > NAME_MAX_DNS)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || strchr("\\\"@;$()", name[i]))
			return false;
		if (name[i] == '.' && !label)
			return false;
		label = name[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX_DNS)
			return false;
	}
	if (!label) /* "..": the last dot but one */
		return false;
	memcpy(q->name, name, len);
	q->name[len] = '\0';
	return true;
}

void net_dns_ask(struct net *net, const char *name, int type, bool tcp, int64_t deadline_ms,
		 void (*cb)(void *user, const struct dns_answer *a), void *user)
{
	struct query *q = calloc(1, sizeof(*q));

	if (!q) {
		net_refuse(net, (struct refusal){ .dns_cb = cb, .user = user });
		return;
	}
	*q = (struct query){ .net = net,
			     .type = type,
			     .tcp = tcp,
			     .cb = cb,
			     .user = user,
			     .answer.status = NET_TIMEOUT,
			     .r = { .expire = dns_expire, .deliver = dns_deliver } };
	net_wait(net, &q->r, deadline_ms);
	if (deadline_ms <= net->conf.now_ms())
		return; /* the next turn says so */
	if (!take_name(q, name))
		broken(&q->answer, "not a name that can be asked");
	else if (type != NET_A && type != NET_TXT)
		broken(&q->answer, "not a type that can be asked");
	else
		try_next(q);
	if (q->answer.status == NET_BROKEN && !q->is_scheduled)
		net_done(net, &q->r);
}

void net_dns_event(struct net *net, int tag, int fd, bool in, bool out)
{
	struct channel *c = &net->dns->channels[tag];

	if (c->ares)
		net_ares_event(c->ares, fd, in, out);
}

int64_t net_dns_next_ms(const struct net *net)
{
	return net->dns->tries ? net->dns->tries->key : INT64_MAX;
}

void net_dns_timers(struct net *net)
{
	struct net_dns *d = net->dns;
	int64_t now = net->conf.now_ms();

	while (d->tries && d->tries->key <= now) {
		struct query *q = query_of(d->tries);

		heap_remove(&d->tries, &q->next_try);
		q->is_scheduled = false;
		if (!q->r.is_done)
			try_next(q);
	}
	close_retired(d);
}
