/* SPDX-License-Identifier: MIT */
/* job_retract.c - taking our reports of an address back (API: CLEAR-ADDRESS) */
#include "base/buf.h"
#include "reputation/quota.h"
#include "worker/job.h"
#include <stdlib.h>

#define BATCH 16

struct retract_work {
	struct api_call call;
	struct retraction retraction;
};

static struct retract_work *retract_work_of(struct job *job)
{
	return JOB_OF(job, struct retract_work, call.job);
}

static void retract_work_free(struct job *job)
{
	struct retract_work *work = retract_work_of(job);

	api_call_done(&work->call);
	free(work);
}

/* 1 and *ret: one that is due, may go, and has a key that is free. */
static int next_retraction(const struct job_queue *queue, struct retraction *ret)
{
	const struct session *session = queue->session;
	struct retraction due[BATCH];
	struct quota quota;
	int count, i = 0, rc;

	if (session->conf->abuseipdb < 0 || !session->secret)
		return 0;
	if (engine_in_flight_of(queue->engine, TASK_BULK)) /* which has many addresses */
		return 0;
	count = store_retractions_due(session->store, clock_now_s(&session->clock), due, BATCH);
	while (i < count && engine_has_key(queue->engine, &due[i].key))
		i++;
	if (i >= count) {
		if (count < 0)
			return count;
		return 0;
	}
	rc = store_quota_get(session->store, "clear-address", session->auth_mark, &quota);
	if (rc)
		return rc;
	*ret = due[i];
	return quota_left(&quota) && !quota.first_under_way;
}

static int retract_take(struct job_queue *queue, struct job **ret, size_t max)
{
	const struct session *session = queue->session;
	struct retraction retraction;
	struct retract_work *work;
	int rc = next_retraction(queue, &retraction);

	if (rc <= 0 || !max)
		return rc;
	work = calloc(1, sizeof(*work));
	if (!work)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	work->retraction = retraction;
	rc = api_call_init(&work->call, &job_retract, TASK_RETRACT, session, &retraction.addr);
	if (!rc)
		rc = store_quota_take(session->store, "clear-address", 1);
	if (rc) {
		api_call_done(&work->call);
		free(work);
		return rc;
	}
	*ret = &work->call.job;
	return 1;
}

static int keep_retraction(const struct session *session, struct retract_work *work,
			   struct worker_stats *stats)
{
	const struct task *task = &work->call.task;
	struct retraction *retraction = &work->retraction;
	int rc = quota_note(session, "clear-address", &task->quota);

	retraction->why[0] = '\0';
	text_put(retraction->why, sizeof(retraction->why), task->why);
	retraction->deleted = 0;
	retraction->next_at = clock_now_s(&session->clock);
	switch (task->outcome) {
	case OUT_DONE:
		retraction->state = RETRACT_DONE;
		retraction->deleted = task->count;
		break;
	case OUT_PARKED:
		retraction->state = RETRACT_REFUSED;
		stats->failed++;
		break;
	case OUT_NONE:
	case OUT_DUPLICATE:
	case OUT_LATER:
		retraction->state = RETRACT_WAITS;
		retraction->next_at = api_call_retry_at(session, task, retraction->tries);
		stats->failed++;
		break;
	}
	if (!rc)
		rc = api_call_count(session, task);
	if (rc)
		return rc;
	rc = store_retraction_end(session->store, retraction);
	if (rc < 0)
		return rc;
	return 0; /* 1: forgotten, or requested again, in the meantime */
}

static int retract_keep(const struct session *session, struct job *job, struct worker_stats *stats)
{
	int rc = store_begin(session->store, STORE_FAST);

	if (rc)
		return rc;
	return store_end(session->store, keep_retraction(session, retract_work_of(job), stats));
}

const struct job_kind job_retract = {
	.name = "retraction",
	.take = retract_take,
	.keep = retract_keep,
	.free = retract_work_free,
};
