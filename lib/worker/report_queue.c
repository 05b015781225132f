/* SPDX-License-Identifier: MIT */
#include "worker/report_queue.h"
#include "base/buf.h"
#include "reputation/guard.h"
#include "reputation/quota.h"
#include "reputation/report_comment.h"
#include <string.h>
#include <sys/param.h>

#define REPORT_AGE_MAX_S (60 * 86400LL) /* abuseipdb.com/reporting-policy: 60 days */
#define FROZEN_AGE_MAX_S 86400		/* same comment and categories within 24 h are merged */
#define BULK_AT_ONCE	 1000		/* this many do not wait for their share of the day */

/* ---- which may go ---- */

/* The few bulk calls of a day are spread over the rest of it; the first is made immediately. */
static bool bulk_may_go(const struct session *session, int64_t waiting, const struct quota *quota)
{
	int64_t now = clock_now_s(&session->clock), left = quota_left(quota);
	int64_t until_reset = 86400 - now % 86400;

	if (!left || quota->first_under_way)
		return false;
	return waiting >= BULK_AT_ONCE || quota->last_ok_at / 86400 != now / 86400 ||
	       now - quota->last_ok_at >= until_reset / left;
}

/* waiting > 0, and in_flight single reports. */
static int plan_waiting(const struct session *session, int64_t waiting, size_t in_flight,
			struct report_plan *plan)
{
	struct quota single, bulk;
	int64_t left;
	int rc = store_quota_get(session->store, "report", session->auth_mark, &single);

	if (rc)
		return rc;
	rc = store_quota_get(session->store, "bulk-report", session->auth_mark, &bulk);
	if (rc)
		return rc;
	left = quota_left(&single);
	if (waiting > left && bulk_may_go(session, waiting, &bulk)) {
		plan->bulk =
			!in_flight; /* else as soon as they are over: a row goes one way only */
		return 0;
	}
	if (!single.known && left) /* the first call, which tells how many are left, goes alone */
		left = in_flight || single.first_under_way ? 0 : 1;
	plan->singles = (size_t)MIN(waiting, left);
	return 0;
}

int report_plan(struct job_queue *queue)
{
	const struct session *session = queue->session;
	size_t in_flight = engine_in_flight_of(queue->engine, TASK_REPORT);
	bool bulk_in_flight = engine_in_flight_of(queue->engine, TASK_BULK) > 0;
	struct report_plan plan = { .made = true, .some_go = in_flight || bulk_in_flight };
	int rc;

	if (queue->plan.made)
		return 0;
	if (session->conf->abuseipdb >= 0 && session->secret && !bulk_in_flight) {
		rc = store_reports_waiting(session->store, clock_now_s(&session->clock),
					   BULK_ROWS_MAX + (int)in_flight + 1);
		if (rc > (int)in_flight)
			rc = plan_waiting(session, rc - (int)in_flight, in_flight, &plan);
		if (rc < 0)
			return rc;
	}
	plan.some_go |= plan.singles || plan.bulk;
	queue->plan = plan;
	return 0;
}

/* ---- written ahead ---- */

/* Nothing to send any more: by policy, or by what a frozen report still means. */
static const char *why_over(const struct session *session, const struct report_job *report,
			    enum report_state *ret_state)
{
	int64_t now = clock_now_s(&session->clock);

	if (report->sent_at)
		*ret_state = REPORT_UNKNOWN;
	else
		*ret_state = REPORT_DROPPED;
	if (report->sent_at && now - report->sent_at > FROZEN_AGE_MAX_S)
		return "outcome unknown: sent, never answered, over a day ago";
	if (now - report->seen_at > REPORT_AGE_MAX_S)
		return "dropped: the event is over 60 days old";
	return guard_check(session, &report->addr);
}

/*
 * What the store knows of the address within the window, at least what this report itself
 * counted.
 */
static int gather_facts(const struct session *session, const struct report_job *report,
			struct report_comment_facts *facts)
{
	int64_t failures = 0, window_s = session->conf->report_window_s;
	int users, rc = store_failures(session->store, &report->key, window_s, &failures);

	if (rc)
		return rc;
	users = store_sightings(session->store, &report->key, window_s);
	if (users < 0)
		return users;
	if (failures < report->failures)
		failures = report->failures;
	if (failures > INT32_MAX)
		failures = INT32_MAX;
	*facts = (struct report_comment_facts){ .jail = report->jail,
						.users = users,
						.window_s = window_s,
						.failures = (int)failures };
	return 0;
}

static int freeze_text(const struct session *session, struct report_job *report)
{
	const char *template = session->conf->comment;
	char comment[REPORT_COMMENT_MAX + 1];
	struct report_comment_facts facts;
	int rc = gather_facts(session, report, &facts);

	if (rc)
		return rc;
	if (report->comment && *report->comment)
		template = report->comment;
	report_comment_format(template, &facts, comment, sizeof(comment));
	if (!*comment) /* nothing is known; the service wants a description all the same */
		text_put(comment, sizeof(comment), "Banned by fail2ban");
	report->frozen = strdup(comment);
	if (!report->frozen)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	if (!*report->categories)
		text_put(report->categories, sizeof(report->categories), session->conf->categories);
	return 0;
}

int report_freeze(const struct session *session, struct report_job *report)
{
	enum report_state state;
	const char *why = why_over(session, report, &state);
	char text[ADDR_TEXT_MAX];
	int rc;

	if (guard_is_error(why))
		return err_set(session->err, IPREP_E_OS, "%s: %s", addr_text(&report->addr, text),
			       why);
	if (why) {
		rc = store_report_end(session->store, report->id, state, 0, why);
		if (rc < 0)
			return rc;
		return 1;
	}
	if (!report->frozen) {
		rc = freeze_text(session, report);
		if (rc)
			return rc;
	}
	return store_report_sending(session->store, report->id, clock_now_s(&session->clock),
				    report->categories, report->frozen);
}

enum report_state report_state_later(const struct task *task, bool sent_before)
{
	bool refused = task->quota.stopped_until || task->quota.auth_failed;

	if ((task->not_accepted || refused) && !sent_before)
		return REPORT_QUEUED;
	return REPORT_SENDING;
}
