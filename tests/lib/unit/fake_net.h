/* SPDX-License-Identifier: MIT */
/*
 * fake_net.h - a network for tests: answers by name or URL, delivered from turn(), after any delay
 *
 * One network at a time. Monotonic time is virtual (the linker wraps clock_mono_ms()): it does
 * not advance until turn() moves it to the next answer or to the caller's limit. Nothing sleeps.
 */
#pragma once
#include "net/net.h"

enum { NEVER = -1 };
struct fake_answer {
	const char *match; /* part of "[TCP ][TXT |AAAA ]name" or of the URL; the first row that
			      does; NULL ends the table */
	struct dns_answer dns;
	struct http_answer http;
	int delay_ms; /* NEVER: only at the deadline */
};
extern const struct net_ops fake_net;
void fake_net_script(const struct fake_answer *answers);
/* The next script's n-th question, from 0, gets this answer, which must outlive it. */
void fake_net_nth(size_t n, const struct fake_answer *answer);
int64_t fake_net_time_ms(void); /* virtual, since the script */

/* What has been asked since the script. */
extern struct fake_seen {
	size_t asked;	    /* questions */
	size_t most;	    /* highest number waiting together */
	char last[4096];    /* name, or URL and body, asked last */
	char headers[2048]; /* of the last HTTP request, each with a newline */
	bool gzip;	    /* likewise */
} fake_seen;
extern bool fake_is_local; /* are the resolvers on this machine? At first: yes */
