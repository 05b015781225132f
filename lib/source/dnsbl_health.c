/* SPDX-License-Identifier: MIT */
#include "source/dnsbl_health.h"
#include "source/source.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_S	 10    /* a probe without an answer is not repeated sooner */
#define FORCED_S 60    /* nor one that an error code asks for */
#define SILENT_S 86400 /* an allowlist without an answer so long is no help */

/* RFC 5782, 5: 127.0.0.1; 2.4: ::FFFF:7F00:1 in nibbles, which is not the IPv4 name */
static const char *const points[2] = {
	"1.0.0.127",
	"1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0",
};
static const char *const point_texts[2] = { "127.0.0.1", "::ffff:7f00:1" };

struct probe {
	struct health *h;
	struct ask ask;
	int family;
	int64_t asked_ms;
};

bool dnsbl_health_is_bad(const struct health *h)
{
	return h && (h->z.state[0] == ZONE_BAD || h->z.state[1] == ZONE_BAD);
}

void dnsbl_health_forget(struct health *h)
{
	h->z.probed_at = h->tried_at = 0;
}

static bool due(const struct ask *a)
{
	const struct zone_state *z = &a->health->z;
	int64_t now = clock_now_s(&a->clock);

	if (!addr_is_v4(&a->task->addr) && z->state[1] == ZONE_UNKNOWN)
		return true;
	return z->state[0] == ZONE_UNKNOWN || z->probed_at > now ||
	       now - z->probed_at >= a->conf->health_s;
}

static void learn(struct probe *p, enum zone_state_kind state, const char *why)
{
	struct zone_state *z = &p->h->z;
	bool was_bad = dnsbl_health_is_bad(p->h);

	z->state[p->family] = (uint8_t)state;
	if (state == ZONE_BAD && (!p->family || z->state[0] != ZONE_BAD))
		snprintf(z->why, sizeof(z->why), "%s", why);
	if (!dnsbl_health_is_bad(p->h))
		z->why[0] = '\0';
	if (!p->family || state == ZONE_BAD) {
		z->probed_at = clock_now_s(&p->ask.clock);
		z->latency_ms = (int)(clock_mono_ms() - p->asked_ms);
	}
	if (state == ZONE_GOOD && !p->family)
		z->silent_since = 0;
	p->h->changed = true;
	p->h->turned |= was_bad != dnsbl_health_is_bad(p->h);
}

/* What the list's own state makes of an answer. */
static void weigh(struct ask *a)
{
	const struct zone_state *z = &a->health->z;
	struct finding *f = &a->answer;
	bool is_v4 = addr_is_v4(&a->task->addr);

	if (dnsbl_health_is_bad(a->health)) {
		*f = (struct finding){ .status = FINDING_QUARANTINED };
		snprintf(f->detail, sizeof(f->detail), "%s", z->why);
	} else if (f->status == FINDING_OK && z->state[is_v4 ? 0 : 1] != ZONE_GOOD) {
		*f = (struct finding){ .status = FINDING_ERROR };
		snprintf(f->detail, sizeof(f->detail),
			 "not believed: its test point %s got no answer",
			 point_texts[is_v4 ? 0 : 1]);
	}
}

/* An allowlist that never answers would keep every verdict open for ever. */
static void note_silence(struct ask *a)
{
	struct zone_state *z = &a->health->z;
	int64_t now = clock_now_s(&a->clock);

	if (!points_is_negative(&a->source->points) || dnsbl_health_is_bad(a->health))
		return;
	if (a->answer.status == FINDING_OK) {
		a->health->changed |= z->silent_since != 0;
		z->silent_since = 0;
	} else if (!z->silent_since || z->silent_since > now) {
		z->silent_since = now;
		a->health->changed = true;
	} else if (now - z->silent_since >= SILENT_S) {
		z->state[0] = ZONE_BAD;
		z->probed_at = now;
		snprintf(z->why, sizeof(z->why), "an allowlist that has not answered for a day");
		a->health->changed = a->health->turned = true;
	}
}

static void release(struct health *h)
{
	while (h->held) {
		struct ask *a = h->held;

		h->held = a->next_held;
		weigh(a);
		ask_done(a);
	}
}

static void got_probe(void *user, const struct dns_answer *d)
{
	struct probe *p = user;
	struct health *h = p->h;
	char why[DETAIL_MAX];

	switch (d->status) {
	case NET_OK:
		snprintf(why, sizeof(why), "lists %s, as no list may", point_texts[p->family]);
		learn(p, ZONE_BAD, why);
		break;
	case NET_NXDOMAIN:
	case NET_NODATA:
		learn(p, ZONE_GOOD, "");
		break;
	case NET_TIMEOUT:
	case NET_REFUSED:
	case NET_SERVFAIL:
	case NET_BROKEN:
		if (dnsbl_health_is_bad(h) && !p->family) { /* the next one after the interval */
			h->z.probed_at = clock_now_s(&p->ask.clock);
			h->changed = true;
		}
		break;
	}
	free(p);
	if (--h->probing == 0)
		release(h);
}

static void send_probe(struct ask *a, int family)
{
	struct probe *p = malloc(sizeof(*p));
	char name[ADDR_REVERSE_MAX + CONF_TEXT_MAX + 66];

	if (!p)
		return;
	*p = (struct probe){
		.h = a->health, .ask = *a, .family = family, .asked_ms = clock_mono_ms()
	};
	snprintf(name, sizeof(name), "%s.%s", points[family], source_zone(a->source));
	a->health->probing++;
	a->ops->dns(a->net, name, NET_A, false, a->deadline_ms, got_probe, p);
}

void dnsbl_health_begin(struct ask *a, bool now)
{
	struct health *h = a->health;
	int64_t at = clock_now_s(&a->clock), since;

	if (!h || h->probing)
		return;
	since = at - h->z.probed_at;
	if (now ? since >= 0 && since < FORCED_S : !due(a))
		return;
	if (at - h->tried_at < AGAIN_S && at >= h->tried_at)
		return;
	h->tried_at = at;
	send_probe(a, 0);
	send_probe(a, 1);
}

void dnsbl_health_conclude(struct ask *a)
{
	struct health *h = a->health;

	if (!h) {
		ask_done(a);
		return;
	}
	note_silence(a);
	if (h->probing) {
		a->next_held = h->held;
		h->held = a;
		return;
	}
	weigh(a);
	ask_done(a);
}
