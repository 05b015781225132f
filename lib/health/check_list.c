/* SPDX-License-Identifier: MIT */
/* check_list.c - a DNS list is quarantined, or a source answers nothing */
#include "base/time.h"
#include "health/health.h"
#include "source/dnsbl_health.h"

#define ASKED_MIN                                                                       \
	10 /* queries of two days without an answer: not a short failure of the network \
	    */

int check_list_quarantined(const struct checkup *checkup)
{
	const struct conf *conf = checkup->session->conf;
	struct zone_state states[SOURCES_MAX];
	int rc = store_zones_get(checkup->session->store, conf, states);

	for (size_t i = 0; i < conf->nsources && !rc; i++) {
		const char *name = conf->sources[i].name;
		struct health health = { .state = states[i] };

		if (conf->sources[i].type == SOURCE_DNSBL && dnsbl_health_is_bad(&health))
			rc = trouble(
				checkup, name, 0,
				"%s: quarantined, its answers give no points: %s; test it with "
				"rep-check --self-test, or set enabled = no in [dnsbl %s]",
				name, states[i].why, name);
	}
	return rc;
}

int check_list_silent(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	int64_t from_day = checkup->now / DAY_S - 1, asked, answered;
	char since[TIME_TEXT_MAX];
	int rc = 0;

	for (size_t i = 0; i < session->conf->nsources && !rc; i++) {
		const char *name = session->conf->sources[i].name;

		rc = store_counter_sum(session->store, from_day, "asked", name, &asked);
		if (!rc)
			rc = store_counter_sum(session->store, from_day, "answered", name,
					       &answered);
		if (!rc && asked >= ASKED_MIN && !answered)
			rc = trouble(checkup, name, 0,
				     "%s: no answer to any of %lld queries since %s; check the "
				     "resolver and the source with rep-check --self-test",
				     name, (long long)asked,
				     time_text(from_day * DAY_S, TIME_FOR_PEOPLE, since));
	}
	return rc;
}
