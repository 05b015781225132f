/* SPDX-License-Identifier: MIT */
/* check_list.c - a DNS list is quarantined, or a source answers nothing */
#include "base/time.h"
#include "health/health.h"
#include "source/dnsbl_health.h"

#define FAILED_MIN 10 /* lookups, and on two days no answer: not a short failure of the network */
#define LOOK_BACK  30 /* days */

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

/* An answer alone ends it: a midnight does not, nor does an answer that was in the cache. */
int check_list_silent(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	int64_t today = checkup->now / DAY_S;
	char since[TIME_TEXT_MAX];
	int rc = 0;

	for (size_t i = 0; i < session->conf->nsources && !rc; i++) {
		const char *name = session->conf->sources[i].name;
		struct silence silence;

		rc = store_silence_get(session->store, name, today - LOOK_BACK, &silence);
		if (!rc && silence.count >= FAILED_MIN && silence.answered_day < today - 1)
			rc = trouble(checkup, name, silence.first_day * DAY_S,
				     "%s: no answer in any of %lld lookups since %s; check the "
				     "resolver and the source with rep-check --self-test",
				     name, (long long)silence.count,
				     time_text(silence.first_day * DAY_S, TIME_FOR_PEOPLE, since));
	}
	return rc;
}
