/* SPDX-License-Identifier: MIT */
/* session.h - what everything above the engine works with; a member of the context */
#pragma once
#include "base/clock.h"
#include "conf/conf.h"
#include "source/dnsbl_health.h"
#include "base/log.h"
#include "net/net.h"
#include "base/local_addr.h"
#include "store/store.h"

struct feeds;
struct session {
	const struct conf *conf;
	struct store *store; /* NULL: no rights to the state; nothing is cached */
	struct clock clock;
	const struct log *log;
	struct err *err;       /* the context's: the store describes its failures there */
	const char *secret;    /* API key; NULL: none, or a hook, which needs none */
	const char *auth_mark; /* changes with key file and configuration; "" without */
	struct dnsbl_health_table *health; /* NULL: no list is probed, all are believed */
	const struct local_addr_list
		*own;		   /* this host's addresses; NULL: the kernel is asked each time */
	struct feeds *feeds;	   /* reputation/feeds.h; NULL: none are used */
	const struct net_ops *ops; /* NULL: the module */
	int runner_fd;		   /* 0 and -1: none */
};
