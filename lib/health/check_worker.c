/* SPDX-License-Identifier: MIT */
/*
 * check_worker.c - jobs are due, and no worker runs; jobs are due for long, whatever runs
 *
 * A job that is to be tried again later, for example when the quota of a new day begins, waits as
 * well, but is not due.
 */
#include "base/time.h"
#include "health/health.h"
#include "worker/lock.h"
#include "worker/worker.h"

int check_worker_missing(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	int64_t last = time_if_past(checkup, worker_last_at(session->conf));
	int64_t late = checkup->now - HOUR_S, due;
	char since[TIME_TEXT_MAX];
	int rc;

	if (last > late || worker_runs(session->conf))
		return 0;
	rc = store_oldest_due(session->store, &due);
	if (rc || !due || due > late)
		return rc;
	if (!last)
		return trouble(checkup, "worker", due,
			       "worker: jobs are due, and no worker has run yet; check "
			       "iprep-flush.timer or the cron job, and run rep-report --flush");
	return trouble(checkup, "worker", last,
		       "worker: jobs are due, and no worker has run since %s; check "
		       "iprep-flush.timer or the cron job, and run rep-report --flush",
		       time_text(last, TIME_FOR_PEOPLE, since));
}

static int look_at_queue(const struct checkup *checkup, const char *kind, int what)
{
	char since[TIME_TEXT_MAX];
	struct waiting waiting;
	int rc = store_waiting_get(checkup->session->store, what, checkup->now - HOUR_S, &waiting);

	if (rc || !waiting.count)
		return rc;
	return trouble(checkup, kind, waiting.since + HOUR_S,
		       "%s: %lld due for over an hour, the oldest since %s; see rep-report "
		       "--status for the reason",
		       kind, (long long)waiting.count,
		       time_text(waiting.since, TIME_FOR_PEOPLE, since));
}

int check_queue_old(const struct checkup *checkup)
{
	int rc = look_at_queue(checkup, "lookups", WAIT_LOOKUP);

	if (!rc)
		rc = look_at_queue(checkup, "reports", WAIT_QUEUED);
	if (!rc)
		rc = look_at_queue(checkup, "retractions", WAIT_RETRACTION);
	return rc;
}
