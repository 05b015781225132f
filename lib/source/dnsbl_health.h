/* SPDX-License-Identifier: MIT */
/*
 * dnsbl_health.h - can a DNS list be trusted? RFC 5782's test points, quarantine, recovery
 *
 * RFC 5782, 5: no list may have 127.0.0.1 (as IPv6 ::ffff:7f00:1). One that does lists the world,
 * is parked, or is answered by a resolver that knows no "no". A list is probed before it is
 * believed, every [dns] health_interval after, and when it answers a lookup with an error code.
 * Queries are sent during the probe; their answers are held until it is over. A probe without an
 * answer changes nothing: a good list stays good, an unknown one is not believed.
 */
#pragma once
#include "base/types.h"

struct ask;
struct health { /* of one row of conf->sources; zeroed: unknown */
	struct zone_state state;
	bool changed;	  /* the store does not have it yet */
	bool turned;	  /* good <-> quarantined, not logged yet */
	int probing;	  /* answers still to come */
	int64_t tried_at; /* last probe sent; 0: none */
	struct ask *held;
};

struct dnsbl_health_table {
	bool loaded;
	struct health rows[SOURCES_MAX];
};

bool dnsbl_health_is_bad(const struct health *health);
/* The next question starts a probe, however recent the last one was. */
void dnsbl_health_forget(struct health *health);
/* Start a probe if one is due, or now, within the deadline of ask. Nothing without ask->health. */
void dnsbl_health_begin(struct ask *ask, bool now);
/* ask->answer is complete: calls ask->done(), now or when the probe is over, with the answer as
 * what it is worth. */
void dnsbl_health_conclude(struct ask *ask);
