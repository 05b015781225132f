/* SPDX-License-Identifier: MIT */
#include "reputation/quota.h"
#include <time.h>

static void say_stop(const struct session *session, const char *endpoint, int64_t until)
{
	time_t t = (time_t)until;
	char when[40] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &tm);
	log_line(session->log, LOG_NOTICE, "AbuseIPDB: %s: stopped until %s; what waits is kept",
		 endpoint, when);
}

int quota_note(const struct session *session, const char *endpoint, const struct quota_seen *seen)
{
	struct quota before;
	int r = 0;

	if (seen->stopped_until)
		r = store_quota_get(session->store, endpoint, session->auth_mark, &before);
	if (!r && seen->stopped_until && !before.stopped_until)
		say_stop(session, endpoint, seen->stopped_until);
	if (!r)
		r = store_quota_seen(session->store, endpoint, session->auth_mark, seen);
	if (r > 0)
		log_line(session->log, LOG_ERR,
			 "AbuseIPDB: the API key was refused (HTTP 401): it is not asked, and "
			 "reports wait, until the key file or the configuration changes");
	return r < 0 ? r : 0;
}

int64_t quota_left(const struct quota *q)
{
	return q->auth_failed || q->stopped_until || q->remaining < 0 ? 0 : q->remaining;
}
