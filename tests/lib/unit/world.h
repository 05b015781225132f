/* SPDX-License-Identifier: MIT */
/* world.h - the network module, open with a resolver and a proxy of the test's */
#pragma once
#include "base/clock.h"
#include "net/net.h"
#include "unit.h"

/* One resolver or two; clock: of tries and deadlines. */
static inline struct net *world_open(const char *const *resolvers, struct net_conf conf)
{
	struct resolver parsed[2];
	struct net *net = NULL;
	struct err e = { 0 };

	for (conf.nresolvers = 0; conf.nresolvers < 2 && resolvers[conf.nresolvers];
	     conf.nresolvers++)
		assert_true(resolver_parse(resolvers[conf.nresolvers], &parsed[conf.nresolvers]));
	conf.resolvers = parsed;
	if (iprep_net.open(&conf, &net, &e))
		fail_msg("open: %s", e.text);
	return net;
}

static inline void world_run(struct net *net, int64_t (*now_ms)(void))
{
	int64_t end = now_ms() + 20000;

	while (iprep_net.turn(net, end))
		assert_true(now_ms() < end);
}

/* Sockets of the Internet; curl 7.88 leaves the pair of curl_multi_wakeup(3) open to children. */
static inline void world_assert_nothing_is_inherited(void)
{
	for (int fd = 3; fd < 200; fd++) {
		struct sockaddr_storage a;
		socklen_t len = sizeof(a);

		if (!getsockname(fd, (struct sockaddr *)&a, &len) && a.ss_family == AF_INET)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
}
