/* SPDX-License-Identifier: MIT */
/*
 * job_bulk.c - all waiting reports as one file, when single calls run short
 *
 * Each row keeps its own state, so that what is not known to be saved goes again, one way or the
 * other, and comes back as a duplicate if it was. Rows are written in slices: hooks must not wait.
 */
#include "reputation/quota.h"
#include "worker/report_queue.h"
#include <stdlib.h>

#define SLICE	500   /* rows a transaction */
#define BULK_MS 60000 /* 2 MB over a slow line */

struct bulk_row {
	int64_t id;
	struct addr addr;
	int tries;
	bool sent_before;
};
struct bulk_work {
	struct api_call call;
	struct bulk_row *rows; /* by address */
	size_t nrows;
};

static struct bulk_work *bulk_of(struct job *job)
{
	return JOB_OF(job, struct bulk_work, call.job);
}

static void bulk_work_free(struct job *job)
{
	struct bulk_work *work = bulk_of(job);

	api_call_done(&work->call);
	free(work->rows);
	free(work);
}

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
static int add_report_row(const struct session *session, struct report_job *report,
			  struct bulk_work *work, struct buf *csv)
{
	int64_t now = clock_now_s(&session->clock), seen_at = report->seen_at;
	size_t before = csv->len;
	int rc = report_freeze(session, report);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	if (seen_at > now)
		seen_at = now;
	if (!abuseipdb_bulk_row(csv, &report->addr, report->categories, report->frozen, seen_at))
		return 1;
	if (csv->failed)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	if (csv->len > before)
		work->rows[work->nrows++] = (struct bulk_row){ report->id, report->addr,
							       report->tries,
							       report->sent_at != 0 };
	return 0;
}

/*
 * 1: written ahead; 0: nothing to send. The row that did not fit has been frozen as well: it goes
 * with the next file.
 */
static int add_report_rows(const struct session *session, struct report_job *due, int count,
			   struct bulk_work *work, struct buf *csv)
{
	int rc = 0;

	for (int at = 0; at < count && !rc; at += SLICE) {
		rc = store_begin(session->store, STORE_FAST);
		for (int i = at; i < count && i < at + SLICE && !rc; i++)
			rc = add_report_row(session, &due[i], work, csv);
		rc = store_end(session->store, rc);
	}
	if (rc < 0)
		return rc;
	if (!work->nrows)
		return 0;
	rc = store_begin(session->store, STORE_DURABLE); /* syncs the rows before it as well */
	if (rc)
		return rc;
	rc = store_end(session->store, store_quota_take(session->store, "bulk-report", 1));
	if (rc)
		return rc;
	return 1;
}

/* 1 and the file in csv; 0: nothing to send. */
static int write_file(const struct session *session, struct bulk_work *work, struct buf *csv)
{
	struct report_job *due = calloc(BULK_ROWS_MAX, sizeof(*due));
	int rc, count;

	work->rows = calloc(BULK_ROWS_MAX, sizeof(*work->rows));
	abuseipdb_bulk_head(csv);
	if (!due || !work->rows || csv->failed) {
		free(due);
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	}
	rc = count = store_reports_due(session->store, clock_now_s(&session->clock), due,
				       BULK_ROWS_MAX);
	if (count > 0)
		rc = add_report_rows(session, due, count, work, csv);
	for (int i = 0; i < count; i++)
		report_job_done(&due[i]);
	free(due);
	return rc;
}

static int bulk_take(struct job_queue *queue, struct job **ret, size_t max)
{
	struct bulk_work *work;
	struct buf csv;
	int rc = report_plan(queue);

	if (rc || !queue->plan.bulk)
		return rc;
	if (!max)
		return 1;
	work = calloc(1, sizeof(*work));
	if (!work)
		return err_set(queue->session->err, IPREP_E_NOMEM, "out of memory");
	buf_init(&csv, BULK_BYTES_MAX);
	rc = api_call_init(&work->call, &job_bulk, TASK_BULK, queue->session, &(struct addr){ 0 });
	if (!rc)
		rc = write_file(queue->session, work, &csv);
	if (rc <= 0) {
		buf_free(&csv);
		api_call_done(&work->call);
		free(work->rows);
		free(work);
		return rc;
	}
	qsort(work->rows, work->nrows, sizeof(*work->rows), by_address);
	work->call.task.body = work->call.body = csv.text;
	work->call.task.patience_ms = BULK_MS;
	*ret = &work->call.job;
	return 1;
}

/* ---- what came of it ---- */

static const struct refused_row *find_refused_row(const struct task *task, const struct addr *addr)
{
	struct refused_row key = { .addr = *addr };

	if (!task->nrefused)
		return NULL;
	return bsearch(&key, task->refused, task->nrefused, sizeof(key), refused_by_address);
}

/* Does the answer account for each row that was sent, and for no other? It may be another file's.
 */
static bool is_all_named(const struct bulk_work *work, const struct task *task)
{
	size_t nfound = 0;

	for (size_t i = 0; i < work->nrows; i++)
		nfound += find_refused_row(task, &work->rows[i].addr) != NULL;
	return nfound == task->nrefused &&
	       task->count + (int64_t)task->nrefused == (int64_t)work->nrows;
}

static int end_row(const struct session *session, const struct task *task,
		   const struct bulk_row *row, bool all_named, int64_t retry_at,
		   struct worker_stats *stats)
{
	const struct refused_row *refused = find_refused_row(task, &row->addr);
	bool saved = all_named;

	if (refused)
		saved = refused->duplicate;
	if (task->outcome == OUT_DONE && saved) {
		stats->reports++;
		return store_report_end(session->store, row->id, REPORT_DONE, 0,
					"in a bulk report");
	}
	stats->failed++;
	if (task->outcome == OUT_DONE && refused)
		return store_report_end(session->store, row->id, REPORT_PARKED, 0, refused->why);
	return store_report_end(session->store, row->id, report_state_later(task, row->sent_before),
				retry_at, task->why);
}

static int bulk_keep(const struct session *session, struct job *job, struct worker_stats *stats)
{
	const struct bulk_work *work = bulk_of(job);
	struct task *task = job->task;
	/* what was not accepted is sent again together, or the next file would be small */
	int64_t retry_at = api_call_retry_at(session, task, work->rows[0].tries);
	bool all_named;
	int rc = quota_note(session, "bulk-report", &task->quota);

	if (task->nrefused)
		qsort(task->refused, task->nrefused, sizeof(*task->refused), refused_by_address);
	/* not as many saved and refused as sent: it is not known which, so they go again */
	all_named = is_all_named(work, task);
	if (task->outcome == OUT_DONE && !all_named)
		log_line(session->log, LOG_WARNING,
			 "AbuseIPDB: bulk-report: %zu reports sent, %lld saved, %zu refused: "
			 "the others will be sent again",
			 work->nrows, (long long)task->count, task->nrefused);
	for (size_t at = 0; at < work->nrows && rc >= 0; at += SLICE) {
		rc = store_begin(session->store, STORE_FAST);
		if (!rc && !at)
			rc = api_call_count(session, task);
		for (size_t i = at; i < work->nrows && i < at + SLICE && rc >= 0; i++)
			rc = end_row(session, task, &work->rows[i], all_named, retry_at, stats);
		rc = store_end(session->store, rc);
	}
	if (rc < 0)
		return rc;
	return 0;
}

const struct job_kind job_bulk = {
	.name = "bulk report",
	.take = bulk_take,
	.keep = bulk_keep,
	.free = bulk_work_free,
};
