/* SPDX-License-Identifier: MIT */
/*
 * job.h - one job of the worker, from the queue to its outcome; a kind of job is a file and a row
 *
 * Whatever is sent is written ahead: frozen and counted against the quota, durably, before the
 * request. A report's answer carries the score: it is kept as a finding, and a lookup waits after
 * it. A lookup waits while a report of its address is about to go, so that one call serves both.
 * While a job of an address is in flight no other job of that address starts.
 */
#pragma once
#include "reputation/engine.h"
#include "worker/worker.h"

/* Reports that may go now, alone or as a file of many. */
struct report_plan {
	bool made;
	size_t singles;
	bool bulk;
	bool some_go; /* now, or in flight already: lookups of the same addresses wait */
};
/* New blocks beyond [worker] max_new_blocks, in one run of the worker: job_limit.c. */
struct limit_state {
	bool is_reached; /* some are held back */
	bool is_done;	 /* after the last probe no more may go out */
	int64_t next_ms; /* monotonic; the next probe, not before */
};
/* What the kinds look at while jobs are taken. */
struct job_queue {
	const struct session *session;
	const struct engine *engine; /* what is in flight; NULL: nothing is */
	struct limit_state *limit;   /* the worker's; NULL: nothing is held back */
	struct report_plan plan;     /* report_plan() makes it when it is first asked for */
};

struct job {
	const struct job_kind *kind;
	struct task *task; /* the kind's; task->owner is the job */
	bool is_held;	   /* the worker's: settled, but not kept yet */
};
struct job_kind {
	const char *name;
	/*
	 * Take up to max jobs that are due and may start now, written ahead. Returns how many were
	 * put into ret; with max 0, whether there is one. Errors: _STORE, _BUSY, _NOMEM.
	 */
	int (*take)(struct job_queue *queue, struct job **ret, size_t max);
	/* The task has settled: what to ask in addition, or SOURCE_WAIT. NULL: never anything. */
	source_set (*ask)(const struct session *session, struct job *job);
	/* keep() will take so long that answers to others would come too late: it is called when no
	 * lookup, report or retraction is in flight, or when this task's time is over. NULL: never.
	 */
	bool (*is_long)(const struct session *session, struct job *job);
	/* Write the outcome to disk. Errors: _STORE, _BUSY: the job stays in the queue as it was.
	 */
	int (*keep)(const struct session *session, struct job *job, struct worker_stats *stats);
	void (*free)(struct job *job);
};
/* In the order in which they are asked for jobs; ends with NULL. In job_kinds.c. */
extern const struct job_kind *const job_kinds[];
extern const struct job_kind job_retract, job_bulk, job_report, job_limit, job_lookup, job_resolve,
	job_fetch, job_fleet;

/* Are there lists that a probe can ask whether more new blocks may go out? In job_limit.c. */
bool limit_has_lists(const struct session *session);

/* ---- for the kinds: in job.c ---- */

#define JOBS_MAX 64 /* in flight */

/* The kind's struct around a member, here its struct job or api_call. */
#define JOB_OF(member_pointer, type, member) \
	((type *)(void *)((char *)(member_pointer)-offsetof(type, member)))

/* A job that is one call to AbuseIPDB. */
struct api_call {
	struct job job;
	struct task task;
	struct finding *findings;
	char *body; /* NULL: none */
};
/* Errors: _NOMEM; then api_call_done() may still be called. */
int api_call_init(struct api_call *call, const struct job_kind *kind, enum task_kind task_kind,
		  const struct session *session, const struct addr *addr);
void api_call_done(struct api_call *call);
/* Counts a call that failed; an answer that refuses what was sent is none. In the transaction of
 * its outcome. */
int api_call_count(const struct session *session, const struct task *task);
/* Growing, jittered: 15 s, 1, 3, 10, 20, 30 min, then hourly. */
int64_t job_delay_s(int tries);
/* When a failed call is to be made again; tries: made so far. */
int64_t api_call_retry_at(const struct session *session, const struct task *task, int tries);
