/* SPDX-License-Identifier: MIT */
/*
 * cares.c - c-ares, modern and old (ares_query_dnsrec(3), ares_process_fds(3); ares_query(3))
 *
 * A modern one is told to leave its timeouts alone; an old one has a timeout that is longer than
 * any deadline.
 *
 * The same packets from each: no EDNS, no 0x20, no search list, no rotation, one try, and one
 * socket for all questions. No query cache: it would keep every answer of a list of 200,000
 * addresses, and the store has a cache. NOCHECKRESP: SERVFAIL and REFUSED are handed over as they
 * came.
 */
#include "net/cares.h"
#include "net/dns_message.h"
#include "net/cares_record.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SOCKET_BYTES (2 * 1024 * 1024) /* answers to thousands of questions come in bursts */
#define PATIENCE_MS  (60 * 60 * 1000)

static const char *reason_of(int status)
{
	if (status == ARES_ETIMEOUT || status == ARES_EDESTRUCTION)
		return NULL;
	if (status == ARES_ECONNREFUSED)
		return "cannot be reached";
	return ares_strerror(status);
}

/*
 * Our own socket functions, for what c-ares does not do: close-on-exec without a gap; no SIGPIPE
 * when a resolver has closed its TCP connection (writev(2) of 1.18 has no MSG_NOSIGNAL); no TCP
 * Fast Open, which 1.34 tries.
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
	else /* the kernel cuts it to net.core.rmem_max */
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return fd;
}

static int sock_close(ares_socket_t fd, void *user)
{
	struct net_ares_datagrams *datagrams = user;

	if (datagrams) {
		outbox_forget(&datagrams->outbox, fd);
		inbox_forget(&datagrams->inbox, fd);
	}
	return close(fd);
}

/* The error of a datagram that could not be sent is received first. */
static ssize_t receive(struct net_ares_datagrams *datagrams, int fd, void *bytes, size_t len,
		       int flags, struct sockaddr *from, socklen_t *from_len)
{
	int error;

	if (!datagrams)
		return recvfrom(fd, bytes, len, flags, from, from_len);
	error = outbox_take_error(&datagrams->outbox, fd);
	if (!error)
		return inbox_receive(&datagrams->inbox, fd, bytes, len, from, from_len);
	errno = error;
	return -1;
}

static bool put_out(struct net_ares_datagrams *datagrams, int fd, const void *bytes, size_t len)
{
	if (outbox_put(&datagrams->outbox, fd, bytes, len))
		return true;
	errno = EAGAIN;
	return false;
}

#if IS_MODERN

static ares_ssize_t sock_recv(ares_socket_t fd, void *bytes, size_t len, int flags,
			      struct sockaddr *from, ares_socklen_t *from_len, void *user)
{
	ssize_t count = receive(user, fd, bytes, len, flags, from, from_len);
	if (count <= 0 || !from) /* TCP */
		return count;
	count = (ssize_t)dns_message_tidy(bytes, (size_t)count);
	if (count)
		return count;
	errno = EAGAIN; /* as if it had not come */
	return -1;
}

static int sock_option(ares_socket_t fd, ares_socket_opt_t option, const void *value,
		       ares_socklen_t len, void *user)
{
	(void)fd;
	(void)option;
	(void)value;
	(void)len;
	(void)user;
	errno = ENOSYS; /* Fast Open is all that would be set */
	return -1;
}

static int sock_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len,
			unsigned flags, void *user)
{
	(void)flags;
	(void)user;
	return connect(fd, to, len);
}

static ares_ssize_t sock_send(ares_socket_t fd, const void *bytes, size_t len, int flags,
			      const struct sockaddr *to, ares_socklen_t to_len, void *user)
{
	if (!user)
		return sendto(fd, bytes, len, flags | MSG_NOSIGNAL, to, to_len);
	if (put_out(user, fd, bytes, len)) /* the socket is connected */
		return (ares_ssize_t)len;
	return -1;
}

static int set_socket_functions(ares_channel_t *channel, struct net_ares_datagrams *datagrams)
{
	static const struct ares_socket_functions_ex functions = {
		.version = 1,
		.flags = ARES_SOCKFUNC_FLAG_NONBLOCKING,
		.asocket = sock_open,
		.aclose = sock_close,
		.asetsockopt = sock_option,
		.aconnect = sock_connect,
		.arecvfrom = sock_recv,
		.asendto = sock_send,
	};

	return (int)ares_set_socket_functions_ex(channel, &functions, datagrams);
}

static int set_resolver(ares_channel_t *channel, const char *resolver)
{
	return ares_set_servers_csv(channel, resolver);
}

static void on_reply(void *user, ares_status_t status, size_t timeouts,
		     const ares_dns_record_t *reply)
{
	struct net_ares_question *question = user;
	struct dns_answer answer;

	(void)timeouts;
	if (!reply) {
		question->end(question, NULL, reason_of((int)status));
		return;
	}
	net_ares_read(reply, question->name, question->type, &answer);
	question->end(question, &answer, NULL);
	dns_answer_done(&answer);
}

void net_ares_ask(struct ares_channeldata *channel, struct net_ares_question *question)
{
	ares_query_dnsrec(channel, question->name, ARES_CLASS_IN,
			  (ares_dns_rec_type_t)question->type, on_reply, question, NULL);
}

void net_ares_event(struct ares_channeldata *channel, int fd, bool in, bool out)
{
	ares_fd_events_t event = { .fd = fd };

	if (in)
		event.events |= ARES_FD_EVENT_READ;
	if (out)
		event.events |= ARES_FD_EVENT_WRITE;
	ares_process_fds(channel, &event, 1, ARES_PROCESS_FLAG_SKIP_NON_FD);
}

static int list_resolvers(ares_channel_t *channel, char ret[RESOLVERS_MAX][RESOLVER_ROOM],
			  size_t *ret_n)
{
	char *all = ares_get_servers_csv(channel), *save = NULL;

	if (!all)
		return ARES_ENOMEM;
	for (char *one = strtok_r(all, ",", &save); one && *ret_n < RESOLVERS_MAX;
	     one = strtok_r(NULL, ",", &save))
		if (strlen(one) < RESOLVER_ROOM)
			snprintf(ret[(*ret_n)++], RESOLVER_ROOM, "%s", one);
	ares_free_string(all);
	return ARES_SUCCESS;
}

#else

static ares_ssize_t sock_recv(ares_socket_t fd, void *ptr, size_t len, int flags,
			      struct sockaddr *from, ares_socklen_t *from_len, void *user)
{
	return receive(user, fd, ptr, len, flags, from, from_len);
}

static int sock_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len, void *user)
{
	(void)user;
	return connect(fd, to, len);
}

static ares_ssize_t sock_send(ares_socket_t fd, const struct iovec *iov, int count, void *user)
{
	struct msghdr msghdr = { .msg_iov = (struct iovec *)(uintptr_t)iov,
				 .msg_iovlen = (size_t)count };

	if (!user)
		return sendmsg(fd, &msghdr, MSG_NOSIGNAL);
	if (put_out(user, fd, iov->iov_base, iov->iov_len)) /* one part: a question */
		return (ares_ssize_t)iov->iov_len;
	return -1;
}

static int set_socket_functions(ares_channel channel, struct net_ares_datagrams *datagrams)
{
	static const struct ares_socket_functions functions = {
		sock_open, sock_close, sock_connect, sock_recv, sock_send,
	};

	ares_set_socket_functions(channel, &functions, datagrams);
	return ARES_SUCCESS;
}

static int set_resolver(ares_channel channel, const char *resolver)
{
	return ares_set_servers_ports_csv(channel, resolver);
}

static void on_reply(void *user, int status, int timeouts, unsigned char *msg, int len)
{
	struct net_ares_question *question = user;
	struct dns_answer answer;

	(void)timeouts;
	if (!msg || len <= 0) {
		question->end(question, NULL, reason_of(status));
		return;
	}
	dns_message_parse(msg, (size_t)len, question->name, question->type, &answer);
	question->end(question, &answer, NULL);
	dns_answer_done(&answer);
}

void net_ares_ask(struct ares_channeldata *channel, struct net_ares_question *question)
{
	ares_query(channel, question->name, 1 /* IN */, question->type, on_reply, question);
}

void net_ares_event(struct ares_channeldata *channel, int fd, bool in, bool out)
{
	ares_process_fd(channel, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
}

static int list_resolvers(ares_channel channel, char ret[RESOLVERS_MAX][RESOLVER_ROOM],
			  size_t *ret_n)
{
	struct ares_addr_port_node *all = NULL;
	int rc = ares_get_servers_ports(channel, &all);

	for (struct ares_addr_port_node *node = all; node && *ret_n < RESOLVERS_MAX;
	     node = node->next) {
		char host[INET6_ADDRSTRLEN];

		if (!inet_ntop(node->family, &node->addr, host, sizeof(host)))
			continue;
		snprintf(ret[(*ret_n)++], RESOLVER_ROOM,
			 node->family == AF_INET6 ? "[%s]:%d" : "%s:%d", host,
			 node->udp_port ? node->udp_port : 53);
	}
	ares_free_data(all);
	return rc;
}

#endif

/* Turns off what newer versions do on their own. */
static int newer_options(struct ares_options *options)
{
	int mask = 0;

#ifdef ARES_OPT_QUERY_CACHE
	options->qcache_max_ttl = 0;
	mask |= ARES_OPT_QUERY_CACHE;
#endif
#ifdef ARES_OPT_SERVER_FAILOVER
	options->server_failover_opts.retry_chance = 0;
	mask |= ARES_OPT_SERVER_FAILOVER;
#endif
	(void)options;
	return mask;
}

static int ares_error(struct err *error, int status)
{
	return err_set(error, status == ARES_ENOMEM ? IPREP_E_NOMEM : IPREP_E_OS, "DNS: %s%s",
		       status == ARES_EFILE ? "/etc/resolv.conf: " : "", ares_strerror(status));
}

int net_ares_init(struct err *error)
{
	int rc = ares_library_init(ARES_LIB_INIT_ALL);

	if (rc != ARES_SUCCESS)
		return ares_error(error, rc);
	return 0;
}

void net_ares_done(void)
{
	ares_library_cleanup();
}

int net_ares_resolvers(char ret[RESOLVERS_MAX][RESOLVER_ROOM], size_t *ret_n, struct err *error)
{
	struct ares_options ares_options = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES };
	ares_channel channel;
	int rc = ares_init_options(&channel, &ares_options, ARES_OPT_FLAGS | ARES_OPT_NOROTATE);

	*ret_n = 0;
	if (rc != ARES_SUCCESS)
		return ares_error(error, rc);
	rc = list_resolvers(channel, ret, ret_n);
	ares_destroy(channel);
	if (rc != ARES_SUCCESS)
		return ares_error(error, rc);
	return 0;
}

int net_ares_open(const char *resolver, struct net_ares_datagrams *datagrams, net_ares_watch *watch,
		  void *user, struct ares_channeldata **ret, struct err *error)
{
	static char no_file[] = "/dev/null";
	struct ares_options ares_options = {
		.flags = ARES_FLAG_STAYOPEN | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
			 ARES_FLAG_NOCHECKRESP | ARES_FLAG_IGNTC |
			 (datagrams ? 0 : ARES_FLAG_USEVC),
		.timeout = PATIENCE_MS,
		.tries = 1,
		.sock_state_cb = watch,
		.sock_state_cb_data = user,
		.resolvconf_path = no_file,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
		   ARES_OPT_NOROTATE | ARES_OPT_RESOLVCONF | newer_options(&ares_options);
	int rc = ares_init_options(ret, &ares_options, mask);

	if (rc != ARES_SUCCESS) {
		*ret = NULL;
		return ares_error(error, rc);
	}
	rc = set_socket_functions(*ret, datagrams);
	if (rc == ARES_SUCCESS)
		rc = set_resolver(*ret, resolver);
	if (rc == ARES_SUCCESS)
		return 0;
	ares_destroy(*ret);
	*ret = NULL;
	return ares_error(error, rc);
}

void net_ares_close(struct ares_channeldata *channel)
{
	if (channel)
		ares_destroy(channel);
}
