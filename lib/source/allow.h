/* SPDX-License-Identifier: MIT */
/*
 * allow.h - the networks of a host name or an SPF domain of [allow], through DNS
 *
 * A host name has its A and AAAA records; if only one of the two is answered, the caller keeps what
 * it had of the other. An SPF domain has the networks of its record and of those that it includes
 *or redirects to, at most 10 (RFC 7208, 4.6.4), of which 2 may be missing. It is all or nothing:
 * whatever cannot be read leaves is_good false, and the caller keeps what it had.
 *
 *	struct allow_query query = { .name = "example.com", .is_spf = true, .ops = ops, .net = net,
 *				     .deadline_ms = deadline, .done = take_networks };
 *	allow_resolve(&query);
 */
#pragma once
#include "base/addr.h"
#include "net/net.h"

#define SPF_LOOKUPS_MAX 10 /* include: and redirect= */
#define SPF_VOID_MAX	2  /* of these, without a record at all */

struct allow_walk;
struct allow_query {
	/* The caller's, until done(). */
	const char *name; /* of a host, or a domain */
	bool is_spf;
	const struct net_ops *ops;
	struct net *net;
	int64_t deadline_ms; /* monotonic, of all its lookups */
	/* Made exactly once: from net's turn() or close(), or, without memory, immediately. The
	 * query may then be gone. */
	void (*done)(struct allow_query *query);
	void *owner;

	/* What came of it. */
	bool is_good; /* nnets may be 0: an SPF record that allows no address */
	bool is_cut;  /* good, but a host has more than ANSWERS_MAX addresses of a type */
	int lost;     /* good, but not of this type, NET_A or NET_AAAA; 0: of both */
	struct prefix
		*nets; /* in any order, perhaps some twice; the caller frees it, good or not */
	size_t nnets;
	size_t nskipped;      /* terms of SPF that are not followed: a, mx, ptr, exists, macros */
	uint32_t ttl_s;	      /* least TTL of the answers; 0: none had one */
	char why[DETAIL_MAX]; /* not good, cut or lost: printable, "_spf.example.com: timeout";
				 empty: as good as it gets */

	/* allow.c's */
	size_t nets_room;
	bool has_ttl;
	struct allow_walk *walk;
};
/* Never blocks. */
void allow_resolve(struct allow_query *query);
