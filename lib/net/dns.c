/* SPDX-License-Identifier: MIT */
/*
 * dns.c - DNS questions: which resolver, when to retry, until when
 *
 * c-ares sends each question to one resolver, once (cares.h). While there is no answer, the
 * question is sent again: after TRY_MS to the next resolver, and with each round of all resolvers
 * the wait doubles. Any answer counts, to an earlier try as well, until the deadline; when all
 * tries are made, it is waited for. A truncated reply is asked for again over TCP. A resolver that
 * replies without an answer, SERVFAIL or REFUSED for one, is not asked this question again, and the
 * next one is asked immediately; if no other resolver has an answer, the first such reply is
 * returned.
 *
 * c-ares cannot cancel a single question. A question whose answer is no longer needed is an orphan.
 * When a channel has many, another one is opened for new questions, and the old one is closed, with
 * its orphans, when nothing else is left in it.
 */
#include "net/cares.h"
#include "net/dns_message.h"
#include "net/net_private.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define TRY_MS	1500
#define FULL_MS 1 /* until the kernel has room again */
#define TRIES	3 /* of each resolver */
/* An ID has 16 bits, and c-ares searches for a free one without a limit. */
#define OPEN_MAX      30000
#define ORPHANS_MAX   1000
#define LABEL_MAX_DNS 63  /* RFC 1035, 2.3.4 */
#define NAME_MAX_DNS  253 /* RFC 1035, 3.1: 255 bytes on the wire */

/* For each resolver and transport there is one channel in use; the others are closed, or wait for
 * their last answers. */
enum { GENERATIONS = 4, DNS_CHANNELS = RESOLVERS_MAX * 2 * GENERATIONS };

struct channel {
	struct net *net;
	int number;		       /* its index */
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
	struct net_ares_datagrams datagrams;
};
struct attempt {
	struct net_ares_question question; /* first */
	struct query *query;		   /* NULL: an orphan */
	struct channel *channel;
	struct attempt *next; /* of the same query */
};
struct query {
	struct request request; /* first */
	struct heap_node next_try;
	struct net *net;
	struct attempt *open;
	unsigned ntries, without; /* made; bit of each resolver that gave no answer */
	unsigned asked;		  /* bit of each resolver that was asked */
	int64_t asked_ms;
	bool is_scheduled; /* next_try is in the heap */
	bool tcp;
	int type;
	struct dns_answer answer;
	void (*cb)(void *user, const struct dns_answer *reply);
	void *user;
	char name[NAME_MAX_DNS + 1];
};

static struct query *query_of(struct heap_node *heap_node)
{
	return (struct query *)(void *)((char *)heap_node - offsetof(struct query, next_try));
}

static void on_watch(void *user, int fd, int readable, int writable)
{
	struct channel *channel = user;

	/* The questions of a socket that cannot be watched end at their deadlines. */
	if (!net_watch(channel->net, NET_DNS, channel->number, fd, readable, writable))
		log_line(&channel->net->conf.log, LOG_DEBUG, "dns: epoll: %s", strerror(errno));
}

/* One that is not open. NULL: all are. */
static struct channel *free_channel(struct net_dns *dns, size_t resolver, bool tcp)
{
	struct channel *all = &dns->channels[(resolver * 2 + tcp) * GENERATIONS];

	for (int i = 0; i < GENERATIONS; i++)
		if (!all[i].ares)
			return &all[i];
	return NULL;
}

/* The channel for the next question. NULL: out of memory. */
static struct channel *channel_to(struct net_dns *dns, size_t resolver, bool tcp)
{
	struct channel **in_use = &dns->in_use[resolver][tcp], *channel = *in_use;

	if (channel && channel->norphans < ORPHANS_MAX)
		return channel;
	channel = free_channel(dns, resolver, tcp);
	if (!channel || net_ares_open(dns->resolvers[resolver], tcp ? NULL : &dns->datagrams,
				      on_watch, channel, &channel->ares, NULL))
		return *in_use;
	if (*in_use) {
		(*in_use)->is_retired = true;
		dns->nretired++;
	}
	*in_use = channel;
	return channel;
}

static void close_retired(struct net_dns *dns)
{
	for (int number = 0; number < DNS_CHANNELS && dns->nretired; number++) {
		struct channel *channel = &dns->channels[number];

		if (!channel->is_retired || channel->nopen > channel->norphans)
			continue;
		net_ares_close(channel->ares);
		channel->ares = NULL;
		channel->is_retired = false;
		dns->nretired--;
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

static int take_resolvers(struct net_dns *dns, const struct net_conf *conf, struct err *error)
{
	char host[ADDR_TEXT_MAX];
	int rc;

	for (; dns->nresolvers < conf->nresolvers; dns->nresolvers++) {
		const struct resolver *resolver = &conf->resolvers[dns->nresolvers];

		snprintf(dns->resolvers[dns->nresolvers], RESOLVER_ROOM,
			 addr_is_v4(&resolver->addr) ? "%s:%d" : "[%s]:%d",
			 addr_text(&resolver->addr, host), resolver->port);
	}
	if (dns->nresolvers)
		return 0;
	rc = net_ares_resolvers(dns->resolvers, &dns->nresolvers, error);
	if (rc)
		return rc;
	if (!dns->nresolvers)
		return err_set(error, IPREP_E_OS, "DNS: /etc/resolv.conf has no usable resolver");
	return 0;
}

static int dns_open(struct net *net, const struct net_conf *conf, struct err *error)
{
	struct net_dns *dns = calloc(1, sizeof(*dns));
	int rc;

	if (!dns)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	rc = net_ares_init(error);
	if (rc) {
		free(dns);
		return rc;
	}
	net->dns = dns;
	for (int number = 0; number < DNS_CHANNELS; number++)
		dns->channels[number] = (struct channel){ .net = net, .number = number };
	return take_resolvers(dns, conf, error);
}

static void dns_close(struct net *net)
{
	if (!net->dns)
		return;
	for (int number = 0; number < DNS_CHANNELS; number++)
		net_ares_close(net->dns->channels[number].ares); /* orphans are all that is left */
	free(net->dns);
	net->dns = NULL;
	net_ares_done();
}

/* One of the resolvers, or all that were asked. */
static void set_from(struct query *query, unsigned resolvers)
{
	char *from = query->answer.from;
	size_t room = sizeof(query->answer.from), len = 0;

	from[0] = '\0';
	for (size_t i = 0; i < query->net->dns->nresolvers && len < room; i++)
		if (resolvers & 1u << i)
			len += (size_t)snprintf(from + len, room - len, "%s%s", len ? ", " : "",
						query->net->dns->resolvers[i]);
	if (len && len < room && query->tcp)
		snprintf(from + len, room - len, " over TCP");
}

static void dns_expire(struct net *net, struct request *request)
{
	struct query *query = (struct query *)(void *)request;

	(void)net;
	query->answer = (struct dns_answer){ .status = NET_TIMEOUT };
	set_from(query, query->asked);
}

static void dns_deliver(struct net *net, struct request *request)
{
	struct query *query = (struct query *)(void *)request;

	if (query->is_scheduled)
		heap_remove(&net->dns->tries, &query->next_try);
	for (struct attempt *attempt = query->open; attempt; attempt = attempt->next) {
		attempt->query = NULL;
		attempt->question.name = ""; /* the query's, which ends here */
		attempt->channel->norphans++;
	}
	query->answer.waited_ms = (int)(net->conf.now_ms() - query->asked_ms);
	query->cb(query->user, &query->answer);
	dns_answer_done(&query->answer);
	free(query);
}

static void schedule_try(struct query *query, int64_t at_ms)
{
	struct net_dns *dns = query->net->dns;

	if (query->is_scheduled)
		heap_remove(&dns->tries, &query->next_try);
	query->next_try.key = at_ms;
	heap_insert(&dns->tries, &query->next_try);
	query->is_scheduled = true;
}

/* Immediately, unless an answer may still come. Not from inside c-ares, which is in the middle of
 * something when a question ends. */
static void try_soon(struct query *query)
{
	if (!query->open)
		schedule_try(query, query->net->conf.now_ms());
}

static bool is_truncated(const struct dns_answer *answer)
{
	return answer->status == NET_BROKEN && !strcmp(answer->why, dns_truncated);
}

/* The records that are missing are to be had over TCP, from this resolver or from another one. */
static void turn_to_tcp(struct query *query)
{
	query->tcp = true;
	query->ntries = query->without = query->asked = 0;
	schedule_try(query, query->net->conf.now_ms());
}

static void take_reply(struct query *query, unsigned resolver, bool tcp, struct dns_answer *answer)
{
	if (is_truncated(answer) && !tcp) {
		if (!query->tcp)
			turn_to_tcp(query);
		return;
	}
	if (answer->status == NET_OK || answer->status == NET_NXDOMAIN ||
	    answer->status == NET_NODATA) {
		query->answer = *answer;
		answer->txts = NULL; /* they are the query's */
		query->answer.replied = true;
		set_from(query, 1u << resolver);
		net_done(query->net, &query->request);
		return;
	}
	if (!query->without) {
		query->answer = *answer;
		query->answer.replied = true;
		set_from(query, 1u << resolver);
	}
	query->without |= 1u << resolver;
	if (query->without == (1u << query->net->dns->nresolvers) - 1)
		net_done(query->net, &query->request);
	else
		try_soon(query);
}

static void on_question_end(struct net_ares_question *question, struct dns_answer *reply,
			    const char *why)
{
	struct attempt *attempt = (struct attempt *)(void *)question, **at;
	struct channel *channel = attempt->channel;
	struct query *query = attempt->query;

	channel->nopen--;
	if (!query) {
		channel->norphans--;
		free(attempt);
		return;
	}
	for (at = &query->open; *at != attempt; at = &(*at)->next)
		;
	*at = attempt->next;
	free(attempt);
	if (query->request.is_done) /* its callback is about to be made */
		return;
	if (reply) {
		take_reply(query, (unsigned)channel->number / (2 * GENERATIONS),
			   channel->number / GENERATIONS % 2, reply);
	} else if (why) {
		if (!query->without) {
			dns_answer_set_broken(&query->answer, why);
			set_from(query, query->asked);
		}
		try_soon(query);
	}
}

/* The next resolver to ask; false: all tries are used up. */
static bool next_resolver(struct query *query, size_t *ret)
{
	size_t count = query->net->dns->nresolvers;

	while (query->ntries < TRIES * count) {
		*ret = query->ntries++ % count;
		if (!(query->without & 1u << *ret))
			return true;
	}
	return false;
}

static const char *send_try(struct query *query, size_t resolver)
{
	struct channel *channel = channel_to(query->net->dns, resolver, query->tcp);
	struct attempt *attempt;

	if (!channel)
		return "out of memory";
	if (channel->nopen >= OPEN_MAX)
		return "too many questions in flight";
	attempt = malloc(sizeof(*attempt));
	if (!attempt)
		return "out of memory";
	*attempt = (struct attempt){
		.question = { .name = query->name, .type = query->type, .end = on_question_end },
		.query = query,
		.channel = channel,
		.next = query->open
	};
	query->open = attempt;
	channel->nopen++;
	net_ares_ask(channel->ares, &attempt->question);
	return NULL;
}

static void try_next(struct query *query)
{
	struct net_dns *dns = query->net->dns;
	size_t resolver, round;
	const char *why;

	if (query->open && !query->without) /* the last try got no reply */
		query->answer = (struct dns_answer){ .status = NET_TIMEOUT };
	if (!next_resolver(query, &resolver)) {
		if (!query->open)
			net_done(query->net, &query->request);
		return; /* the deadline decides, not the number of tries */
	}
	query->asked |= 1u << resolver;
	round = (query->ntries - 1) / dns->nresolvers;
	schedule_try(query, query->net->conf.now_ms() + ((int64_t)TRY_MS << round));
	why = send_try(query, resolver);
	if (why && !query->open) {
		dns_answer_set_broken(&query->answer, why);
		set_from(query, query->asked);
		net_done(query->net, &query->request);
	}
}

/*
 * Without a trailing dot, of labels of 1 to 63 characters that mean themselves to c-ares and
 * dn_expand(3). c-ares also refuses other labels, but each version in its own way.
 */
static bool query_set_name(struct query *query, const char *name)
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
	if (!label) /* two dots at the end */
		return false;
	memcpy(query->name, name, len);
	query->name[len] = '\0';
	return true;
}

static void dns_refuse(const struct refusal *refusal)
{
	struct dns_answer answer;

	dns_answer_set_broken(&answer, "out of memory");
	refusal->dns_cb(refusal->user, &answer);
}

void net_dns_ask(struct net *net, const char *name, int type, bool tcp, int64_t deadline_ms,
		 void (*cb)(void *user, const struct dns_answer *answer), void *user)
{
	struct query *query = malloc(sizeof(*query));
	int64_t now_ms = net->conf.now_ms();

	if (!query) {
		net_refuse(net,
			   &(struct refusal){ .deliver = dns_refuse, .dns_cb = cb, .user = user });
		return;
	}
	*query = (struct query){ .net = net,
				 .type = type,
				 .tcp = tcp,
				 .asked_ms = now_ms,
				 .cb = cb,
				 .user = user,
				 .answer.status = NET_TIMEOUT,
				 .request = { .expire = dns_expire, .deliver = dns_deliver } };
	net_wait(net, &query->request, deadline_ms);
	if (deadline_ms <= now_ms)
		return; /* the next turn reports the timeout */
	if (!query_set_name(query, name))
		dns_answer_set_broken(&query->answer, "not a valid name for a query");
	else if (type != NET_A && type != NET_AAAA && type != NET_TXT)
		dns_answer_set_broken(&query->answer, "not a supported type of query");
	else
		try_next(query);
	if (query->answer.status == NET_BROKEN && !query->is_scheduled)
		net_done(net, &query->request);
}

static void dns_event(struct net *net, int number, int fd, bool in, bool out)
{
	struct channel *channel = &net->dns->channels[number];

	if (channel->ares)
		net_ares_event(channel->ares, fd, in, out);
	/* c-ares stops reading at a datagram that is from another address */
	for (int i = 0; channel->ares && i < INBOX_MAX; i++) {
		if (!inbox_has(&net->dns->datagrams.inbox, fd))
			return;
		net_ares_event(channel->ares, fd, true, false);
	}
}

/* A socket that has failed: its channel receives the error. */
static void receive_error(struct net_dns *dns, int fd)
{
	for (int number = 0; number < DNS_CHANNELS; number++)
		if (dns->channels[number].ares)
			net_ares_event(dns->channels[number].ares, fd, true, false);
	outbox_forget(&dns->datagrams.outbox, fd);
}

static void dns_send(struct net *net)
{
	struct net_dns *dns = net->dns;

	while (!outbox_send(&dns->datagrams.outbox))
		receive_error(dns, dns->datagrams.outbox.failed_fd);
}

static int64_t dns_next_ms(const struct net *net)
{
	int64_t next_ms = net->dns->tries ? net->dns->tries->key : INT64_MAX;

	if (net->dns->datagrams.outbox.count)
		return MIN(next_ms, net->conf.now_ms() + FULL_MS);
	return next_ms;
}

static void dns_timers(struct net *net)
{
	struct net_dns *dns = net->dns;
	int64_t now = net->conf.now_ms();

	while (dns->tries && dns->tries->key <= now) {
		struct query *query = query_of(dns->tries);

		heap_remove(&dns->tries, &query->next_try);
		query->is_scheduled = false;
		if (!query->request.is_done)
			try_next(query);
	}
	close_retired(dns);
}

const struct net_driver net_dns_driver = {
	.open = dns_open,
	.close = dns_close,
	.event = dns_event,
	.send = dns_send,
	.next_ms = dns_next_ms,
	.timers = dns_timers,
};
