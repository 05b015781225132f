/* SPDX-License-Identifier: MIT */
#include "reputation/quota.h"
#include "base/time.h"

static void say_stop(const struct session *session, const char *endpoint, int64_t until)
{
	char when[TIME_TEXT_MAX];

	log_line(session->log, LOG_NOTICE, "AbuseIPDB: %s: stopped until %s; what waits is kept",
		 endpoint, time_text(until, TIME_FOR_PEOPLE, when));
}

int quota_note(const struct session *session, const char *endpoint, const struct quota_seen *seen)
{
	struct quota before;
	int rc = 0;

	if (seen->stopped_until)
		rc = store_quota_get(session->store, endpoint, session->auth_mark, &before);
	if (!rc && seen->stopped_until && !before.stopped_until)
		say_stop(session, endpoint, seen->stopped_until);
	if (!rc)
		rc = store_quota_seen(session->store, endpoint, session->auth_mark, seen);
	if (rc > 0)
		log_line(session->log, LOG_ERR,
			 "AbuseIPDB: the API key was refused (HTTP 401): it is not asked, and "
			 "reports wait, until the key file or the configuration changes");
	return rc < 0 ? rc : 0;
}

int64_t quota_left(const struct quota *quota)
{
	return quota->auth_failed || quota->stopped_until || quota->remaining < 0
		       ? 0
		       : quota->remaining;
}
