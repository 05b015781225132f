/* SPDX-License-Identifier: MIT */
/* job_report.c - reports one by one: which may go, written ahead in batches, and what came of each
 */
#include "base/buf.h"
#include "reputation/report_comment.h"
#include "worker/job.h"
#include "base/local_addr.h"
#include "reputation/quota.h"
#include "worker/worker.h"
#include <stdlib.h>
#include <string.h>

#define REPORT_AGE_MAX_S (60 * 86400LL) /* abuseipdb.com/reporting-policy: 60 days */
#define FROZEN_AGE_MAX_S 86400		/* same comment and categories within 24 h are merged */
#define BULK_AT_ONCE	 1000		/* so many do not wait for their share of the day */

/* ---- which may go ---- */

/* The few bulk calls of a day are spread over what is left of it; the first goes at once. */
static bool bulk_may_go(const struct session *session, int64_t waiting, const struct quota *q)
{
	int64_t now = clock_now_s(&session->clock), left = quota_left(q);
	int64_t until_reset = 86400 - now % 86400;

	if (!left || q->first_under_way)
		return false;
	return waiting >= BULK_AT_ONCE || q->last_ok_at / 86400 != now / 86400 ||
	       now - q->last_ok_at >= until_reset / left;
}

int job_plan_reports(const struct session *session, size_t nflying, bool bulk_flying,
		     struct report_plan *ret)
{
	int64_t now = clock_now_s(&session->clock), waiting, singles;
	struct quota one, bulk;
	int n;

	*ret = (struct report_plan){ 0 };
	if (session->conf->abuseipdb < 0 || !session->secret || bulk_flying)
		return 0;
	n = store_reports_waiting(session->store, now, BULK_ROWS_MAX + (int)nflying + 1);
	waiting = n - (int64_t)nflying;
	if (n < 0 || waiting <= 0)
		return n < 0 ? n : 0;
	n = store_quota_get(session->store, "report", session->auth_mark, &one);
	if (!n)
		n = store_quota_get(session->store, "bulk-report", session->auth_mark, &bulk);
	if (n)
		return n;
	singles = quota_left(&one);
	if (waiting > singles && bulk_may_go(session, waiting, &bulk)) {
		ret->bulk = !nflying; /* else as soon as they are over: a row goes one way only */
		return 0;
	}
	if (!one.known && singles) /* the first call, which tells how many are left, goes alone */
		singles = nflying || one.first_under_way ? 0 : 1;
	ret->singles = (size_t)(waiting < singles ? waiting : singles);
	return 0;
}

/* ---- written ahead ---- */

/* Nothing to send any more: by policy, or by what a frozen report still means. */
static const char *over(const struct session *session, const struct report_job *r,
			enum report_state *ret_state)
{
	int64_t now = clock_now_s(&session->clock);
	const char *guard;

	*ret_state = r->sent_at ? REPORT_UNKNOWN : REPORT_DROPPED;
	if (r->sent_at && now - r->sent_at > FROZEN_AGE_MAX_S)
		return "outcome unknown: sent, never answered, over a day ago";
	if (now - r->seen_at > REPORT_AGE_MAX_S)
		return "dropped: the event is over 60 days old";
	guard = lookup_guard(session->conf, &r->addr, session->own != NULL);
	if (!guard && session->own && local_addr_list_has(session->own, &r->addr))
		guard = "an address of this host";
	return guard;
}

/* What the store knows of the address within the window, at least what this report itself counted.
 */
static int sum_up(const struct session *session, const struct report_job *r,
		  struct report_comment_facts *f)
{
	int64_t failures = 0;
	int users, rc;

	rc = store_failures(session->store, &r->key, session->conf->report_window_s, &failures);
	users = rc ? rc : store_sightings(session->store, &r->key, session->conf->report_window_s);
	if (users < 0)
		return users;
	if (failures < r->failures)
		failures = r->failures;
	*f = (struct report_comment_facts){ .jail = r->jail,
					    .users = users,
					    .window_s = session->conf->report_window_s,
					    .failures = failures > INT32_MAX ? INT32_MAX
									     : (int)failures };
	return 0;
}

int job_freeze(const struct session *session, struct report_job *r)
{
	char comment[REPORT_COMMENT_MAX + 1];
	struct report_comment_facts facts;
	enum report_state state;
	const char *why = over(session, r, &state);
	int rc;

	if (why) {
		rc = store_report_end(session->store, r->id, state, 0, why);
		return rc < 0 ? rc : 1;
	}
	if (!r->frozen) {
		rc = sum_up(session, r, &facts);
		if (rc)
			return rc;
		report_comment_format(r->comment && *r->comment ? r->comment
								: session->conf->comment,
				      &facts, comment, sizeof(comment));
		if (!*comment) /* nothing is known; the service wants a description all the same */
			text_put(comment, sizeof(comment), "Banned by fail2ban");
		r->frozen = strdup(comment);
		if (!r->frozen)
			return IPREP_E_NOMEM;
		if (!*r->categories)
			text_put(r->categories, sizeof(r->categories), session->conf->categories);
	}
	return store_report_sending(session->store, r->id, clock_now_s(&session->clock),
				    r->categories, r->frozen);
}

/* The service refuses what is yet to come; an event of that kind was seen under a clock gone wrong.
 */
static int64_t time_to_tell(const struct session *session, const struct report_job *r)
{
	return r->seen_at <= clock_now_s(&session->clock) ? r->seen_at : 0;
}

static int prepare(const struct session *session, struct report_job *r, struct job **ret)
{
	struct job *w;
	int rc = job_freeze(session, r);

	if (rc)
		return rc;
	w = job_new(session, TASK_REPORT, &r->addr);
	if (!w)
		return IPREP_E_NOMEM;
	w->body = abuseipdb_report_body(&r->addr, r->categories, r->frozen,
					time_to_tell(session, r));
	if (!w->body) {
		job_free(w);
		return IPREP_E_NOMEM;
	}
	w->own.body = w->body;
	w->own.id = r->id;
	w->report = *r;
	r->comment = r->frozen = NULL;
	*ret = w;
	return 0;
}

static bool taken(struct job *const *list, size_t n, const struct addr *key)
{
	for (size_t i = 0; i < n; i++)
		if (!memcmp(list[i]->key.b, key->b, 16))
			return true;
	return false;
}

struct choice {
	size_t max;
	bool (*busy)(void *user, const struct addr *key);
	void *user;
};

/* In a transaction: returns how many were prepared, each with its call counted. */
static int prepare_some(const struct session *session, const struct choice *c,
			struct report_job *due, int ndue, struct job **ret)
{
	size_t n = 0;
	int r = 0;

	for (int i = 0; i < ndue && n < c->max && !r; i++) {
		if (c->busy(c->user, &due[i].key) || taken(ret, n, &due[i].key))
			continue;
		r = prepare(session, &due[i], &ret[n]);
		n += !r;
		r = r > 0 ? 0 : r; /* over: the next one may still go */
	}
	if (!r && n)
		r = store_quota_take(session->store, "report", (int64_t)n);
	while (r && n)
		job_free(ret[--n]);
	return r ? r : (int)n;
}

int job_take_reports(const struct session *session, size_t max, size_t nbusy,
		     bool (*busy)(void *user, const struct addr *key), void *user, struct job **ret,
		     struct err *e)
{
	const struct choice c = { .max = max, .busy = busy, .user = user };
	struct report_job *due = calloc(max + nbusy, sizeof(*due));
	int n, ndue, r;

	if (!due)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	n = ndue = store_reports_due(session->store, clock_now_s(&session->clock), due,
				     max + nbusy);
	if (n > 0) {
		r = store_begin(session->store, STORE_DURABLE);
		n = r ? r : prepare_some(session, &c, due, ndue, ret);
		r = r ? r : store_end(session->store, n);
		for (int i = 0; r < 0 && i < n; i++)
			job_free(ret[i]);
		n = r < 0 ? r : n;
	}
	for (int i = 0; i < ndue; i++)
		report_job_done(&due[i]);
	free(due);
	return n < 0 ? err_set(e, n, "%s",
			       n == IPREP_E_NOMEM ? "out of memory"
						  : store_err(session->store)->text)
		     : n;
}

/* ---- what came of it ---- */

enum report_state job_state_later(const struct task *t, bool sent_before)
{
	bool refused = t->quota.stopped_until || t->quota.auth_failed;

	return (t->not_accepted || refused) && !sent_before ? REPORT_QUEUED : REPORT_SENDING;
}

static int end_report(const struct session *session, struct job *w, struct worker_stats *stats)
{
	const struct task *t = w->task;
	int64_t now = clock_now_s(&session->clock), again = now + job_delay_s(w->report.tries);

	if (now + t->retry_after_s > again)
		again = now + t->retry_after_s;
	switch (t->outcome) {
	case OUT_DONE:
	case OUT_DUPLICATE:
		stats->reports++;
		return store_report_end(session->store, t->id, REPORT_DONE, 0, t->why);
	case OUT_PARKED:
		stats->failed++;
		return store_report_end(session->store, t->id, REPORT_PARKED, 0, t->why);
	case OUT_NONE:
	case OUT_LATER:
		break;
	}
	stats->failed++;
	/* what was refused for its quota or key goes as soon as the endpoint does */
	if (t->quota.stopped_until || t->quota.auth_failed)
		again = now;
	return store_report_end(session->store, t->id, job_state_later(t, w->report.sent_at != 0),
				again, t->why);
}

/* The score came with the answer: it is a finding, and the address is worth a lookup. */
static int follow_score(const struct session *session, const struct job *w)
{
	int64_t now = clock_now_s(&session->clock);
	struct lookup_job j = { .key = w->report.key,
				.addr = w->report.addr,
				.origin = SURE,
				.since = now,
				.next_at = now };
	int r;

	if (w->findings[session->conf->abuseipdb].status != FINDING_OK)
		return 0;
	text_put(j.jail, sizeof(j.jail), w->report.jail);
	r = store_findings_put(session->store, session->conf, &j.key, w->findings);
	return r ? r : store_lookup_put(session->store, &j);
}

int job_keep_report(const struct session *session, struct job *w, struct worker_stats *stats)
{
	int r = quota_note(session, "report", &w->task->quota);

	if (!r)
		r = end_report(session, w, stats);
	if (r) /* 1: retracted meanwhile, its answer is not ours any more */
		return r < 0 ? r : 0;
	return follow_score(session, w);
}
