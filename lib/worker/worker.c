/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"
#include "reputation/verdict_log.h"
#include "store/publications.h"
#include "worker/counting.h"
#include "worker/feed_lists.h"
#include "worker/job.h"
#include "worker/lift.h"
#include "worker/lock.h"
#include "worker/quarantine.h"
#include <unistd.h>

#define LOOK_MS 200 /* how often the queue is looked at while idle */

struct worker {
	const struct session *session;
	struct worker_stats *stats;
	struct task_supply supply;
	struct job *ready[JOBS_MAX]; /* taken, written ahead, not yet handed to the engine */
	size_t nready, next_ready;
	size_t nheld;	      /* in flight, settled, and to be kept when nothing urgent is */
	struct err failure;   /* what ended the run early; code 0: nothing did */
	struct err log_error; /* the verdict log cannot be written: not tried again in this run */
	bool said_held_back;  /* that new blocks are, and that no list can be probed */
	struct limit_state limit;
	int64_t linger_ms, last_work_ms, end_ms;
};

/* Returns how many jobs are ready. */
static int take_jobs(struct worker *worker)
{
	struct job_queue queue = { .session = worker->session,
				   .engine = worker->supply.engine,
				   .limit = &worker->limit };
	size_t room = JOBS_MAX - engine_in_flight(queue.engine);

	for (size_t i = 0; job_kinds[i]; i++) {
		int count = job_kinds[i]->take(&queue, worker->ready, room);

		if (count <= 0) {
			if (count < 0)
				return count;
			continue;
		}
		worker->nready = (size_t)count;
		worker->next_ready = 0;
		worker->last_work_ms = clock_mono_ms();
		return count;
	}
	return 0;
}

static void announce_blocks(struct worker *worker)
{
	const struct conf *conf = worker->session->conf;
	char period[DURATION_TEXT_MAX];
	bool held_back = false;
	int count;

	if (worker->log_error.code)
		return;
	count = verdict_log_due(worker->session, &held_back);
	if (count < 0)
		err_set(&worker->log_error, count,
			"%s; the block remains, its line is written later",
			worker->session->err->text);
	else
		worker->stats->lines += (size_t)count;
	worker->limit.is_reached = held_back;
	if (held_back && !worker->said_held_back && !limit_has_lists(worker->session))
		log_line(worker->session->log, LOG_WARNING,
			 "[worker] max_new_blocks: %d new blocks within %s, further "
			 "blocks are held back; check the lists: rep-check --self-test",
			 conf->max_new_blocks, duration_text(conf->max_blocks_s, period));
	worker->said_held_back |= held_back && !limit_has_lists(worker->session);
}

/* The error object may be overwritten while what is in flight settles. */
static enum supply_state worker_fail(struct worker *worker, int rc)
{
	if (!worker->failure.code) {
		worker->failure = *worker->session->err;
		worker->failure.code = rc;
	}
	worker->end_ms = 0;
	return SUPPLY_END;
}

/* Blocks are held back, and after the last probe more were announced. */
static bool limit_may_go_on(const struct worker *worker)
{
	return worker->limit.is_reached && !worker->limit.is_done &&
	       limit_has_lists(worker->session);
}

static enum supply_state worker_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct worker *worker = user;
	int64_t now = clock_mono_ms();

	*ret_wait_ms = LOOK_MS;
	if (worker->nheld)
		return SUPPLY_LATER;
	if (worker->next_ready == worker->nready) {
		int rc;

		if (now >= worker->end_ms)
			return SUPPLY_END;
		worker_wake_clear(worker->session->conf);
		rc = take_jobs(worker);
		if (rc < 0)
			return worker_fail(worker, rc);
	}
	if (worker->next_ready < worker->nready) {
		*ret = worker->ready[worker->next_ready++]->task;
		return SUPPLY_TASK;
	}
	announce_blocks(worker); /* what hooks marked as seen again */
	if (!engine_in_flight(worker->supply.engine) && !limit_may_go_on(worker) &&
	    now - worker->last_work_ms >= worker->linger_ms)
		return SUPPLY_END;
	return SUPPLY_LATER;
}

/* Those that have seconds; a bulk report and a name of [allow] have more time than that. */
static size_t count_urgent(const struct engine *engine)
{
	return engine_in_flight_of(engine, TASK_LOOKUP) + engine_in_flight_of(engine, TASK_REPORT) +
	       engine_in_flight_of(engine, TASK_RETRACT);
}

/* Nothing new starts until it is kept. */
static bool hold_job(struct worker *worker, struct job *job)
{
	if (!job->kind->is_long || job->task->late || !job->kind->is_long(worker->session, job))
		return false;
	if (!job->is_held)
		worker->nheld++;
	job->is_held = true;
	return count_urgent(worker->supply.engine) > 0;
}

static source_set worker_settled(void *user, struct task *task)
{
	struct worker *worker = user;
	struct job *job = task->owner;
	int rc;

	if (job->kind->ask) {
		source_set more = job->kind->ask(worker->session, job);

		if (more)
			return more;
	}
	if (hold_job(worker, job))
		return SOURCE_WAIT;
	worker->nheld -= job->is_held;
	rc = job->kind->keep(worker->session, job, worker->stats);
	if (rc < 0) { /* nor could the next outcome be kept: no loop, and no flood of lines */
		err_prefix(worker->session->err, "outcome not stored, the next worker will retry");
		worker->stats->failed++;
		worker_fail(worker, rc);
	}
	job->kind->free(job);
	worker->last_work_ms = clock_mono_ms();
	rc = quarantine_apply(worker->session, false);
	if (rc < 0)
		worker_fail(worker, rc);
	else
		announce_blocks(worker);
	return 0;
}

/* Is anything due now that a run would do? */
static bool has_work(const struct worker *worker)
{
	struct job_queue queue = { .session = worker->session };
	struct block block;

	if (!worker->log_error.code &&
	    store_blocks_due(worker->session->store, false, &block, 1) > 0)
		return true;
	for (size_t i = 0; job_kinds[i]; i++)
		if (job_kinds[i]->take(&queue, NULL, 0))
			return true;
	return false;
}

static int run_once(struct worker *worker)
{
	int rc;

	worker->last_work_ms = clock_mono_ms();
	rc = engine_run(worker->session, &worker->supply);
	if (rc)
		return rc;
	return worker->failure.code;
}

int worker_run(const struct session *session, int64_t linger_s, struct worker_stats *ret)
{
	struct worker_stats stats = { 0 };
	struct worker worker = { .session = session,
				 .stats = &stats,
				 .linger_ms = linger_s * 1000,
				 .end_ms = clock_mono_ms() + WORKER_RUN_S * 1000 };
	int64_t lifted;
	int fd = worker_lock(session->conf, session->err), rc;

	if (fd < 0)
		return fd;
	worker.supply = (struct task_supply){ .user = &worker,
					      .window_max = JOBS_MAX,
					      .task_ms = session->conf->timeout_ms,
					      .next = worker_next,
					      .settled = worker_settled };
	rc = store_quota_recount(session->store);
	if (!rc)
		rc = store_reset_future_retries(session->store);
	if (!rc && feed_lists_clean(session)) /* they give nothing in any case */
		log_line(session->log, LOG_WARNING, "feeds: %s", session->err->text);
	if (!rc)
		rc = lift_allowed(session, false, &lifted);
	if (!rc && *session->conf->fleet_zone) /* a host that comes back withdraws first */
		rc = store_publications_expire(session->store);
	if (!rc)
		rc = quarantine_apply(session, true);
	if (!rc)
		rc = counting_take(session);
	if (rc) {
		close(fd);
		return rc;
	}
	do {
		rc = run_once(&worker);
		worker_unlock(fd);
	} while (!rc && clock_mono_ms() < worker.end_ms && has_work(&worker) && !worker_relock(fd));
	close(fd);
	if (worker.failure.code)
		*session->err = worker.failure;
	if (!rc)
		rc = counting_take(session);
	if (!rc && worker.log_error.code) { /* all else is done */
		*session->err = worker.log_error;
		rc = worker.log_error.code;
	}
	if (ret)
		*ret = stats;
	return rc;
}
