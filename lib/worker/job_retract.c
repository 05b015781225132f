/* SPDX-License-Identifier: MIT */
/* job_retract.c - taking our reports of an address back (API: CLEAR-ADDRESS) */
#include "base/buf.h"
#include "worker/job.h"
#include "reputation/quota.h"
#include "worker/worker.h"

#define BATCH 16

int job_take_retraction(const struct session *session,
			bool (*busy)(void *user, const struct addr *key), void *user,
			struct job **ret, struct err *error)
{
	struct retraction due[BATCH];
	struct quota quota = { 0 };
	struct job *job;
	int count = 0, i = 0, rc = 0;

	if (session->conf->abuseipdb >= 0 && session->secret)
		count = store_retractions_due(session->store, clock_now_s(&session->clock), due,
					      BATCH);
	while (i < count && busy(user, &due[i].key))
		i++;
	if (count > 0 && i < count)
		rc = store_quota_get(session->store, "clear-address", session->auth_mark, &quota);
	if (count <= 0 || i == count || rc || !quota_left(&quota) || quota.first_under_way)
		return count < 0 ? count : rc;
	job = job_new(session, TASK_RETRACT, &due[i].addr);
	if (!job)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	job->retraction = due[i];
	rc = store_quota_take(session->store, "clear-address", 1);
	if (rc) {
		job_free(job);
		return rc;
	}
	*ret = job;
	return 1;
}

int job_keep_retraction(const struct session *session, struct job *job, struct worker_stats *stats)
{
	const struct task *task = job->task;
	struct retraction *retraction = &job->retraction;
	int64_t now = clock_now_s(&session->clock);
	int rc = quota_note(session, "clear-address", &task->quota);

	retraction->why[0] = '\0';
	text_put(retraction->why, sizeof(retraction->why), task->why);
	retraction->state = task->outcome == OUT_DONE	  ? RETRACT_DONE
			    : task->outcome == OUT_PARKED ? RETRACT_REFUSED
							  : RETRACT_WAITS;
	retraction->deleted = task->outcome == OUT_DONE ? task->count : 0;
	retraction->next_at = now;
	if (retraction->state == RETRACT_WAITS && !task->quota.stopped_until &&
	    !task->quota.auth_failed)
		retraction->next_at = now + job_delay_s(retraction->tries);
	if (retraction->state != RETRACT_DONE)
		stats->failed++;
	if (!rc)
		rc = store_retraction_end(session->store, retraction);
	return rc < 0 ? rc : 0; /* 1: forgotten, or asked for again, meanwhile */
}
