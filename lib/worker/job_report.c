/* SPDX-License-Identifier: MIT */
/* job_report.c - reports one by one, written ahead in batches, and what came of each */
#include "base/buf.h"
#include "reputation/quota.h"
#include "worker/report_queue.h"
#include <stdlib.h>

#define REPORTS_MAX 32 /* in flight: eight connections, four turns each before the deadline */

struct report_work {
	struct api_call call;
	struct report_job report;
};

static struct report_work *report_work_of(struct job *job)
{
	return JOB_OF(job, struct report_work, call.job);
}

static void report_work_free(struct job *job)
{
	struct report_work *work = report_work_of(job);

	report_job_done(&work->report);
	api_call_done(&work->call);
	free(work);
}

/* ---- written ahead ---- */

/* Takes the texts of the report over. */
static int report_work_new(const struct session *session, struct report_job *report,
			   struct job **ret)
{
	struct report_work *work = calloc(1, sizeof(*work));
	int64_t now = clock_now_s(&session->clock), seen_at = report->seen_at;
	int rc;

	if (!work)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	rc = api_call_init(&work->call, &job_report, TASK_REPORT, session, &report->addr);
	if (rc)
		goto fail;
	if (seen_at > now) /* seen under a wrong clock: the service refuses future times */
		seen_at = 0;
	work->call.body = abuseipdb_report_body(&report->addr, report->categories, report->frozen,
						seen_at);
	if (!work->call.body) {
		rc = err_set(session->err, IPREP_E_NOMEM, "out of memory");
		goto fail;
	}
	work->call.task.body = work->call.body;
	work->call.task.id = report->id;
	work->report = *report;
	report->comment = report->frozen = NULL;
	*ret = &work->call.job;
	return 0;
fail:
	api_call_done(&work->call);
	free(work);
	return rc;
}

static bool has_job(struct job *const *jobs, size_t count, const struct addr *key)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(&jobs[i]->task->key, key))
			return true;
	return false;
}

/* In a transaction: returns how many were prepared, each with its call counted. */
static int prepare_reports(const struct job_queue *queue, struct report_job *due, int ndue,
			   struct job **ret, size_t max)
{
	const struct session *session = queue->session;
	size_t count = 0;
	int rc = 0;

	for (int i = 0; i < ndue && count < max; i++) {
		const struct addr *key = &due[i].key;

		if (engine_has_key(queue->engine, key) || has_job(ret, count, key))
			continue;
		rc = report_freeze(session, &due[i]);
		if (rc > 0) /* over: the next one may still go */
			continue;
		if (!rc)
			rc = report_work_new(session, &due[i], &ret[count]);
		if (rc)
			goto fail;
		count++;
	}
	if (!count)
		return 0;
	rc = store_quota_take(session->store, "report", (int64_t)count);
	if (!rc)
		return (int)count;
fail:
	while (count)
		report_work_free(ret[--count]);
	return rc;
}

static int take_some(const struct job_queue *queue, struct job **ret, size_t max)
{
	const struct session *session = queue->session;
	size_t room = max + engine_in_flight(queue->engine); /* whose keys are not free */
	struct report_job *due = calloc(room, sizeof(*due));
	int rc, ndue, count = 0;

	if (!due)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	rc = ndue = store_reports_due(session->store, clock_now_s(&session->clock), due, room);
	if (rc <= 0)
		goto out;
	rc = store_begin(session->store, STORE_DURABLE);
	if (rc)
		goto out;
	count = prepare_reports(queue, due, ndue, ret, max);
	rc = store_end(session->store, count);
	while (rc < 0 && count > 0)
		report_work_free(ret[--count]);
	if (rc >= 0)
		rc = count;
out:
	for (int i = 0; i < ndue; i++)
		report_job_done(&due[i]);
	free(due);
	return rc;
}

static int report_take(struct job_queue *queue, struct job **ret, size_t max)
{
	size_t in_flight = engine_in_flight_of(queue->engine, TASK_REPORT);
	int rc;

	if (in_flight > REPORTS_MAX / 2) /* in batches: each is a transaction, with its sync */
		return 0;
	rc = report_plan(queue);
	if (rc || !queue->plan.singles)
		return rc;
	if (!max)
		return 1;
	if (max > REPORTS_MAX - in_flight)
		max = REPORTS_MAX - in_flight;
	if (max > queue->plan.singles)
		max = queue->plan.singles;
	return take_some(queue, ret, max);
}

/* ---- what came of it ---- */

/* 1: it was retracted in the meantime, and its answer is not ours any more. */
static int end_report(const struct session *session, const struct report_work *work,
		      struct worker_stats *stats)
{
	const struct task *task = &work->call.task;
	int64_t retry_at = api_call_retry_at(session, task, work->report.tries);

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
	return store_report_end(session->store, task->id,
				report_state_later(task, work->report.sent_at != 0), retry_at,
				task->why);
}

/* The score came with the answer: it is a finding, and the address is worth a lookup. */
static int follow_score(const struct session *session, const struct report_work *work)
{
	int64_t now = clock_now_s(&session->clock);
	struct lookup_job lookup = { .key = work->report.key,
				     .addr = work->report.addr,
				     .origin = SURE,
				     .since = now,
				     .next_at = now };
	int rc;

	if (work->call.findings[session->conf->abuseipdb].status != FINDING_OK)
		return 0;
	text_put(lookup.jail, sizeof(lookup.jail), work->report.jail);
	rc = store_findings_put(session->store, session->conf, &lookup.key, work->call.findings);
	if (rc)
		return rc;
	return store_lookup_put(session->store, &lookup);
}

static int keep_report(const struct session *session, const struct report_work *work,
		       struct worker_stats *stats)
{
	int rc = quota_note(session, "report", &work->call.task.quota);

	if (!rc)
		rc = api_call_count(session, &work->call.task);
	if (rc)
		return rc;
	rc = end_report(session, work, stats);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	return follow_score(session, work);
}

static int report_keep(const struct session *session, struct job *job, struct worker_stats *stats)
{
	/* an answer that is lost with the machine comes again: the report is sent once more, and
	 * merged */
	int rc = store_begin(session->store, STORE_FAST);

	if (rc)
		return rc;
	return store_end(session->store, keep_report(session, report_work_of(job), stats));
}

const struct job_kind job_report = {
	.name = "report",
	.take = report_take,
	.keep = report_keep,
	.free = report_work_free,
};
