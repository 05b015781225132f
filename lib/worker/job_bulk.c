/* SPDX-License-Identifier: MIT */
/*
 * job_bulk.c - all waiting reports as one file, when single calls run short
 *
 * Each row keeps its own state, so that what is not known to be saved goes again, one way or the
 * other, and comes back as a duplicate if it was. Rows are written in slices: hooks must not wait.
 */
#include "worker/job.h"
#include "reputation/quota.h"
#include "worker/worker.h"
#include <stdlib.h>

#define SLICE	500   /* rows a transaction */
#define BULK_MS 60000 /* 2 MB over a slow line */

static int by_address(const void *left, const void *right)
{
	return addr_compare(&((const struct bulk_row *)left)->addr,
			    &((const struct bulk_row *)right)->addr);
}

static int refused_by_address(const void *left, const void *right)
{
	return addr_compare(&((const struct refused_row *)left)->addr,
			    &((const struct refused_row *)right)->addr);
}

/* ---- written ahead ---- */

/* 1: the file is full. */
static int add_row(const struct session *session, struct report_job *r, struct job *w,
		   struct buf *csv)
{
	size_t before = csv->len;
	int64_t now = clock_now_s(&session->clock);
	int rc = job_freeze(session, r);

	if (rc)
		return rc < 0 ? rc : 0;
	if (!abuseipdb_bulk_row(csv, &r->addr, r->categories, r->frozen,
				r->seen_at < now ? r->seen_at : now))
		return 1;
	if (csv->failed)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	if (csv->len > before)
		w->rows[w->nrows++] = (struct bulk_row){ r->id, r->addr, r->tries,
							 r->sent_at != 0 };
	return 0;
}

/* The row that did not fit has been frozen as well: it goes with the next one. */
static int add_rows(const struct session *session, struct report_job *due, int count,
		    struct job *job, struct buf *csv)
{
	int rc = 0;

	for (int at = 0; at < count && !rc; at += SLICE) {
		rc = store_begin(session->store, STORE_FAST);
		for (int i = at; i < count && i < at + SLICE && !rc; i++)
			rc = add_row(session, &due[i], job, csv);
		rc = store_end(session->store, rc);
	}
	if (rc < 0 || !job->nrows)
		return rc < 0 ? rc : 0;
	rc = store_begin(session->store, STORE_DURABLE); /* syncs the rows before it, too */
	if (!rc)
		rc = store_end(session->store, store_quota_take(session->store, "bulk-report", 1));
	return rc ? rc : 1;
}

int job_take_bulk(const struct session *session, struct job **ret, struct err *error)
{
	struct report_job *due = calloc(BULK_ROWS_MAX, sizeof(*due));
	struct job *job = job_new(session, TASK_BULK, &(struct addr){ 0 });
	struct buf csv;
	int count = 0, rc;

	buf_init(&csv, BULK_BYTES_MAX);
	abuseipdb_bulk_head(&csv);
	if (job)
		job->rows = calloc(BULK_ROWS_MAX, sizeof(*job->rows));
	if (due && job && job->rows && !csv.failed) {
		rc = count = store_reports_due(session->store, clock_now_s(&session->clock), due,
					       BULK_ROWS_MAX);
		if (count > 0)
			rc = add_rows(session, due, count, job, &csv);
	} else {
		rc = err_set(error, IPREP_E_NOMEM, "out of memory");
	}
	for (int i = 0; i < count; i++)
		report_job_done(&due[i]);
	free(due);
	if (rc <= 0) {
		buf_free(&csv);
		job_free(job);
		return rc;
	}
	qsort(job->rows, job->nrows, sizeof(*job->rows), by_address);
	job->own.body = job->body = csv.text;
	job->own.patience_ms = BULK_MS;
	*ret = job;
	return 1;
}

/* ---- what came of it ---- */

/* When what was not taken goes again: all at once, or the next file would take a few. */
static int64_t again_at(const struct session *session, const struct job *job)
{
	int64_t now = clock_now_s(&session->clock), again = now + job_delay_s(job->rows[0].tries);

	if (job->task->quota.stopped_until || job->task->quota.auth_failed)
		return now;
	return now + job->task->retry_after_s > again ? now + job->task->retry_after_s : again;
}

static int end_row(const struct session *session, const struct task *task,
		   const struct bulk_row *row, bool all_named, int64_t again,
		   struct worker_stats *stats)
{
	struct refused_row key = { .addr = row->addr }, *no = NULL;

	if (task->nrefused)
		no = bsearch(&key, task->refused, task->nrefused, sizeof(key), refused_by_address);
	if (task->outcome == OUT_DONE && (no ? no->duplicate : all_named)) {
		stats->reports++;
		return store_report_end(session->store, row->id, REPORT_DONE, 0,
					"in a bulk report");
	}
	stats->failed++;
	if (task->outcome == OUT_DONE && no)
		return store_report_end(session->store, row->id, REPORT_PARKED, 0, no->why);
	return store_report_end(session->store, row->id, job_state_later(task, row->sent_before),
				again, task->why);
}

int job_keep_bulk(const struct session *session, struct job *job, struct worker_stats *stats)
{
	struct task *task = job->task;
	int64_t again = again_at(session, job);
	bool all_named;
	int rc = quota_note(session, "bulk-report", &task->quota);

	if (task->nrefused)
		qsort(task->refused, task->nrefused, sizeof(*task->refused), refused_by_address);
	/* fewer saved and refused than sent: nobody knows which, so they go again */
	all_named = task->count + (int64_t)task->nrefused >= (int64_t)job->nrows;
	if (task->outcome == OUT_DONE && !all_named)
		log_line(session->log, LOG_WARNING,
			 "AbuseIPDB: bulk-report: %zu reports sent, %lld saved, %zu refused: "
			 "the others will be sent again",
			 job->nrows, (long long)task->count, task->nrefused);
	for (size_t at = 0; at < job->nrows && rc >= 0; at += SLICE) {
		rc = store_begin(session->store, STORE_FAST);
		for (size_t i = at; i < job->nrows && i < at + SLICE && rc >= 0; i++)
			rc = end_row(session, task, &job->rows[i], all_named, again, stats);
		rc = store_end(session->store, rc);
	}
	return rc < 0 ? rc : 0;
}
