/* SPDX-License-Identifier: MIT */
#include "source/dnsbl_health.h"
#include "source/source.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_S	 10    /* a probe without an answer is not repeated sooner */
#define FORCED_S 60    /* nor one that an error code asks for */
#define SILENT_S 86400 /* after this time without an answer an allowlist is ignored */

/* RFC 5782, 5: 127.0.0.1; 2.4: ::FFFF:7F00:1 in nibbles, which is not the IPv4 name */
static const char *const points[2] = {
	"1.0.0.127",
	"1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0",
};
static const char *const point_texts[2] = { "127.0.0.1", "::ffff:7f00:1" };

struct probe {
	struct health *health;
	struct ask ask;
	int family;
	int64_t asked_ms;
};

bool dnsbl_health_is_bad(const struct health *health)
{
	return health && (health->state.state[0] == ZONE_BAD || health->state.state[1] == ZONE_BAD);
}

void dnsbl_health_forget(struct health *health)
{
	health->state.probed_at = health->tried_at = 0;
}

static bool is_probe_due(const struct ask *ask)
{
	const struct zone_state *state = &ask->health->state;
	int64_t now = clock_now_s(&ask->clock);

	if (!addr_is_v4(&ask->task->addr) && state->state[1] == ZONE_UNKNOWN)
		return true;
	return state->state[0] == ZONE_UNKNOWN || state->probed_at > now ||
	       now - state->probed_at >= ask->conf->health_s;
}

static void set_zone_state(struct probe *probe, enum zone_state_kind state, const char *why)
{
	struct zone_state *z = &probe->health->state;
	bool was_bad = dnsbl_health_is_bad(probe->health);

	z->state[probe->family] = (uint8_t)state;
	if (state == ZONE_BAD && (!probe->family || z->state[0] != ZONE_BAD))
		snprintf(z->why, sizeof(z->why), "%s", why);
	if (!dnsbl_health_is_bad(probe->health))
		z->why[0] = '\0';
	if (!probe->family || state == ZONE_BAD) {
		z->probed_at = clock_now_s(&probe->ask.clock);
		z->latency_ms = (int)(clock_mono_ms() - probe->asked_ms);
	}
	if (state == ZONE_GOOD && !probe->family)
		z->silent_since = 0;
	probe->health->changed = true;
	probe->health->turned |= was_bad != dnsbl_health_is_bad(probe->health);
}

/* What an answer is worth, given the state of its list. */
static void apply_state(struct ask *ask)
{
	const struct zone_state *state = &ask->health->state;
	struct finding *finding = &ask->answer;
	bool is_v4 = addr_is_v4(&ask->task->addr);

	if (dnsbl_health_is_bad(ask->health)) {
		*finding = (struct finding){ .status = FINDING_QUARANTINED };
		snprintf(finding->detail, sizeof(finding->detail), "%s", state->why);
	} else if (finding->status == FINDING_OK && state->state[is_v4 ? 0 : 1] != ZONE_GOOD) {
		*finding = (struct finding){ .status = FINDING_ERROR };
		snprintf(finding->detail, sizeof(finding->detail),
			 "not believed: its test point %s got no answer",
			 point_texts[is_v4 ? 0 : 1]);
	}
}

/* An allowlist that never answers would keep every verdict undecided forever. */
static void note_silence(struct ask *ask)
{
	struct zone_state *state = &ask->health->state;
	int64_t now = clock_now_s(&ask->clock);

	if (!points_is_negative(&ask->source->points) || dnsbl_health_is_bad(ask->health))
		return;
	if (ask->answer.status == FINDING_OK) {
		ask->health->changed |= state->silent_since != 0;
		state->silent_since = 0;
	} else if (!state->silent_since || state->silent_since > now) {
		state->silent_since = now;
		ask->health->changed = true;
	} else if (now - state->silent_since >= SILENT_S) {
		state->state[0] = ZONE_BAD;
		state->probed_at = now;
		snprintf(state->why, sizeof(state->why),
			 "an allowlist that has not answered for a day");
		ask->health->changed = ask->health->turned = true;
	}
}

static void answer_held(struct health *health)
{
	while (health->held) {
		struct ask *ask = health->held;

		health->held = ask->next_held;
		apply_state(ask);
		ask->done(ask);
	}
}

static void got_probe(void *user, const struct dns_answer *answer)
{
	struct probe *probe = user;
	struct health *health = probe->health;
	char why[DETAIL_MAX];

	switch (answer->status) {
	case NET_OK:
		snprintf(why, sizeof(why), "lists %s (RFC 5782 test entry)",
			 point_texts[probe->family]);
		set_zone_state(probe, ZONE_BAD, why);
		break;
	case NET_NXDOMAIN:
	case NET_NODATA:
		set_zone_state(probe, ZONE_GOOD, "");
		break;
	case NET_TIMEOUT:
	case NET_REFUSED:
	case NET_SERVFAIL:
	case NET_BROKEN:
		if (dnsbl_health_is_bad(health) &&
		    !probe->family) { /* the next one after the interval */
			health->state.probed_at = clock_now_s(&probe->ask.clock);
			health->changed = true;
		}
		break;
	}
	free(probe);
	if (--health->probing == 0)
		answer_held(health);
}

static void send_probe(struct ask *ask, int family)
{
	struct probe *probe = malloc(sizeof(*probe));
	char name[ADDR_REVERSE_MAX + CONF_TEXT_MAX + 66];

	if (!probe)
		return;
	*probe = (struct probe){
		.health = ask->health, .ask = *ask, .family = family, .asked_ms = clock_mono_ms()
	};
	snprintf(name, sizeof(name), "%s.%s", points[family], source_zone(ask->source));
	ask->health->probing++;
	ask->ops->dns(ask->net, name, NET_A, false, ask->deadline_ms, got_probe, probe);
}

void dnsbl_health_begin(struct ask *ask, bool now)
{
	struct health *health = ask->health;
	int64_t at = clock_now_s(&ask->clock), since;

	if (!health || health->probing)
		return;
	since = at - health->state.probed_at;
	if (now ? since >= 0 && since < FORCED_S : !is_probe_due(ask))
		return;
	if (at - health->tried_at < AGAIN_S && at >= health->tried_at)
		return;
	health->tried_at = at;
	send_probe(ask, 0);
	send_probe(ask, 1);
}

void dnsbl_health_conclude(struct ask *ask)
{
	struct health *health = ask->health;

	if (!health) {
		ask->done(ask);
		return;
	}
	note_silence(ask);
	if (health->probing) {
		ask->next_held = health->held;
		health->held = ask;
		return;
	}
	apply_state(ask);
	ask->done(ask);
}
