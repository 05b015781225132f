/* SPDX-License-Identifier: MIT */
/*
 * accept.h - is a download what it should be?
 *
 * Foreign data is checked for extent, not only for form: one bad list can lock out everybody. A
 * refused download changes nothing, and the reason is shown (DESIGN 5.4).
 */
#pragma once
#include "base/types.h"
#include "feed/format.h"
#include "feed/table.h"

#define FEED_COVER_MAX	  42949672 /* addresses: 1 % of IPv4 */
#define FEED_COVER_V6_MAX 8192	   /* networks /32: as many as the widest entry holds */
#define FEED_BITS_MIN_V4  (96 + 8) /* shorter networks are no evidence */
#define FEED_BITS_MIN_V6  19
#define FEED_COMPARED_MIN 30 /* a list with fewer entries is compared as one with this number */

struct feed_check {
	const struct feed_counts *counts;
	const struct feed_entries *entries; /* sorted */
	const struct feed_list *last;	    /* the last good one; NULL: none, or it is stale */
	/* The address or network is one of this host, or of [allow]: why, or NULL. */
	const char *(*guarded)(void *user, const struct prefix *net);
	void *user;
};
/*
 * False: refused, and why says which rule, with the line, network or numbers; masked. A list that
 * was emptied, tripled or thinned out for good is accepted when the last good one is stale.
 */
bool feed_accept(const struct feed_check *check, char ret_why[DETAIL_MAX]);
