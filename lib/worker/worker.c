/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"
#include "reputation/verdict_log.h"
#include "worker/job.h"
#include "reputation/quota.h"
#include "worker/lock.h"
#include <stdlib.h>
#include <string.h>
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
	bool bulk;	 /* one is on its way */
	bool reports_go; /* what waits will go now: lookups of the same wait for it */
	struct err mute; /* the verdict log cannot be written: not tried again in this run */
	bool held;	 /* said that new blocks wait */
	int64_t linger_ms, last_work_ms, end_ms;
};

static bool is_flying(void *user, const struct addr *key)
{
	const struct worker *w = user;

	for (size_t i = 0; i < w->nflying; i++)
		if (!memcmp(w->flying[i]->key.b, key->b, 16))
			return true;
	return false;
}

static void note_flight(struct worker *w, struct job *e)
{
	w->flying[w->nflying++] = e;
	w->nreports += e->task->kind == TASK_REPORT;
	w->bulk |= e->task->kind == TASK_BULK;
	w->last_work_ms = clock_mono_ms();
}

static int64_t now_s(const struct worker *w)
{
	return clock_now_s(&w->session->clock);
}

static int hand_out(struct worker *w, struct task **ret)
{
	*ret = w->ready[--w->nready]->task;
	return 1;
}

/* Reports go first; while one of an address is on its way nothing else of it starts. */
static int next_report(struct worker *w, struct task **ret)
{
	struct job *bulk, *batch[WINDOW];
	struct report_plan plan;
	size_t room = WINDOW - w->nflying;
	int n, r;

	if (w->nreports > REPORTS_MAX / 2) /* in batches: each is a transaction, with its sync */
		return 0;
	if (room > REPORTS_MAX - w->nreports)
		room = REPORTS_MAX - w->nreports;
	r = job_plan_reports(w->session, w->nreports, w->bulk, &plan);
	w->reports_go = plan.singles || plan.bulk || w->nreports || w->bulk;
	if (r < 0 || !room)
		return r;
	if (plan.bulk) {
		r = job_take_bulk(w->session, &bulk, w->err);
		if (r <= 0)
			return r;
		note_flight(w, bulk);
		*ret = bulk->task;
		return 1;
	}
	if (!plan.singles)
		return 0;
	n = job_take_reports(w->session, plan.singles < room ? plan.singles : room, w->nflying,
			     is_flying, w, batch, w->err);
	for (int i = n - 1; i >= 0; i--) { /* handed out from the end */
		note_flight(w, batch[i]);
		w->ready[w->nready++] = batch[i];
	}
	return n > 0 ? hand_out(w, ret) : n;
}

static int next_retraction(struct worker *w, struct task **ret)
{
	struct job *e;
	int r = w->bulk ? 0 : job_take_retraction(w->session, is_flying, w, &e, w->err);

	if (r > 0) {
		note_flight(w, e);
		*ret = e->task;
	}
	return r;
}

static int next_lookup(struct worker *w, struct task **ret)
{
	struct lookup_job due[WINDOW * 2];
	struct job *e;
	int n = store_lookups_due(w->session->store, now_s(w), due, WINDOW * 2), r;

	for (int i = 0; i < n; i++) {
		if (is_flying(w, &due[i].key))
			continue;
		r = w->reports_go ? store_report_pending(w->session->store, &due[i].addr, now_s(w))
				  : 0;
		if (r < 0)
			return r;
		if (r)
			continue;
		r = job_of_lookup(w->session, &due[i], &e, w->err);
		if (r)
			return r;
		note_flight(w, e);
		*ret = e->task;
		return 1;
	}
	return n < 0 ? n : 0;
}

static void announce(struct worker *w)
{
	const struct conf *conf = w->session->conf;
	bool held = false;
	struct err e = { 0 };
	int n;

	if (w->mute.code)
		return;
	n = verdict_log_due(w->session, &held, &e);
	w->stats->lines += n > 0 ? (size_t)n : 0;
	if (n < 0)
		err_set(&w->mute, n, "%s; the block stands, its line will be written later",
			e.text);
	if (held && !w->held)
		log_line(w->session->log, LOG_WARNING,
			 "[worker] max_new_blocks: %d new blocks within %lld s, further "
			 "ones wait unannounced: is a list gone mad?",
			 conf->max_new_blocks, (long long)conf->max_blocks_s);
	w->held |= held;
}

static enum feed_state fail(struct worker *w, int r)
{
	if (w->err->code != r)
		err_set(w->err, r, "%s", store_err(w->session->store)->text);
	w->end_ms = 0;
	return FEED_END;
}

static enum feed_state feed_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct worker *w = user;
	int64_t now = clock_mono_ms();
	int r;

	if (w->nready)
		return hand_out(w, ret), FEED_TASK;
	if (now >= w->end_ms)
		return FEED_END;
	worker_wake_clear(w->session->conf);
	r = next_retraction(w, ret);
	if (!r)
		r = next_report(w, ret);
	if (!r)
		r = next_lookup(w, ret);
	if (r < 0)
		return fail(w, r);
	if (r > 0)
		return FEED_TASK;
	announce(w); /* what hooks marked as seen again */
	if (!w->nflying && now - w->last_work_ms >= w->linger_ms)
		return FEED_END;
	*ret_wait_ms = LOOK_MS;
	return FEED_LATER;
}

static source_set feed_settled(void *user, struct task *t)
{
	struct worker *w = user;
	struct job *e = t->owner;
	source_set more = job_settled(w->session, e, w->stats, w->err);

	if (w->err->code) /* what comes next could not be kept either: no loop, and no flood of
			     lines */
		w->end_ms = 0;
	if (more)
		return more;
	for (size_t i = 0; i < w->nflying; i++)
		if (w->flying[i] == e)
			w->flying[i] = w->flying[--w->nflying];
	w->nreports -= e->task->kind == TASK_REPORT;
	w->bulk &= e->task->kind != TASK_BULK;
	job_free(e);
	w->last_work_ms = clock_mono_ms();
	announce(w);
	return 0;
}

static bool retraction_waits(const struct worker *w)
{
	struct retraction x;
	struct quota q;

	return w->session->conf->abuseipdb >= 0 && w->session->secret &&
	       store_retractions_due(w->session->store, now_s(w), &x, 1) > 0 &&
	       !store_quota_get(w->session->store, "clear-address", w->session->auth_mark, &q) &&
	       quota_left(&q);
}

/* Anything due now that a run would do? */
static bool work_waits(const struct worker *w)
{
	struct report_plan plan;
	struct lookup_job l;
	struct block b;

	if (store_lookups_due(w->session->store, now_s(w), &l, 1) > 0)
		return true;
	if (!w->mute.code && store_blocks_due(w->session->store, false, &b, 1) > 0)
		return true;
	if (job_plan_reports(w->session, 0, false, &plan) || plan.singles || plan.bulk)
		return true;
	return retraction_waits(w);
}

static int run_once(struct worker *w)
{
	const struct session *session = w->session;
	struct engine_conf ec = { .conf = session->conf,
				  .clock = session->clock,
				  .log = session->log,
				  .secret = session->secret,
				  .health = session->health,
				  .ops = session->ops };
	struct feed feed = { .user = w,
			     .window_max = WINDOW,
			     .task_ms = session->conf->timeout_ms,
			     .next = feed_next,
			     .settled = feed_settled };
	struct engine *engine = NULL;
	int r = engine_new(&ec, &engine);

	if (r)
		return err_set(w->err, r, "out of memory");
	w->last_work_ms = clock_mono_ms();
	r = engine_run(engine, &feed, w->err);
	engine_free(engine);
	return r ? r : w->err->code;
}

int worker_run(const struct session *session, int64_t linger_s, struct worker_stats *ret,
	       struct err *e)
{
	struct worker_stats stats = { 0 };
	struct worker w = { .session = session,
			    .stats = &stats,
			    .err = e,
			    .linger_ms = linger_s * 1000,
			    .end_ms = clock_mono_ms() + WORKER_RUN_S * 1000 };
	int fd = worker_lock(session->conf, e), r;

	if (fd < 0)
		return fd;
	e->code = 0;
	r = store_quota_recount(session->store);
	if (!r)
		r = store_reset_future_retries(session->store);
	if (r) {
		close(fd);
		return err_set(e, r, "%s", store_err(session->store)->text);
	}
	do {
		r = run_once(&w);
		worker_unlock(fd);
	} while (!r && clock_mono_ms() < w.end_ms && work_waits(&w) && !worker_relock(fd));
	close(fd);
	if (!r && w.mute.code) /* all else is done */
		r = err_set(e, w.mute.code, "%s", w.mute.text);
	if (ret)
		*ret = stats;
	return r;
}
