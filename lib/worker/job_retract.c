/* SPDX-License-Identifier: MIT */
/* job_retract.c - taking our reports of an address back (API: CLEAR-ADDRESS) */
#include "base/buf.h"
#include "worker/job.h"
#include "reputation/quota.h"
#include "worker/worker.h"

#define BATCH 16

int job_take_retraction(const struct session *session,
			bool (*busy)(void *user, const struct addr *key), void *user,
			struct job **ret, struct err *e)
{
	struct retraction due[BATCH];
	struct quota q = { 0 };
	struct job *w;
	int n = 0, i = 0, r = 0;

	if (session->conf->abuseipdb >= 0 && session->secret)
		n = store_retractions_due(session->store, clock_now_s(&session->clock), due, BATCH);
	while (i < n && busy(user, &due[i].key))
		i++;
	if (n > 0 && i < n)
		r = store_quota_get(session->store, "clear-address", session->auth_mark, &q);
	if (n <= 0 || i == n || r || !quota_left(&q) || q.first_under_way)
		return n < 0 || r < 0
			       ? err_set(e, n < 0 ? n : r, "%s", store_err(session->store)->text)
			       : 0;
	w = job_new(session, TASK_RETRACT, &due[i].addr);
	if (!w)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	w->retraction = due[i];
	r = store_quota_take(session->store, "clear-address", 1);
	if (r) {
		job_free(w);
		return err_set(e, r, "%s", store_err(session->store)->text);
	}
	*ret = w;
	return 1;
}

int job_keep_retraction(const struct session *session, struct job *w, struct worker_stats *stats)
{
	const struct task *t = w->task;
	struct retraction *x = &w->retraction;
	int64_t now = clock_now_s(&session->clock);
	int r = quota_note(session, "clear-address", &t->quota);

	x->why[0] = '\0';
	text_put(x->why, sizeof(x->why), t->why);
	x->state = t->outcome == OUT_DONE     ? RETRACT_DONE
		   : t->outcome == OUT_PARKED ? RETRACT_REFUSED
					      : RETRACT_WAITS;
	x->deleted = t->outcome == OUT_DONE ? t->count : 0;
	x->next_at = now;
	if (x->state == RETRACT_WAITS && !t->quota.stopped_until && !t->quota.auth_failed)
		x->next_at = now + job_delay_s(x->tries);
	if (x->state != RETRACT_DONE)
		stats->failed++;
	if (!r)
		r = store_retraction_end(session->store, x);
	return r < 0 ? r : 0; /* 1: forgotten, or asked for again, meanwhile */
}
