/* SPDX-License-Identifier: MIT */
/*
 * net_dns.c - the only door to c-ares (1.18: ares_query(3), ares_init_options(3))
 *
 * A channel over UDP (what comes truncated is asked again over TCP) and one over TCP only, both
 * with NOCHECKRESP, so that SERVFAIL and REFUSED arrive as what they are; c-ares would say
 * "connection refused" of both. Whoever gets such an answer and has more than one resolver asks
 * the others, through a channel without the first resolver and without NOCHECKRESP: there
 * c-ares goes from one to the next by itself. If none knows better, the first answer stands.
 *
 * c-ares 1.18 cannot take one query back: after our deadline it is an orphan, released when
 * c-ares lets go of it.
 */
#include "net_private.h"
#include "dns_message.h"
#include "net_resolvers.h"
#include <ares.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define TRY_MS 1500                        /* the first try; c-ares doubles it each round */
#define TRIES 3
#define TICK_MS 100
#define SOCKET_BYTES (2 * 1024 * 1024)     /* answers to thousands of questions come in bursts */
/* An ID has 16 bits, and c-ares looks for a free one for as long as it takes. */
#define HELD_MAX 30000
#define NAME_MAX_DNS 253                   /* RFC 1035, 3.1: 255 bytes on the wire */

struct channel { struct net *net; int tag; ares_channel ares; bool is_open; };
struct net_dns {
	struct channel channels[DNS_CHANNELS];
	size_t nresolvers, nheld;
	bool is_local;                     /* all of them */
	int64_t tick_at_ms;
};
struct query {
	struct request r;                  /* first */
	struct net *net;
	bool held;                         /* c-ares will call back */
	bool delivered;                    /* an orphan if still held */
	bool second;                       /* asking the other resolvers; answer holds the first */
	bool tcp;
	int type;
	struct dns_answer answer;
	void (*cb)(void *user, const struct dns_answer *a);
	void *user;
	char name[NAME_MAX_DNS + 1];
};

/*
 * Our own socket functions, for what c-ares 1.18 does not do: close-on-exec without a gap, and
 * no SIGPIPE when a resolver has closed its TCP connection (its writev(2) has no MSG_NOSIGNAL).
 */
static ares_socket_t sock_open(int domain, int type, int protocol, void *user)
{
	int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	int bytes = SOCKET_BYTES, on = 1;

	(void)user;
	if (fd < 0)
		return fd;
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	else                               /* the kernel cuts it to net.core.rmem_max */
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return fd;
}

static int sock_close(ares_socket_t fd, void *user)
{
	(void)user;
	return close(fd);
}

static int sock_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len, void *user)
{
	(void)user;
	return connect(fd, to, len);
}

static ares_ssize_t sock_recv(ares_socket_t fd, void *p, size_t len, int flags,
			      struct sockaddr *from, ares_socklen_t *from_len, void *user)
{
	(void)user;
	return recvfrom(fd, p, len, flags, from, from_len);
}

static ares_ssize_t sock_send(ares_socket_t fd, const struct iovec *iov, int n, void *user)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n };

	(void)user;
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static const struct ares_socket_functions socket_functions = {
	sock_open, sock_close, sock_connect, sock_recv, sock_send,
};

static void sock_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct channel *c = data;

	/* A socket that cannot be watched stays silent: the deadline answers for it. */
	if (!net_watch(c->net, fd, c->tag, readable, writable))
		log_line(&c->net->conf.log, LOG_DEBUG, "dns: epoll: %s", strerror(errno));
}

/* resolvers NULL: those of /etc/resolv.conf. */
static int channel_open(struct channel *c, struct ares_addr_port_node *resolvers, struct err *e)
{
	static char no_file[] = "/dev/null";
	struct ares_options o = {
		.flags = ARES_FLAG_STAYOPEN | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = TRY_MS, .tries = TRIES,
		.sock_state_cb = sock_state, .sock_state_cb_data = c,
		.resolvconf_path = no_file,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
		   ARES_OPT_NOROTATE;      /* or nobody knows which resolver is the first */
	int rc;

	if (c->tag == TAG_TCP || c->tag == TAG_TCP_OTHER)
		o.flags |= ARES_FLAG_USEVC;
	if (c->tag == TAG_UDP || c->tag == TAG_TCP)
		o.flags |= ARES_FLAG_NOCHECKRESP;
	if (resolvers)
		mask |= ARES_OPT_RESOLVCONF;
	rc = ares_init_options(&c->ares, &o, mask);
	if (rc != ARES_SUCCESS)
		return err_set(e, rc == ARES_ENOMEM ? IPREP_E_NOMEM : IPREP_E_OS,
			       "DNS: %s%s", rc == ARES_EFILE ? "/etc/resolv.conf: " : "",
			       ares_strerror(rc));
	c->is_open = true;
	ares_set_socket_functions(c->ares, &socket_functions, NULL);
	if (resolvers)
		rc = ares_set_servers_ports(c->ares, resolvers);
	if (rc != ARES_SUCCESS)
		return err_set(e, IPREP_E_NOMEM, "DNS: %s", ares_strerror(rc));
	return 0;
}

/* The channel of a tag, opened when it is first wanted. NULL: it cannot be. */
static struct channel *channel_of(struct net_dns *d, int tag)
{
	struct channel *c = &d->channels[tag];
	struct ares_addr_port_node *all = NULL, *from;
	int r = -1;

	if (c->is_open)
		return c;
	if (ares_get_servers_ports(d->channels[TAG_UDP].ares, &all) != ARES_SUCCESS || !all)
		return NULL;
	from = tag == TAG_UDP_OTHER || tag == TAG_TCP_OTHER ? all->next : all;
	if (from)
		r = channel_open(c, from, NULL);
	ares_free_data(all);
	if (!r)
		return c;
	if (c->is_open)
		ares_destroy(c->ares);
	c->is_open = false;
	return NULL;
}

static bool on_loopback(const struct ares_addr_port_node *a)
{
	if (a->family == AF_INET)
		return (ntohl(a->addr.addr4.s_addr) >> 24) == 127;
	return a->family == AF_INET6 && !memcmp(&a->addr.addr6, &in6addr_loopback, 16);
}

bool net_dns_is_local(const struct net *net)
{
	return net->dns && net->dns->is_local;
}

int net_dns_open(struct net *net, struct err *e)
{
	struct ares_addr_port_node nodes[RESOLVERS_MAX], *all = NULL;
	struct net_dns *d;
	size_t n;
	int r = net_resolvers_parse(net->conf.resolvers, nodes, &n, e);

	if (r)
		return r;
	d = calloc(1, sizeof(*d));
	if (!d || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(d);
		return err_set(e, IPREP_E_NOMEM, "DNS: c-ares cannot be initialised");
	}
	net->dns = d;
	for (int tag = 0; tag < DNS_CHANNELS; tag++)
		d->channels[tag] = (struct channel){ .net = net, .tag = tag };
	r = channel_open(&d->channels[TAG_UDP], n ? nodes : NULL, e);
	if (r)
		return r;
	if (ares_get_servers_ports(d->channels[TAG_UDP].ares, &all) != ARES_SUCCESS)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	d->is_local = true;
	for (struct ares_addr_port_node *a = all; a; a = a->next) {
		d->nresolvers++;
		d->is_local &= on_loopback(a);
	}
	ares_free_data(all);
	return 0;
}

void net_dns_close(struct net *net)
{
	if (!net->dns)
		return;
	for (int tag = 0; tag < DNS_CHANNELS; tag++)
		if (net->dns->channels[tag].is_open)       /* calls back for each orphan */
			ares_destroy(net->dns->channels[tag].ares);
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
	q->delivered = true;
	if (!q->held)
		free(q);
}

static void broken(struct dns_answer *a, const char *why)
{
	*a = (struct dns_answer){ .status = NET_BROKEN };
	snprintf(a->why, sizeof(a->why), "%s", why);
}

static bool is_answer(const struct dns_answer *a)
{
	return a->status == NET_OK || a->status == NET_NXDOMAIN || a->status == NET_NODATA;
}

static void from_ares(void *arg, int status, int timeouts, unsigned char *msg, int len);

static void ask(struct query *q, struct channel *c)
{
	struct net_dns *d = q->net->dns;

	if (!d->nheld++)
		d->tick_at_ms = q->net->conf.now_ms() + TICK_MS;
	q->held = true;
	ares_query(c->ares, q->name, 1 /* IN */, q->type, from_ares, q);
}

/* The first resolver's answer is no answer: true if there are others, and one is being asked. */
static bool ask_others(struct query *q)
{
	struct net_dns *d = q->net->dns;
	struct channel *c;

	if (q->second || d->nresolvers < 2)
		return false;
	c = channel_of(d, q->tcp ? TAG_TCP_OTHER : TAG_UDP_OTHER);
	if (!c)
		return false;
	q->second = true;
	ask(q, c);
	return true;
}

static void from_ares(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct query *q = arg;
	struct dns_answer a = { .status = NET_TIMEOUT };
	bool has_reply = msg && len > 0;

	(void)timeouts;
	q->net->dns->nheld--;
	q->held = false;
	if (q->delivered) {
		free(q);
		return;
	}
	if (q->r.is_done)                  /* by its deadline; its callback is about to be made */
		return;
	if (has_reply)
		dns_message_parse(msg, (size_t)len, q->name, q->type, &a);
	else if (status == ARES_ECONNREFUSED)
		broken(&a, "no resolver can be reached");
	else if (status != ARES_ETIMEOUT)
		broken(&a, ares_strerror(status));
	if (!q->second || is_answer(&a))
		q->answer = a;
	if (has_reply && !is_answer(&a) && ask_others(q))
		return;
	net_done(q->net, &q->r);
}

/* Without a trailing dot, and of characters that mean themselves to c-ares and dn_expand(3). */
static bool take_name(struct query *q, const char *name)
{
	size_t len = strlen(name);

	if (len && name[len - 1] == '.')
		len--;
	if (!len || len > NAME_MAX_DNS)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr("\\\"@;$()", name[i]))
			return false;
	memcpy(q->name, name, len);
	q->name[len] = '\0';
	return true;
}

void net_dns_ask(struct net *net, const char *name, int type, bool tcp, int64_t deadline_ms,
		 void (*cb)(void *user, const struct dns_answer *a), void *user)
{
	struct query *q = calloc(1, sizeof(*q));
	struct channel *c;

	if (!q) {
		net_refuse(net, (struct refusal){ .dns_cb = cb, .user = user });
		return;
	}
	*q = (struct query){ .net = net, .type = type, .tcp = tcp, .cb = cb, .user = user,
			     .r = { .expire = dns_expire, .deliver = dns_deliver } };
	net_wait(net, &q->r, deadline_ms);
	c = channel_of(net->dns, tcp ? TAG_TCP : TAG_UDP);
	if (deadline_ms <= net->conf.now_ms())
		return;                    /* the next turn says so */
	if (!take_name(q, name))
		broken(&q->answer, "not a name that can be asked");
	else if (type != NET_A && type != NET_TXT)
		broken(&q->answer, "not a type that can be asked");
	else if (net->dns->nheld >= HELD_MAX)
		broken(&q->answer, "too many questions at once");
	else if (!c)
		broken(&q->answer, "out of memory");
	else
		ask(q, c);
	if (q->answer.status != NET_OK)
		net_done(net, &q->r);
}

void net_dns_event(struct net *net, int tag, int fd, bool in, bool out)
{
	if (net->dns->channels[tag].is_open)
		ares_process_fd(net->dns->channels[tag].ares, in ? fd : ARES_SOCKET_BAD,
				out ? fd : ARES_SOCKET_BAD);
}

/* ares_timeout(3) of 1.18 walks all queries at each call; its timers need no more than a tick. */
int64_t net_dns_next_ms(const struct net *net)
{
	return net->dns->nheld ? net->dns->tick_at_ms : INT64_MAX;
}

void net_dns_timers(struct net *net)
{
	int64_t now = net->conf.now_ms();

	if (net_dns_next_ms(net) > now)
		return;
	net->dns->tick_at_ms = now + TICK_MS;
	for (int tag = 0; tag < DNS_CHANNELS; tag++)
		net_dns_event(net, tag, ARES_SOCKET_BAD, false, false);
}
