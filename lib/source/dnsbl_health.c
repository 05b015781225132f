/* SPDX-License-Identifier: MIT */
#include "source/dnsbl_health.h"
#include "source/dnsbl_probe.h"
#include "source/source.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_S	 10    /* a probe that decided nothing is not repeated sooner */
#define FRESH_S	 60    /* nor one that a listing or an error code asks for */
#define SILENT_S 86400 /* after this time without an answer an allowlist is ignored */
/* The list of a fleet comes from a server nearby. Its silence may hide a pardon, so it delays every
 * block; but a lookup is tried for an hour, and is decided within that. */
#define FLEET_SILENT_S 1800
#define FLEET_PROBE_S  600 /* between the probes of one that is quarantined */

static bool is_bad_state(enum zone_state_kind state)
{
	return state == ZONE_BAD || state == ZONE_REFUSING;
}

/* Many lists have no IPv6: then their IPv6 test entry is missing. */
static bool is_bad_family(const struct zone_state *zone, int family)
{
	return is_bad_state(zone->state[family]) || (!family && zone->state[0] == ZONE_EMPTY);
}

bool dnsbl_health_is_bad(const struct health *health)
{
	return health && (is_bad_family(&health->state, 0) || is_bad_family(&health->state, 1));
}

bool dnsbl_health_is_false(const struct health *health)
{
	return health->state.state[0] == ZONE_BAD || health->state.state[1] == ZONE_BAD;
}

bool dnsbl_health_is_fresh(const struct health *health, bool is_v4, int64_t now)
{
	int64_t since = now - health->state.probed_at[is_v4 ? 0 : 1];

	return since >= 0 && since < FRESH_S;
}

void dnsbl_health_forget(struct health *health)
{
	memset(health->state.probed_at, 0, sizeof(health->state.probed_at));
	memset(health->tried_at, 0, sizeof(health->tried_at));
}

static int64_t probe_interval_s(const struct ask *ask)
{
	if (ask->source->is_fleet && dnsbl_health_is_bad(ask->health) &&
	    ask->conf->health_s > FLEET_PROBE_S)
		return FLEET_PROBE_S;
	return ask->conf->health_s;
}

static bool is_probe_due(const struct ask *ask)
{
	const struct zone_state *state = &ask->health->state;
	int64_t now = clock_now_s(&ask->clock);

	if (!addr_is_v4(&ask->task->addr) && state->state[1] == ZONE_UNKNOWN)
		return true;
	return state->state[0] == ZONE_UNKNOWN || state->probed_at[0] > now ||
	       now - state->probed_at[0] >= probe_interval_s(ask);
}

/* ---- what a probe has shown ---- */

static enum zone_state_kind state_of(const struct probe_outcome *outcome)
{
	switch (outcome->result) {
	case PROBE_PASSED:
		return ZONE_GOOD;
	case PROBE_LISTS_WRONGLY:
		return ZONE_BAD;
	case PROBE_REFUSES:
		return ZONE_REFUSING;
	case PROBE_LACKS_TEST:
		return ZONE_EMPTY;
	case PROBE_UNDECIDED:
		break;
	}
	return ZONE_UNKNOWN;
}

/* Of two families that fail, IPv4 is named. */
static void zone_set_why(struct zone_state *zone, int family, bool was_bad4, const char *why)
{
	if (!is_bad_family(zone, 0) && !is_bad_family(zone, 1))
		zone->why[0] = '\0';
	else if (is_bad_family(zone, family) && !(family && is_bad_family(zone, 0)))
		snprintf(zone->why, sizeof(zone->why), "%s", why);
	else if (!family && was_bad4)
		snprintf(zone->why, sizeof(zone->why), "fails its probe of IPv6 addresses");
}

static void set_zone_state(struct health *health, const struct probe_outcome *outcome, int64_t now)
{
	struct zone_state *zone = &health->state;
	bool was_bad = dnsbl_health_is_bad(health), was_bad4 = is_bad_family(zone, 0);
	int family = outcome->family, before = zone->state[outcome->family];

	zone->state[family] = (uint8_t)state_of(outcome);
	zone->probed_at[family] = now;
	zone_set_why(zone, family, was_bad4, outcome->why);
	if (!family) {
		zone->latency_ms = outcome->latency_ms;
		if (zone->state[0] == ZONE_GOOD)
			zone->silent_since = 0;
	}
	health->changed = true;
	health->turned |= was_bad != dnsbl_health_is_bad(health);
	if (zone->state[family] != before)
		zone->is_applied = false;
}

/* What an answer is worth, given the state of its list. */
static void apply_state(struct ask *ask)
{
	const struct health *health = ask->health;
	struct finding *finding = &ask->answer;
	bool is_v4 = addr_is_v4(&ask->task->addr);
	const char *doubt = health->doubt[is_v4 ? 0 : 1];
	enum zone_state_kind kind = health->state.state[is_v4 ? 0 : 1];
	bool is_fresh = dnsbl_health_is_fresh(health, is_v4, clock_now_s(&ask->clock));

	if (dnsbl_health_is_bad(health)) {
		*finding = (struct finding){ .status = FINDING_QUARANTINED };
		snprintf(finding->detail, sizeof(finding->detail), "%s", health->state.why);
	} else if (finding->status != FINDING_OK) {
		return;
	} else if (kind == ZONE_UNKNOWN || (finding->listed && finding->points && !is_fresh)) {
		*finding = (struct finding){ .status = FINDING_ERROR };
		snprintf(finding->detail, sizeof(finding->detail), "not believed: %.140s",
			 *doubt ? doubt : "its test points got no answer");
	} else if (kind == ZONE_EMPTY && !finding->listed) {
		*finding = (struct finding){ .status = FINDING_SKIPPED };
		snprintf(finding->detail, sizeof(finding->detail),
			 "no IPv6: it does not list its test entry ::ffff:7f00:2");
	}
}

/* An allowlist that never answers, or a fleet whose pardons are missing, would keep every verdict
 * undecided forever. */
static void note_silence(struct ask *ask)
{
	struct zone_state *state = &ask->health->state;
	int64_t now = clock_now_s(&ask->clock);
	bool is_fleet = ask->source->is_fleet;

	if ((!is_fleet && !points_is_negative(&ask->source->points)) ||
	    ask->answer.status == FINDING_SKIPPED || dnsbl_health_is_bad(ask->health))
		return;
	if (ask->answer.status == FINDING_OK) {
		ask->health->changed |= state->silent_since != 0;
		state->silent_since = 0;
	} else if (!state->silent_since || state->silent_since > now) {
		state->silent_since = now;
		ask->health->changed = true;
	} else if (now - state->silent_since >= (is_fleet ? FLEET_SILENT_S : SILENT_S)) {
		state->state[0] = ZONE_REFUSING;
		state->probed_at[0] = now;
		snprintf(state->why, sizeof(state->why),
			 is_fleet ? "the list of the fleet has not answered for half an hour"
				  : "an allowlist that has not answered for a day");
		ask->health->changed = ask->health->turned = true;
	}
}

/* ---- probes, and answers that wait for them ---- */

struct probing { /* one probe; the ask that began it may be gone when it ends */
	struct health *health;
	struct clock clock;
};

static void answer_held(struct health *health)
{
	while (health->held) {
		struct ask *ask = health->held;

		health->held = ask->next_held;
		apply_state(ask);
		ask->done(ask);
	}
}

static void probe_ended(void *user, const struct probe_outcome *outcome)
{
	struct probing *probing = user;
	struct health *health = probing->health;
	int64_t now = clock_now_s(&probing->clock);

	if (outcome->result != PROBE_UNDECIDED) {
		set_zone_state(health, outcome, now);
	} else {
		snprintf(health->doubt[outcome->family], DETAIL_MAX, "%s", outcome->why);
		/* the next one after the interval */
		if (dnsbl_health_is_bad(health) && !outcome->family) {
			health->state.probed_at[0] = now;
			health->changed = true;
		}
	}
	free(probing);
	if (--health->probing == 0)
		answer_held(health);
}

static void send_probe(struct ask *ask, int family)
{
	struct health *health = ask->health;
	struct probing *probing = malloc(sizeof(*probing));

	if (!probing)
		return;
	*probing = (struct probing){ .health = health, .clock = ask->clock };
	health->tried_at[family] = clock_now_s(&ask->clock);
	health->probing++;
	if (dnsbl_probe_send(ask, family, probe_ended, probing))
		return;
	health->probing--;
	free(probing);
}

static bool was_just_tried(const struct health *health, int family, int64_t now)
{
	return now - health->tried_at[family] < AGAIN_S && now >= health->tried_at[family];
}

void dnsbl_health_begin(struct ask *ask, bool now)
{
	struct health *health = ask->health;
	bool is_v4 = addr_is_v4(&ask->task->addr);
	int64_t at = clock_now_s(&ask->clock);

	if (!health || health->probing)
		return;
	if (now) {
		if (dnsbl_health_is_fresh(health, is_v4, at) ||
		    was_just_tried(health, is_v4 ? 0 : 1, at))
			return;
		health->holds_all = false;
		if (!is_v4) /* 127.0.0.2 tells a list that lost its data from one without IPv6 */
			send_probe(ask, 1);
		if (!dnsbl_health_is_fresh(health, true, at))
			send_probe(ask, 0);
	} else if (is_probe_due(ask) && !was_just_tried(health, is_v4 ? 0 : 1, at)) {
		health->holds_all = true;
		send_probe(ask, 0);
		send_probe(ask, 1);
	}
}

void dnsbl_health_conclude(struct ask *ask)
{
	struct health *health = ask->health;
	const struct finding *finding = &ask->answer;

	if (!health) {
		ask->done(ask);
		return;
	}
	note_silence(ask);
	if (finding->listed && finding->points)
		dnsbl_health_begin(ask, true);
	if (health->probing &&
	    (health->holds_all || finding->status != FINDING_OK || finding->listed)) {
		ask->next_held = health->held;
		health->held = ask;
		return;
	}
	apply_state(ask);
	ask->done(ask);
}
