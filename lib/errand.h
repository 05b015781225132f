/* SPDX-License-Identifier: MIT */
/*
 * errand.h - one job of the worker: a look-up or a report, from the queue to its outcome (layer 5)
 *
 * A report's answer carries the score: it is kept as a finding, and a look-up waits after it.
 * A look-up waits while a report of its address is due, so that one call serves both.
 */
#pragma once
#include "lookup.h"

struct errand {
	struct task *task;                 /* of the look-up, or report_task */
	struct lookup *lookup;
	struct lookup_job job;
	struct report_job report;
	struct task report_task;
	struct finding *findings;          /* of a report */
};
struct worker_stats;

/* Errors as lookup_new(). A look-up that needs nothing settles at once. */
int errand_of_lookup(const struct env *env, const struct lookup_job *j, struct errand **ret,
		     struct err *e);
/*
 * Writes the report ahead, durably, with the quota. 1: not now (quota, 401), it has been put
 * off; 0 and *ret: send it. Takes over r->body.
 */
int errand_of_report(const struct env *env, struct report_job *r, struct errand **ret,
		     struct err *e);
/* The task has settled: more to ask, or 0 when it is over and the outcome is on disk. */
source_set errand_settled(const struct env *env, struct errand *w, struct worker_stats *stats);
struct errand *errand_free(struct errand *w);
