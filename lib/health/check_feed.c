/* SPDX-License-Identifier: MIT */
/* check_feed.c - a feed, or a name of [allow], gives nothing, or is not renewed */
#include "base/time.h"
#include "health/health.h"
#include "reputation/feed_status.h"
#include <stdlib.h>

#define TRIES_MIN 3 /* that failed one after the other: not a short failure of the network */

static int each_feed(const struct checkup *checkup,
		     int (*look)(const struct checkup *checkup, const struct iprep_feed *feed,
				 int tries))
{
	const struct session *session = checkup->session;
	size_t room = feed_status_count(session->conf) + 1;
	struct feed_status *feeds = calloc(room, sizeof(*feeds));
	int rc = 0, count;

	if (!feeds)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	count = feed_status_read(session, feeds);
	for (int i = 0; i < count && !rc; i++)
		rc = look(checkup, &feeds[i].feed, feeds[i].tries);
	free(feeds);
	if (count < 0)
		return count;
	return rc;
}

static int look_if_stale(const struct checkup *checkup, const struct iprep_feed *feed, int tries)
{
	char since[TIME_TEXT_MAX];

	(void)tries;
	if (feed->state != IPREP_FEED_OLD)
		return 0;
	return trouble(checkup, feed->name, 0,
		       "%s: too old, gives nothing: the last accepted download is of %s%s%s; see "
		       "rep-report --status",
		       feed->name, time_text(feed->good_at, TIME_FOR_PEOPLE, since),
		       feed->why ? "; since then: " : "", feed->why ? feed->why : "");
}

int check_feed_stale(const struct checkup *checkup)
{
	return each_feed(checkup, look_if_stale);
}

static int look_if_refused(const struct checkup *checkup, const struct iprep_feed *feed, int tries)
{
	char since[TIME_TEXT_MAX];

	if (!feed->why || !feed->tried_at || feed->state == IPREP_FEED_OLD)
		return 0;
	if (feed->state == IPREP_FEED_NONE)
		return trouble(checkup, feed->name, 0,
			       "%s: no download was accepted yet: %s; correct it, or disable the "
			       "feed",
			       feed->name, feed->why);
	if (tries < TRIES_MIN)
		return 0;
	return trouble(checkup, feed->name, 0,
		       "%s: the last download was not accepted: %s; that of %s is used as long as "
		       "it is not too old",
		       feed->name, feed->why, time_text(feed->good_at, TIME_FOR_PEOPLE, since));
}

int check_feed_refused(const struct checkup *checkup)
{
	return each_feed(checkup, look_if_refused);
}
