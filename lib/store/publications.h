/* SPDX-License-Identifier: MIT */
/*
 * publications.h - what this host has, or wants to have, in the zone of the fleet
 *
 * A row is one pair of records: the A record 127.HI.LO.OCTET of an address, and the TXT record that
 * says until when. Rows are written in the transaction of the block, pardon or release that they
 * follow from, and removed when a server has confirmed their withdrawal: a process that is killed
 * at any point loses none and doubles none. Withdrawals are noted whether or not [fleet] is on.
 *
 * One message at a time may be on its way: a later one could otherwise overtake an earlier one.
 */
#pragma once
#include "base/types.h"

struct store;
#define PUBLICATION_OCTET_LOWEST 2 /* of the lowest tier; the next has 3, and so on */
#define PUBLICATION_OCTET_MAX	 9 /* of the eighth tier and all above */
#define PUBLICATION_PARDON	 254
#define PUBLICATIONS_MAX	 500 /* in one message */

enum publication_state {
	PUBLICATION_HELD,      /* wanted once the block is announced: max_new_blocks */
	PUBLICATION_WANTED,    /* to be published */
	PUBLICATION_PUBLISHED, /* a server has confirmed it */
	PUBLICATION_UNWANTED,  /* to be withdrawn */
};
struct publication {
	struct addr key;  /* of the block or pardon */
	struct addr addr; /* whose name has the records: of an IPv6 prefix, the one that was seen */
	int octet;	  /* the last of the A record */
	int64_t until;	  /* Unix seconds, in the TXT record */
	enum publication_state state; /* PUBLICATION_WANTED or PUBLICATION_UNWANTED */
	int tries;		      /* with this one */
	int64_t since;
	/* PUBLICATION_UNWANTED: another row needs the same A record, or the same TXT record */
	bool keep_a, keep_text;
};

/*
 * What is wanted of the key from now on, instead of all that was: octet 0: nothing. held: not
 * before store_publication_announced(). What is wanted already changes nothing.
 */
int store_publish(struct store *store, const struct addr *key, const struct addr *addr, int octet,
		  int64_t until, bool held);
/* The octet that is wanted of the key, held or not; 0: none. */
int store_publication_octet(struct store *store, const struct addr *key);
/* The block of the key was announced, and lasts until then: what was held is wanted. */
int store_publication_announced(struct store *store, const struct addr *key, int64_t until);
/* At most this octet is wanted of the key from now on, until then. */
int store_publication_lower(struct store *store, const struct addr *key, int octet, int64_t until);
/* Nothing, or no pardon, is wanted of keys and addresses from one to the other any more. */
int store_publications_withdraw(struct store *store, const struct addr *low,
				const struct addr *high, bool only_pardons);
/* The same of all whose time is over, unless the clock has just jumped. Short transactions of its
 * own, if there are any. */
int store_publications_expire(struct store *store);

/*
 * Written ahead, durably: up to max that are due, withdrawals first, then those due for longest.
 * Each is one try more, and is due again later. Returns how many; with max 0, whether there is one.
 */
int store_publications_take(struct store *store, struct publication *ret, size_t max);
/* The server has confirmed these. One that has changed in the meantime stays as it is. */
int store_publications_done(struct store *store, const struct publication *publications,
			    size_t count);
/* It has not: due again at retry_at. */
int store_publications_failed(struct store *store, const struct publication *publications,
			      size_t count, int64_t retry_at);
/* Withdraws what has no block or pardon any more, as after a wrong clock: nothing is left in the
 * zone that does not hold here. Reads all rows. */
int store_publications_check(struct store *store);
/* Another zone or host number: what was published there is to be published again. */
int store_publications_again(struct store *store);

struct publication_counts {
	int64_t wanted, unwanted, published, held;
	int64_t oldest_since; /* of those that are due; 0: none waits */
};
int store_publications_count(struct store *store, struct publication_counts *ret);

/* ---- the state of the fleet, as the worker sees it ---- */

struct fleet_state {
	char place[320];   /* "HOST ZONE" that the rows are published under; empty: none yet */
	char identity[20]; /* 16 hexadecimal digits, random; empty: none yet */
	int64_t last_ok_at, last_error_at; /* of an update; 0: never */
	char last_error[DETAIL_MAX];
	int64_t serial_primary, serial_resolver; /* SOA; -1: not known */
	int64_t serials_at;			 /* when both were asked last; 0: never */
	int64_t behind_since; /* the resolver has not had the primary's serial since; 0: it has */
};
/* Zeroes, and serials of -1, where nothing is known. */
int store_fleet_get(struct store *store, struct fleet_state *ret);
/* The worker alone calls it. */
int store_fleet_put(struct store *store, const struct fleet_state *state);
