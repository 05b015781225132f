/* SPDX-License-Identifier: MIT */
#include "source/dnsbl_probe.h"
#include "base/random.h"
#include "source/dnsbl_code.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_WAIT_MS 1000 /* some servers of lists do not answer for what is no address */

enum point_kind {
	POINT_NEVER,
	POINT_TEST,
	POINT_RANDOM_1,
	POINT_RANDOM_2,
	POINT_RANDOM_3,
	POINT_NAME,
	NPOINTS
};
enum point_answer {
	ANSWER_NONE,
	ANSWER_NO,
	ANSWER_WORTHLESS,
	ANSWER_LISTED,
	ANSWER_REFUSED,
	ANSWER_FOREIGN
};

/* RFC 5782, 5 and 2.4 */
static const char *const fixed_names[2][2] = {
	{ "1.0.0.127", "2.0.0.127" },
	{ "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0",
	  "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0" },
};
static const char *const fixed_texts[2][2] = { { "127.0.0.1", "127.0.0.2" },
					       { "::ffff:7f00:1", "::ffff:7f00:2" } };

struct probe;
struct point {
	struct probe *probe;
	enum point_answer answer;
	char why[DETAIL_MAX]; /* ANSWER_REFUSED, ANSWER_FOREIGN */
};
struct probe {
	const struct conf_source *list;
	int family, unanswered;
	int64_t sent_ms;
	void (*ended)(void *user, const struct probe_outcome *outcome);
	void *user;
	struct point points[NPOINTS];
};

/* ---- what is asked ---- */

/* Unicast space of the five regional registries; most of 2000::/3 is not assigned. */
static void random_v6(struct addr *addr)
{
	static const uint8_t first[] = { 0x24, 0x26, 0x28, 0x2a, 0x2c };

	for (size_t i = 0; i < sizeof(addr->bytes); i++)
		addr->bytes[i] = (uint8_t)random_below(256);
	addr->bytes[0] = first[random_below(sizeof(first))];
	addr->bytes[1] &= 0x0f;
}

static void random_address(int family, struct addr *addr)
{
	do {
		if (family) {
			random_v6(addr);
			continue;
		}
		*addr = (struct addr){ { [10] = 0xff, 0xff } };
		for (size_t i = 12; i < sizeof(addr->bytes); i++)
			addr->bytes[i] = (uint8_t)random_below(256);
	} while (addr_special(addr));
}

static void point_name(enum point_kind kind, int family, char dst[ADDR_REVERSE_MAX])
{
	struct addr addr;

	if (kind == POINT_NEVER || kind == POINT_TEST) {
		snprintf(dst, ADDR_REVERSE_MAX, "%s", fixed_names[family][kind]);
	} else if (kind == POINT_NAME) {
		for (int i = 0; i < 16; i++)
			dst[i] = (char)('a' + random_below(26));
		dst[16] = '\0';
	} else {
		random_address(family, &addr);
		addr_reverse(&addr, dst);
	}
}

/* ---- what the answers mean ---- */

static int count_random(const struct probe *probe, enum point_answer answer)
{
	int count = 0;

	for (int i = POINT_RANDOM_1; i <= POINT_RANDOM_3; i++)
		count += probe->points[i].answer == answer;
	return count;
}

/* One code or foreign address is enough: no sound list has it for any of these names. */
static bool judge_codes(const struct probe *probe, struct probe_outcome *outcome)
{
	for (int i = 0; i < NPOINTS; i++) {
		const struct point *point = &probe->points[i];

		if (point->answer != ANSWER_REFUSED && point->answer != ANSWER_FOREIGN)
			continue;
		outcome->result = PROBE_LISTS_WRONGLY;
		if (point->answer == ANSWER_REFUSED)
			outcome->result = PROBE_REFUSES;
		snprintf(outcome->why, sizeof(outcome->why), "%s", point->why);
		return true;
	}
	return false;
}

static bool judge_listings(const struct probe *probe, struct probe_outcome *outcome)
{
	int listed = count_random(probe, ANSWER_LISTED);

	outcome->result = PROBE_LISTS_WRONGLY;
	if (probe->points[POINT_NEVER].answer != ANSWER_NO &&
	    probe->points[POINT_NEVER].answer != ANSWER_NONE) {
		snprintf(outcome->why, sizeof(outcome->why), "lists %s (RFC 5782 test entry)",
			 fixed_texts[probe->family][POINT_NEVER]);
	} else if (listed >= 2) {
		snprintf(outcome->why, sizeof(outcome->why), "lists %d of 3 random addresses",
			 listed);
	} else if (probe->points[POINT_NAME].answer == ANSWER_LISTED ||
		   probe->points[POINT_NAME].answer == ANSWER_WORTHLESS) {
		snprintf(outcome->why, sizeof(outcome->why),
			 "lists a random name that is no address");
	} else if (listed) { /* by chance of one in thousands: not believed until the next probe */
		outcome->result = PROBE_UNDECIDED;
		snprintf(outcome->why, sizeof(outcome->why), "it lists 1 of 3 random addresses");
	} else {
		return false;
	}
	return true;
}

static void judge_silence(const struct probe *probe, struct probe_outcome *outcome)
{
	enum point_answer test = probe->points[POINT_TEST].answer;

	outcome->result = PROBE_UNDECIDED;
	if (probe->points[POINT_NEVER].answer == ANSWER_NONE) {
		snprintf(outcome->why, sizeof(outcome->why), "its test point %s got no answer",
			 fixed_texts[probe->family][POINT_NEVER]);
	} else if (probe->list->test_entry && test == ANSWER_NONE) {
		snprintf(outcome->why, sizeof(outcome->why), "its test entry %s got no answer",
			 fixed_texts[probe->family][POINT_TEST]);
	} else if (probe->list->test_entry && test == ANSWER_NO) {
		outcome->result = PROBE_LACKS_TEST;
		snprintf(outcome->why, sizeof(outcome->why),
			 "does not list its test entry %s: it has lost its data, or the resolver "
			 "hides answers in 127.0.0.0/8",
			 fixed_texts[probe->family][POINT_TEST]);
	} else if (count_random(probe, ANSWER_NONE) > 1) {
		snprintf(outcome->why, sizeof(outcome->why),
			 "probes of random addresses got no answer");
	} else {
		outcome->result = PROBE_PASSED;
	}
}

static void end_probe(struct probe *probe)
{
	struct probe_outcome outcome = { .family = probe->family,
					 .latency_ms = (int)(clock_mono_ms() - probe->sent_ms) };

	if (!judge_codes(probe, &outcome) && !judge_listings(probe, &outcome))
		judge_silence(probe, &outcome);
	probe->ended(probe->user, &outcome);
	free(probe);
}

static void take_listing(struct point *point, const struct dns_answer *answer)
{
	const struct conf_source *list = point->probe->list;

	point->answer = ANSWER_WORTHLESS;
	if (points_points(&list->points, answer->a, answer->na))
		point->answer = ANSWER_LISTED;
	for (size_t i = 0; i < answer->na; i++) {
		enum dnsbl_code code = dnsbl_code_of(list, answer->a[i], point->why);

		if (code == CODE_LISTING || (point == &point->probe->points[POINT_TEST] &&
					     dnsbl_code_is_test(list, answer->a[i])))
			continue;
		point->answer = code == CODE_REFUSED ? ANSWER_REFUSED : ANSWER_FOREIGN;
		return;
	}
}

static void got_point(void *user, const struct dns_answer *answer)
{
	struct point *point = user;

	switch (answer->status) {
	case NET_OK:
		take_listing(point, answer);
		break;
	case NET_NXDOMAIN:
	case NET_NODATA:
		point->answer = ANSWER_NO;
		break;
	case NET_TIMEOUT:
	case NET_REFUSED:
	case NET_SERVFAIL:
	case NET_BROKEN:
		break;
	}
	if (--point->probe->unanswered == 0)
		end_probe(point->probe);
}

bool dnsbl_probe_send(const struct ask *ask, int family,
		      void (*ended)(void *user, const struct probe_outcome *outcome), void *user)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	char name[ADDR_REVERSE_MAX + CONF_TEXT_MAX + 66];

	if (!probe)
		return false;
	*probe = (struct probe){ .list = ask->source,
				 .family = family,
				 .sent_ms = clock_mono_ms(),
				 .ended = ended,
				 .user = user };
	for (int i = 0; i < NPOINTS; i++) {
		int64_t deadline_ms = ask->deadline_ms;
		char reverse[ADDR_REVERSE_MAX];

		if (i == POINT_TEST && !ask->source->test_entry)
			continue;
		if (i == POINT_NAME && deadline_ms > probe->sent_ms + NAME_WAIT_MS)
			deadline_ms = probe->sent_ms + NAME_WAIT_MS;
		probe->points[i].probe = probe;
		probe->unanswered++;
		point_name((enum point_kind)i, family, reverse);
		snprintf(name, sizeof(name), "%s.%s", reverse, source_zone(ask->source));
		ask->ops->dns(ask->net, name, NET_A, false, deadline_ms, got_point,
			      &probe->points[i]);
	}
	explicit_bzero(name, sizeof(name));
	return true;
}
