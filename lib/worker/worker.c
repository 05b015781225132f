/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"
#include "reputation/verdict_log.h"
#include "worker/job.h"
#include "reputation/quota.h"
#include "worker/lock.h"
#include <stdlib.h>
#include <unistd.h>

#define WINDOW 64 /* jobs in flight */
#define REPORTS_MAX \
	32	    /* of these reports: eight connections, four turns each before the deadline */
#define LOOK_MS 200 /* how often the queue is looked at while lingering */

struct worker {
	const struct session *session;
	struct worker_stats *stats;
	struct err *err;
	struct job *flying[WINDOW]; /* and those that wait for their turn, written ahead */
	size_t nflying, nreports;
	struct job *ready[WINDOW]; /* of these, reports not yet handed out */
	size_t nready;
	bool bulk;	    /* one is on its way */
	bool reports_go;    /* what waits will go now: lookups of the same wait for it */
	struct err failure; /* what ended the run early; code 0: nothing did */
	struct err mute;    /* the verdict log cannot be written: not tried again in this run */
	bool held;	    /* said that new blocks wait */
	int64_t linger_ms, last_work_ms, end_ms;
};

static bool is_flying(void *user, const struct addr *key)
{
	const struct worker *worker = user;

	for (size_t i = 0; i < worker->nflying; i++)
		if (addr_equal(&worker->flying[i]->key, key))
			return true;
	return false;
}

static void note_flight(struct worker *worker, struct job *job)
{
	worker->flying[worker->nflying++] = job;
	worker->nreports += job->task->kind == TASK_REPORT;
	worker->bulk |= job->task->kind == TASK_BULK;
	worker->last_work_ms = clock_mono_ms();
}

static int64_t now_s(const struct worker *worker)
{
	return clock_now_s(&worker->session->clock);
}

static int hand_out(struct worker *worker, struct task **ret)
{
	*ret = worker->ready[--worker->nready]->task;
	return 1;
}

/* Reports go first; while one of an address is on its way nothing else of it starts. */
static int next_report(struct worker *worker, struct task **ret)
{
	struct job *bulk, *batch[WINDOW];
	struct report_plan plan;
	size_t room = WINDOW - worker->nflying;
	int count, rc;

	if (worker->nreports >
	    REPORTS_MAX / 2) /* in batches: each is a transaction, with its sync */
		return 0;
	if (room > REPORTS_MAX - worker->nreports)
		room = REPORTS_MAX - worker->nreports;
	rc = job_plan_reports(worker->session, worker->nreports, worker->bulk, &plan);
	worker->reports_go = plan.singles || plan.bulk || worker->nreports || worker->bulk;
	if (rc < 0 || !room)
		return rc;
	if (plan.bulk) {
		rc = job_take_bulk(worker->session, &bulk, worker->err);
		if (rc <= 0)
			return rc;
		note_flight(worker, bulk);
		*ret = bulk->task;
		return 1;
	}
	if (!plan.singles)
		return 0;
	count = job_take_reports(worker->session, plan.singles < room ? plan.singles : room,
				 worker->nflying, is_flying, worker, batch, worker->err);
	for (int i = count - 1; i >= 0; i--) { /* handed out from the end */
		note_flight(worker, batch[i]);
		worker->ready[worker->nready++] = batch[i];
	}
	return count > 0 ? hand_out(worker, ret) : count;
}

static int next_retraction(struct worker *worker, struct task **ret)
{
	struct job *job;
	int rc = worker->bulk ? 0
			      : job_take_retraction(worker->session, is_flying, worker, &job,
						    worker->err);

	if (rc > 0) {
		note_flight(worker, job);
		*ret = job->task;
	}
	return rc;
}

static int next_lookup(struct worker *worker, struct task **ret)
{
	struct lookup_job due[WINDOW * 2];
	struct job *job;
	int count = store_lookups_due(worker->session->store, now_s(worker), due, WINDOW * 2), rc;

	for (int i = 0; i < count; i++) {
		if (is_flying(worker, &due[i].key))
			continue;
		rc = worker->reports_go ? store_report_pending(worker->session->store, &due[i].addr,
							       now_s(worker))
					: 0;
		if (rc < 0)
			return rc;
		if (rc)
			continue;
		rc = job_of_lookup(worker->session, &due[i], &job, worker->err);
		if (rc)
			return rc;
		note_flight(worker, job);
		*ret = job->task;
		return 1;
	}
	return count < 0 ? count : 0;
}

static void announce(struct worker *worker)
{
	const struct conf *conf = worker->session->conf;
	bool held = false;
	int count;

	if (worker->mute.code)
		return;
	count = verdict_log_due(worker->session, &held, worker->err);
	worker->stats->lines += count > 0 ? (size_t)count : 0;
	if (count < 0)
		err_set(&worker->mute, count,
			"%s; the block stands, its line will be written later", worker->err->text);
	if (held && !worker->held)
		log_line(worker->session->log, LOG_WARNING,
			 "[worker] max_new_blocks: %d new blocks within %lld s, further "
			 "ones wait unannounced: is a list gone mad?",
			 conf->max_new_blocks, (long long)conf->max_blocks_s);
	worker->held |= held;
}

/* The error object may be overwritten while what is in flight settles. */
static enum feed_state fail(struct worker *worker, int rc)
{
	if (!worker->failure.code) {
		worker->failure = *worker->err;
		worker->failure.code = rc;
	}
	worker->end_ms = 0;
	return FEED_END;
}

static enum feed_state feed_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct worker *worker = user;
	int64_t now = clock_mono_ms();
	int rc;

	if (worker->nready)
		return hand_out(worker, ret), FEED_TASK;
	if (now >= worker->end_ms)
		return FEED_END;
	worker_wake_clear(worker->session->conf);
	rc = next_retraction(worker, ret);
	if (!rc)
		rc = next_report(worker, ret);
	if (!rc)
		rc = next_lookup(worker, ret);
	if (rc < 0)
		return fail(worker, rc);
	if (rc > 0)
		return FEED_TASK;
	announce(worker); /* what hooks marked as seen again */
	if (!worker->nflying && now - worker->last_work_ms >= worker->linger_ms)
		return FEED_END;
	*ret_wait_ms = LOOK_MS;
	return FEED_LATER;
}

static source_set feed_settled(void *user, struct task *task)
{
	struct worker *worker = user;
	struct job *job = task->owner;
	int rc;
	source_set more = job_settled(worker->session, job, worker->stats, &rc);

	if (rc) /* what comes next could not be kept either: no loop, and no flood of lines */
		fail(worker, rc);
	if (more)
		return more;
	for (size_t i = 0; i < worker->nflying; i++)
		if (worker->flying[i] == job)
			worker->flying[i] = worker->flying[--worker->nflying];
	worker->nreports -= job->task->kind == TASK_REPORT;
	worker->bulk &= job->task->kind != TASK_BULK;
	job_free(job);
	worker->last_work_ms = clock_mono_ms();
	announce(worker);
	return 0;
}

static bool retraction_waits(const struct worker *worker)
{
	struct retraction retraction;
	struct quota quota;

	return worker->session->conf->abuseipdb >= 0 && worker->session->secret &&
	       store_retractions_due(worker->session->store, now_s(worker), &retraction, 1) > 0 &&
	       !store_quota_get(worker->session->store, "clear-address", worker->session->auth_mark,
				&quota) &&
	       quota_left(&quota);
}

/* Anything due now that a run would do? */
static bool work_waits(const struct worker *worker)
{
	struct report_plan plan;
	struct lookup_job job;
	struct block block;

	if (store_lookups_due(worker->session->store, now_s(worker), &job, 1) > 0)
		return true;
	if (!worker->mute.code && store_blocks_due(worker->session->store, false, &block, 1) > 0)
		return true;
	if (job_plan_reports(worker->session, 0, false, &plan) || plan.singles || plan.bulk)
		return true;
	return retraction_waits(worker);
}

static int run_once(struct worker *worker)
{
	const struct session *session = worker->session;
	struct feed feed = { .user = worker,
			     .window_max = WINDOW,
			     .task_ms = session->conf->timeout_ms,
			     .next = feed_next,
			     .settled = feed_settled };
	int rc;

	worker->last_work_ms = clock_mono_ms();
	rc = engine_run(session, &feed);
	return rc ? rc : worker->failure.code;
}

int worker_run(const struct session *session, int64_t linger_s, struct worker_stats *ret,
	       struct err *error)
{
	struct worker_stats stats = { 0 };
	struct worker worker = { .session = session,
				 .stats = &stats,
				 .err = error,
				 .linger_ms = linger_s * 1000,
				 .end_ms = clock_mono_ms() + WORKER_RUN_S * 1000 };
	int fd = worker_lock(session->conf, error), rc;

	if (fd < 0)
		return fd;
	rc = store_quota_recount(session->store);
	if (!rc)
		rc = store_reset_future_retries(session->store);
	if (rc) {
		close(fd);
		return rc;
	}
	do {
		rc = run_once(&worker);
		worker_unlock(fd);
	} while (!rc && clock_mono_ms() < worker.end_ms && work_waits(&worker) &&
		 !worker_relock(fd));
	close(fd);
	if (worker.failure.code)
		*error = worker.failure;
	if (!rc && worker.mute.code) { /* all else is done */
		*error = worker.mute;
		rc = error->code;
	}
	if (ret)
		*ret = stats;
	return rc;
}
