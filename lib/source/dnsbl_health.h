/* SPDX-License-Identifier: MIT */
/*
 * dnsbl_health.h - can a DNS list be believed? Probes, quarantine, recovery
 *
 * A list is probed (dnsbl_probe.h) before it is believed, every [dns] health_interval after, when
 * it answers a lookup with an error code, and when it lists an address, at most once a minute: a
 * list may break between two probes, and no listing counts without a probe that passed in the last
 * minute. Queries are sent during the probe, and their answers are held until it is over. A probe
 * that decides nothing changes nothing: a good list stays good, but its listings do not count; an
 * unknown one is not believed.
 */
#pragma once
#include "base/types.h"

struct ask;
struct health { /* of one row of conf->sources; zeroed: unknown */
	struct zone_state state;
	bool changed;		   /* the store does not have it yet */
	bool turned;		   /* good <-> quarantined, not logged yet */
	int probing;		   /* probes under way */
	bool holds_all;		   /* also answers that are not accusing */
	int64_t tried_at[2];	   /* last probe sent, by family; 0: none */
	char doubt[2][DETAIL_MAX]; /* why the last probe of a family decided nothing */
	struct ask *held;
};

struct dnsbl_health_table {
	bool loaded;
	struct health rows[SOURCES_MAX];
};

/* Quarantined: its answers are worth nothing. */
bool dnsbl_health_is_bad(const struct health *health);
/* It has listed what no list may: what it said before is in doubt as well. */
bool dnsbl_health_is_false(const struct health *health);
/* Is a listing of this family backed by a probe of the last minute? */
bool dnsbl_health_is_fresh(const struct health *health, bool is_v4, int64_t now);
/* The next question starts a probe, however recent the last one was. */
void dnsbl_health_forget(struct health *health);
/* Start a probe if one is due, or now, within the deadline of ask. Nothing without ask->health. */
void dnsbl_health_begin(struct ask *ask, bool now);
/* ask->answer is complete: calls ask->done(), now or when the probe is over, with the answer as
 * what it is worth. */
void dnsbl_health_conclude(struct ask *ask);
