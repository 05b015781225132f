/* SPDX-License-Identifier: MIT */
/* job_report.c - reports one by one: which may go, written ahead in batches, and what came of each
 */
#include "base/buf.h"
#include "reputation/report_comment.h"
#include "worker/job.h"
#include "reputation/guard.h"
#include "reputation/quota.h"
#include "worker/worker.h"
#include <stdlib.h>
#include <string.h>

#define REPORT_AGE_MAX_S (60 * 86400LL) /* abuseipdb.com/reporting-policy: 60 days */
#define FROZEN_AGE_MAX_S 86400		/* same comment and categories within 24 h are merged */
#define BULK_AT_ONCE	 1000		/* so many do not wait for their share of the day */

/* ---- which may go ---- */

/* The few bulk calls of a day are spread over what is left of it; the first goes at once. */
static bool bulk_may_go(const struct session *session, int64_t waiting, const struct quota *quota)
{
	int64_t now = clock_now_s(&session->clock), left = quota_left(quota);
	int64_t until_reset = 86400 - now % 86400;

	if (!left || quota->first_under_way)
		return false;
	return waiting >= BULK_AT_ONCE || quota->last_ok_at / 86400 != now / 86400 ||
	       now - quota->last_ok_at >= until_reset / left;
}

int job_plan_reports(const struct session *session, size_t nflying, bool bulk_flying,
		     struct report_plan *ret)
{
	int64_t now = clock_now_s(&session->clock), waiting, singles;
	struct quota one, bulk;
	int count;

	*ret = (struct report_plan){ 0 };
	if (session->conf->abuseipdb < 0 || !session->secret || bulk_flying)
		return 0;
	count = store_reports_waiting(session->store, now, BULK_ROWS_MAX + (int)nflying + 1);
	waiting = count - (int64_t)nflying;
	if (count < 0 || waiting <= 0)
		return count < 0 ? count : 0;
	count = store_quota_get(session->store, "report", session->auth_mark, &one);
	if (!count)
		count = store_quota_get(session->store, "bulk-report", session->auth_mark, &bulk);
	if (count)
		return count;
	singles = quota_left(&one);
	if (waiting > singles && bulk_may_go(session, waiting, &bulk)) {
		ret->bulk = !nflying; /* else as soon as they are over: a row goes one way only */
		return 0;
	}
	if (!one.known && singles) /* the first call, which tells how many are left, goes alone */
		singles = nflying || one.first_under_way ? 0 : 1;
	ret->singles = (size_t)(waiting < singles ? waiting : singles);
	return 0;
}

/* ---- written ahead ---- */

/* Nothing to send any more: by policy, or by what a frozen report still means. */
static const char *over(const struct session *session, const struct report_job *job,
			enum report_state *ret_state)
{
	int64_t now = clock_now_s(&session->clock);

	*ret_state = job->sent_at ? REPORT_UNKNOWN : REPORT_DROPPED;
	if (job->sent_at && now - job->sent_at > FROZEN_AGE_MAX_S)
		return "outcome unknown: sent, never answered, over a day ago";
	if (now - job->seen_at > REPORT_AGE_MAX_S)
		return "dropped: the event is over 60 days old";
	return guard_check(session, &job->addr);
}

/* What the store knows of the address within the window, at least what this report itself counted.
 */
static int sum_up(const struct session *session, const struct report_job *job,
		  struct report_comment_facts *facts)
{
	int64_t failures = 0;
	int users, rc;

	rc = store_failures(session->store, &job->key, session->conf->report_window_s, &failures);
	users = rc ? rc
		   : store_sightings(session->store, &job->key, session->conf->report_window_s);
	if (users < 0)
		return users;
	if (failures < job->failures)
		failures = job->failures;
	*facts = (struct report_comment_facts){ .jail = job->jail,
						.users = users,
						.window_s = session->conf->report_window_s,
						.failures = failures > INT32_MAX ? INT32_MAX
										 : (int)failures };
	return 0;
}

int job_freeze(const struct session *session, struct report_job *job)
{
	char comment[REPORT_COMMENT_MAX + 1];
	struct report_comment_facts facts;
	enum report_state state;
	const char *why = over(session, job, &state);
	int rc;

	if (why) {
		rc = store_report_end(session->store, job->id, state, 0, why);
		return rc < 0 ? rc : 1;
	}
	if (!job->frozen) {
		rc = sum_up(session, job, &facts);
		if (rc)
			return rc;
		report_comment_format(job->comment && *job->comment ? job->comment
								    : session->conf->comment,
				      &facts, comment, sizeof(comment));
		if (!*comment) /* nothing is known; the service wants a description all the same */
			text_put(comment, sizeof(comment), "Banned by fail2ban");
		job->frozen = strdup(comment);
		if (!job->frozen)
			return err_set(session->err, IPREP_E_NOMEM, "out of memory");
		if (!*job->categories)
			text_put(job->categories, sizeof(job->categories),
				 session->conf->categories);
	}
	return store_report_sending(session->store, job->id, clock_now_s(&session->clock),
				    job->categories, job->frozen);
}

/* The service refuses what is yet to come; an event of that kind was seen under a clock gone wrong.
 */
static int64_t time_to_tell(const struct session *session, const struct report_job *job)
{
	return job->seen_at <= clock_now_s(&session->clock) ? job->seen_at : 0;
}

static int prepare(const struct session *session, struct report_job *r, struct job **ret)
{
	struct job *w;
	int rc = job_freeze(session, r);

	if (rc)
		return rc;
	w = job_new(session, TASK_REPORT, &r->addr);
	if (!w)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	w->body = abuseipdb_report_body(&r->addr, r->categories, r->frozen,
					time_to_tell(session, r));
	if (!w->body) {
		job_free(w);
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	}
	w->own.body = w->body;
	w->own.id = r->id;
	w->report = *r;
	r->comment = r->frozen = NULL;
	*ret = w;
	return 0;
}

static bool taken(struct job *const *list, size_t count, const struct addr *key)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(&list[i]->key, key))
			return true;
	return false;
}

struct choice {
	size_t max;
	bool (*busy)(void *user, const struct addr *key);
	void *user;
};

/* In a transaction: returns how many were prepared, each with its call counted. */
static int prepare_some(const struct session *session, const struct choice *choice,
			struct report_job *due, int ndue, struct job **ret)
{
	size_t count = 0;
	int rc = 0;

	for (int i = 0; i < ndue && count < choice->max && !rc; i++) {
		if (choice->busy(choice->user, &due[i].key) || taken(ret, count, &due[i].key))
			continue;
		rc = prepare(session, &due[i], &ret[count]);
		count += !rc;
		rc = rc > 0 ? 0 : rc; /* over: the next one may still go */
	}
	if (!rc && count)
		rc = store_quota_take(session->store, "report", (int64_t)count);
	while (rc && count)
		job_free(ret[--count]);
	return rc ? rc : (int)count;
}

int job_take_reports(const struct session *session, size_t max, size_t nbusy,
		     bool (*busy)(void *user, const struct addr *key), void *user, struct job **ret,
		     struct err *error)
{
	const struct choice choice = { .max = max, .busy = busy, .user = user };
	struct report_job *due = calloc(max + nbusy, sizeof(*due));
	int count, ndue, rc;

	if (!due)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	count = ndue = store_reports_due(session->store, clock_now_s(&session->clock), due,
					 max + nbusy);
	if (count > 0) {
		rc = store_begin(session->store, STORE_DURABLE);
		count = rc ? rc : prepare_some(session, &choice, due, ndue, ret);
		rc = rc ? rc : store_end(session->store, count);
		for (int i = 0; rc < 0 && i < count; i++)
			job_free(ret[i]);
		count = rc < 0 ? rc : count;
	}
	for (int i = 0; i < ndue; i++)
		report_job_done(&due[i]);
	free(due);
	return count;
}

/* ---- what came of it ---- */

enum report_state job_state_later(const struct task *task, bool sent_before)
{
	bool refused = task->quota.stopped_until || task->quota.auth_failed;

	return (task->not_accepted || refused) && !sent_before ? REPORT_QUEUED : REPORT_SENDING;
}

static int end_report(const struct session *session, struct job *job, struct worker_stats *stats)
{
	const struct task *task = job->task;
	int64_t now = clock_now_s(&session->clock), again = now + job_delay_s(job->report.tries);

	if (now + task->retry_after_s > again)
		again = now + task->retry_after_s;
	switch (task->outcome) {
	case OUT_DONE:
	case OUT_DUPLICATE:
		stats->reports++;
		return store_report_end(session->store, task->id, REPORT_DONE, 0, task->why);
	case OUT_PARKED:
		stats->failed++;
		return store_report_end(session->store, task->id, REPORT_PARKED, 0, task->why);
	case OUT_NONE:
	case OUT_LATER:
		break;
	}
	stats->failed++;
	/* what was refused for its quota or key goes as soon as the endpoint does */
	if (task->quota.stopped_until || task->quota.auth_failed)
		again = now;
	return store_report_end(session->store, task->id,
				job_state_later(task, job->report.sent_at != 0), again, task->why);
}

/* The score came with the answer: it is a finding, and the address is worth a lookup. */
static int follow_score(const struct session *session, const struct job *w)
{
	int64_t now = clock_now_s(&session->clock);
	struct lookup_job j = { .key = w->report.key,
				.addr = w->report.addr,
				.origin = SURE,
				.since = now,
				.next_at = now };
	int rc;

	if (w->findings[session->conf->abuseipdb].status != FINDING_OK)
		return 0;
	text_put(j.jail, sizeof(j.jail), w->report.jail);
	rc = store_findings_put(session->store, session->conf, &j.key, w->findings);
	return rc ? rc : store_lookup_put(session->store, &j);
}

int job_keep_report(const struct session *session, struct job *job, struct worker_stats *stats)
{
	int rc = quota_note(session, "report", &job->task->quota);

	if (!rc)
		rc = end_report(session, job, stats);
	if (rc) /* 1: retracted meanwhile, its answer is not ours any more */
		return rc < 0 ? rc : 0;
	return follow_score(session, job);
}
