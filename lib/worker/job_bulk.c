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
#include <string.h>

#define SLICE	500   /* rows a transaction */
#define BULK_MS 60000 /* 2 MB over a slow line */

static int by_address(const void *a, const void *b)
{
	return memcmp(((const struct bulk_row *)a)->addr.b, ((const struct bulk_row *)b)->addr.b,
		      16);
}

static int refused_by_address(const void *a, const void *b)
{
	return memcmp(((const struct refused_row *)a)->addr.b,
		      ((const struct refused_row *)b)->addr.b, 16);
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
		return IPREP_E_NOMEM;
	if (csv->len > before)
		w->rows[w->nrows++] = (struct bulk_row){ r->id, r->addr, r->tries,
							 r->sent_at != 0 };
	return 0;
}

/* The row that did not fit has been frozen as well: it goes with the next one. */
static int add_rows(const struct session *session, struct report_job *due, int n, struct job *w,
		    struct buf *csv)
{
	int r = 0;

	for (int at = 0; at < n && !r; at += SLICE) {
		r = store_begin(session->store, STORE_FAST);
		for (int i = at; i < n && i < at + SLICE && !r; i++)
			r = add_row(session, &due[i], w, csv);
		r = store_end(session->store, r);
	}
	if (r < 0 || !w->nrows)
		return r < 0 ? r : 0;
	r = store_begin(session->store, STORE_DURABLE); /* syncs the rows before it, too */
	if (!r)
		r = store_end(session->store, store_quota_take(session->store, "bulk-report", 1));
	return r ? r : 1;
}

int job_take_bulk(const struct session *session, struct job **ret, struct err *e)
{
	struct report_job *due = calloc(BULK_ROWS_MAX, sizeof(*due));
	struct job *w = job_new(session, TASK_BULK, &(struct addr){ 0 });
	struct buf csv;
	int n = 0, r = IPREP_E_NOMEM;

	buf_init(&csv, BULK_BYTES_MAX);
	abuseipdb_bulk_head(&csv);
	if (w)
		w->rows = calloc(BULK_ROWS_MAX, sizeof(*w->rows));
	if (due && w && w->rows && !csv.failed) {
		r = n = store_reports_due(session->store, clock_now_s(&session->clock), due,
					  BULK_ROWS_MAX);
		if (n > 0)
			r = add_rows(session, due, n, w, &csv);
	}
	for (int i = 0; i < n; i++)
		report_job_done(&due[i]);
	free(due);
	if (r <= 0) {
		buf_free(&csv);
		job_free(w);
		return r < 0 ? err_set(e, r, "%s",
				       r == IPREP_E_NOMEM ? "out of memory"
							  : store_err(session->store)->text)
			     : 0;
	}
	qsort(w->rows, w->nrows, sizeof(*w->rows), by_address);
	w->own.body = w->body = csv.text;
	w->own.patience_ms = BULK_MS;
	*ret = w;
	return 1;
}

/* ---- what came of it ---- */

/* When what was not taken goes again: all at once, or the next file would take a few. */
static int64_t again_at(const struct session *session, const struct job *w)
{
	int64_t now = clock_now_s(&session->clock), again = now + job_delay_s(w->rows[0].tries);

	if (w->task->quota.stopped_until || w->task->quota.auth_failed)
		return now;
	return now + w->task->retry_after_s > again ? now + w->task->retry_after_s : again;
}

static int end_row(const struct session *session, const struct task *t, const struct bulk_row *row,
		   bool all_named, int64_t again, struct worker_stats *stats)
{
	struct refused_row key = { .addr = row->addr }, *no = NULL;

	if (t->nrefused)
		no = bsearch(&key, t->refused, t->nrefused, sizeof(key), refused_by_address);
	if (t->outcome == OUT_DONE && (no ? no->duplicate : all_named)) {
		stats->reports++;
		return store_report_end(session->store, row->id, REPORT_DONE, 0,
					"in a bulk report");
	}
	stats->failed++;
	if (t->outcome == OUT_DONE && no)
		return store_report_end(session->store, row->id, REPORT_PARKED, 0, no->why);
	return store_report_end(session->store, row->id, job_state_later(t, row->sent_before),
				again, t->why);
}

int job_keep_bulk(const struct session *session, struct job *w, struct worker_stats *stats)
{
	struct task *t = w->task;
	int64_t again = again_at(session, w);
	bool all_named;
	int r = quota_note(session, "bulk-report", &t->quota);

	if (t->nrefused)
		qsort(t->refused, t->nrefused, sizeof(*t->refused), refused_by_address);
	/* fewer saved and refused than sent: nobody knows which, so they go again */
	all_named = t->count + (int64_t)t->nrefused >= (int64_t)w->nrows;
	if (t->outcome == OUT_DONE && !all_named)
		log_line(session->log, LOG_WARNING,
			 "AbuseIPDB: bulk-report: %zu reports sent, %lld saved, %zu refused: "
			 "the others will be sent again",
			 w->nrows, (long long)t->count, t->nrefused);
	for (size_t at = 0; at < w->nrows && r >= 0; at += SLICE) {
		r = store_begin(session->store, STORE_FAST);
		for (size_t i = at; i < w->nrows && i < at + SLICE && r >= 0; i++)
			r = end_row(session, t, &w->rows[i], all_named, again, stats);
		r = store_end(session->store, r);
	}
	return r < 0 ? r : 0;
}
