/* SPDX-License-Identifier: MIT */
/*
 * check_hooks.c - fail2ban calls no hook, or reads no verdict line of a tier
 *
 * A jail that reads the verdict log asks rep-check --is-blocked about each line. Those of a tier
 * are read by one jail or several: that one of them is missing cannot be seen here, but that none
 * is there can.
 */
#include "base/time.h"
#include "health/health.h"
#include "store/hook_counts.h"
#include <sys/param.h>

#define SILENT_S (2 * DAY_S)
#define READ_S	 (15 * 60) /* fail2ban polls the log each second; it may be restarting */

int check_hooks_silent(const struct checkup *checkup)
{
	struct hook_times times;
	char since[TIME_TEXT_MAX];
	int64_t last;

	if (!hook_counts_times(checkup->session->conf->state, &times) || !times.made_at)
		return 0;
	last = time_if_past(checkup, times.made_at);
	for (int i = 0; i < NHOOKS; i++)
		last = MAX(last, time_if_past(checkup, times.last_at[i]));
	if (last > checkup->now - SILENT_S)
		return 0;
	if (!last)
		return trouble(checkup, "fail2ban", 0,
			       "fail2ban: has called no hook of iprep since the clock was set "
			       "back; check that it runs, and its jails with rep-check "
			       "--self-test");
	return trouble(
		checkup, "fail2ban", last,
		"fail2ban: has called no hook of iprep since %s; check that it runs, and its "
		"jails with rep-check --self-test",
		time_text(last, TIME_FOR_PEOPLE, since));
}

int check_tier_unread(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	struct hook_times times;
	char since[TIME_TEXT_MAX];
	int rc = 0;

	if (!hook_counts_times(session->conf->state, &times) || !times.made_at)
		return 0;
	for (size_t i = 0; i < session->conf->ntiers && !rc; i++) {
		const char *tier = session->conf->tiers[i].name;
		int64_t made = time_if_past(checkup, times.made_at);
		int64_t read = time_if_past(checkup, times.is_blocked_at[i]);
		int64_t at, after = MAX(made, read);

		rc = store_blocks_first_between(session->store, tier, after, checkup->now - READ_S,
						&at);
		if (!rc && at)
			rc = trouble(
				checkup, tier, at,
				"%s: no jail of fail2ban has read the lines of this tier since "
				"%s, so none bans its addresses; check rep-confirmed with rep-check "
				"--self-test, or ignore this if all blocks are exported with "
				"rep-check --blocks",
				tier, time_text(at, TIME_FOR_PEOPLE, since));
	}
	return rc;
}
