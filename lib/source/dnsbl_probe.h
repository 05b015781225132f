/* SPDX-License-Identifier: MIT */
/*
 * dnsbl_probe.h - one probe of a DNS list: what it must list, and what it must not
 *
 * RFC 5782, 5: 127.0.0.2 must be listed and 127.0.0.1 must not; as IPv6 (2.4) ::ffff:7f00:2 and
 * ::ffff:7f00:1 in nibbles, which are not the IPv4 names. A list that lists everybody but 127.0.0.1
 * is found by three random public addresses: of those a sound list has a few in 100,000. A listing
 * that gives no points does not count, because such data, as Spamhaus' PBL, may cover much of the
 * Internet. A random name finds a zone or a resolver that has an answer for every name.
 */
#pragma once
#include "source/source.h"

enum probe_result {
	PROBE_UNDECIDED, /* answers are missing, or one random address is listed: nothing is known
			  */
	PROBE_PASSED,
	PROBE_LISTS_WRONGLY, /* what no list may: it lists everybody, or is no list */
	PROBE_REFUSES,	     /* answers with a code that is no listing */
	PROBE_LACKS_TEST,    /* answers, but does not list its test entry */
};
struct probe_outcome {
	enum probe_result result;
	int family; /* 0: IPv4, 1: IPv6 */
	int latency_ms;
	char why[DETAIL_MAX]; /* not of PROBE_PASSED */
};

/*
 * Sends the questions of a family within the deadline of ask, whose list is meant; ended() is
 * called once, never from inside this call. False: no memory, nothing was sent.
 */
bool dnsbl_probe_send(const struct ask *ask, int family,
		      void (*ended)(void *user, const struct probe_outcome *outcome), void *user);
