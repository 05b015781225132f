/* SPDX-License-Identifier: MIT */
/*
 * job.h - one job of the worker, from the queue to its outcome: a lookup, a report, a bulk of
 * them, a retraction
 *
 * Whatever is sent is written ahead: frozen and counted against the quota, durably, before the
 * request. A report's answer carries the score: it is kept as a finding, and a lookup waits after
 * it. A lookup waits while a report of its address is about to go, so that one call serves both.
 */
#pragma once
#include "reputation/lookup.h"

struct bulk_row {
	int64_t id;
	struct addr addr;
	int tries;
	bool sent_before;
};
struct job {
	struct task *task; /* the lookup's, or own */
	struct task own;
	struct addr key; /* nothing else of it starts meanwhile */
	struct lookup *lookup;
	struct lookup_job job;
	struct report_job report;
	struct bulk_row *rows; /* of a bulk, by address */
	size_t nrows;
	struct retraction retraction;
	char *body;
	struct finding *findings; /* of all but a lookup */
};
struct worker_stats;

/* ---- what may start now ---- */

struct report_plan {
	size_t singles;
	bool bulk;
};
/*
 * nflying reports are on their way, or a bulk is. One bulk if more wait than single calls are left,
 * and bulk calls; these are spread over the rest of the day once they become few.
 */
int job_plan_reports(const struct session *session, size_t nflying, bool bulk_flying,
		     struct report_plan *ret);

/* Errors as lookup_new(). A lookup that needs nothing settles at once. */
int job_of_lookup(const struct session *session, const struct lookup_job *job, struct job **ret,
		  struct err *error);
/*
 * Take at most max reports that are due and whose key is not busy, all written ahead in one durable
 * transaction. nbusy: how many due ones may be busy. Returns how many are in ret. Errors: _STORE,
 * _BUSY, _NOMEM.
 */
int job_take_reports(const struct session *session, size_t max, size_t nbusy,
		     bool (*busy)(void *user, const struct addr *key), void *user, struct job **ret,
		     struct err *error);
/* 1 and *ret: all reports that are due, as far as one file takes them. 0: none. */
int job_take_bulk(const struct session *session, struct job **ret, struct err *error);
/* 1 and *ret: a retraction that is due and may go. 0: none. */
int job_take_retraction(const struct session *session,
			bool (*busy)(void *user, const struct addr *key), void *user,
			struct job **ret, struct err *error);

/* ---- what became of it ---- */

/*
 * The task has settled: more to ask, or 0 when it is over. *ret_rc: 0, or the error why its outcome
 * could not be kept: the job stays as it was, and the disk is not to be tried with the next one.
 */
source_set job_settled(const struct session *session, struct job *job, struct worker_stats *stats,
		       int *ret_rc);
struct job *job_free(struct job *job);

/* ---- shared by job*.c ---- */

/* Growing, jittered: 15 s, 1, 3, 10, 20, 30 min, then hourly. */
int64_t job_delay_s(int tries);
/* Anything but a lookup. NULL: no memory. */
struct job *job_new(const struct session *session, enum task_kind kind, const struct addr *addr);
/* Freeze it, if it is not: comment and categories as they go out. In a transaction. 1: it is over,
 * not to be sent. */
int job_freeze(const struct session *session, struct report_job *job);
/* What was not taken for certain, by no try, may still get later events and never becomes "outcome
 * unknown". */
enum report_state job_state_later(const struct task *task, bool sent_before);
int job_keep_report(const struct session *session, struct job *job, struct worker_stats *stats);
int job_keep_bulk(const struct session *session, struct job *job, struct worker_stats *stats);
int job_keep_retraction(const struct session *session, struct job *job, struct worker_stats *stats);
