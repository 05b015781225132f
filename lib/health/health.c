/* SPDX-License-Identifier: MIT */
#include "health/health.h"
#include <stdarg.h>
#include <stdio.h>

/* Their order is that of the report: what stops everything first. */
static const struct health_check checks[] = {
	{ "database", TROUBLE_CRITICAL, false, check_database },
	{ "disk", TROUBLE_CRITICAL, false, check_disk },
	{ "worker-missing", TROUBLE_CRITICAL, true, check_worker_missing },
	{ "key-missing", TROUBLE_CRITICAL, true, check_key_missing },
	{ "key-unreadable", TROUBLE_CRITICAL, false, check_key_unreadable },
	{ "key-refused", TROUBLE_CRITICAL, true, check_key_refused },
	{ "tcp-missing", TROUBLE_CRITICAL, true, check_tcp_missing },
	{ "list-quarantined", TROUBLE_WARNING, true, check_list_quarantined },
	{ "list-silent", TROUBLE_WARNING, true, check_list_silent },
	{ "feed-stale", TROUBLE_WARNING, true, check_feed_stale },
	{ "feed-refused", TROUBLE_WARNING, true, check_feed_refused },
	{ "fleet-behind", TROUBLE_WARNING, true, check_fleet_behind },
	{ "queue-old", TROUBLE_WARNING, true, check_queue_old },
	{ "blocks-held", TROUBLE_WARNING, true, check_blocks_held },
	{ "hooks-silent", TROUBLE_WARNING, false, check_hooks_silent },
	{ "tier-unread", TROUBLE_WARNING, true, check_tier_unread },
};
#define NCHECKS (sizeof(checks) / sizeof(checks[0]))

int trouble(const struct checkup *checkup, const char *object, int64_t since, const char *fmt, ...)
{
	struct iprep_trouble trouble = { .name = checkup->check->name,
					 .object = object,
					 .severity = checkup->check->severity,
					 .since = since };
	char text[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	trouble.text = text;
	if (checkup->row(checkup->user, &trouble))
		return err_set(checkup->session->err, IPREP_E_IO, "the caller ended the list");
	return 0;
}

int64_t time_if_past(const struct checkup *checkup, int64_t at)
{
	return at > checkup->now + HOUR_S ? 0 : at;
}

int health_look(struct checkup *checkup)
{
	for (size_t i = 0; i < NCHECKS; i++) {
		int rc;

		checkup->check = &checks[i];
		if (checks[i].needs_store && checkup->no_store)
			continue;
		rc = checks[i].look(checkup);
		if (rc)
			return rc;
	}
	return 0;
}

const char *health_name(size_t index)
{
	if (index < NCHECKS)
		return checks[index].name;
	return NULL;
}
