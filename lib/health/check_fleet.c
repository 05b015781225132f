/* SPDX-License-Identifier: MIT */
/* check_fleet.c - blocks do not reach the zone of the fleet, or the zone does not reach this host
 */
#include "base/time.h"
#include "health/health.h"
#include "store/publications.h"

#define BEHIND_S 600

static int look_at_resolver(const struct checkup *checkup, const struct fleet_state *state)
{
	int64_t since = time_if_past(checkup, state->behind_since);
	char text[TIME_TEXT_MAX];

	if (!since || since > checkup->now - BEHIND_S)
		return 0;
	time_text(since, TIME_FOR_PEOPLE, text);
	if (state->serial_resolver < 0)
		return trouble(
			checkup, "resolver", since + BEHIND_S,
			"resolver: has no zone of the fleet since %s, so nothing is known of "
			"the other hosts; check the secondary and its key",
			text);
	return trouble(
		checkup, "resolver", since + BEHIND_S,
		"resolver: the zone of the fleet is older than at the server since %s; check "
		"NOTIFY and zone transfer",
		text);
}

static int look_at_server(const struct checkup *checkup, const struct fleet_state *state)
{
	struct publication_counts counts;
	char text[TIME_TEXT_MAX];
	int rc = store_publications_count(checkup->session->store, &counts);

	if (rc)
		return rc;
	if (!counts.oldest_since || counts.oldest_since > checkup->now - HOUR_S)
		return 0;
	return trouble(checkup, "server", counts.oldest_since + HOUR_S,
		       "server: blocks have waited for the fleet's server since %s%s%s",
		       time_text(counts.oldest_since, TIME_FOR_PEOPLE, text),
		       *state->last_error ? ": " : "", state->last_error);
}

int check_fleet_behind(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	struct fleet_state state;
	int rc;

	if (!*session->conf->fleet_zone)
		return 0;
	rc = store_fleet_get(session->store, &state);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = look_at_server(checkup, &state);
	if (rc)
		return rc;
	return look_at_resolver(checkup, &state);
}
