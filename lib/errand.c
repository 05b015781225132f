/* SPDX-License-Identifier: MIT */
#include "errand.h"
#include "buf.h"
#include "comment.h"
#include "own.h"
#include "worker.h"
#include <stdlib.h>
#include <string.h>

#define REPORT_AGE_MAX_S (60 * 86400LL)    /* abuseipdb.com/reporting-policy: 60 days */
#define FROZEN_AGE_MAX_S 86400             /* same comment and categories within 24 h are merged */
#define COMMENT_MAX 1024

/* Tried again at growing, jittered intervals: an hour for look-ups, then hourly for reports. */
static int64_t retry_delay_s(int tries)
{
	static const int steps[] = { 15, 60, 180, 600, 1200, 1800, 3600 };
	size_t n = sizeof(steps) / sizeof(steps[0]);
	int64_t s = steps[(size_t)tries < n ? (size_t)tries : n - 1];

	return s + random() % (s / 4 + 1);
}
#define LOOKUP_TRIES_MAX 7                 /* after 15 s, 1, 3, 10, 20, 30 min: for an hour */

/* ---- look-ups ---- */

int errand_of_lookup(const struct env *env, const struct lookup_job *j, struct errand **ret,
		     struct err *e)
{
	struct errand *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	w->job = *j;
	r = lookup_new(env, &j->addr, j->origin, 0, &w->lookup, e);
	if (r) {
		free(w);
		return r;
	}
	w->task = &w->lookup->task;
	w->task->owner = w;
	*ret = w;
	return 0;
}

static void sources_of(const struct env *env, const struct finding *f, char *dst, size_t room)
{
	dst[0] = '\0';
	for (size_t i = 0; i < env->conf->nsources; i++) {
		if (f[i].status != FINDING_OK || f[i].points <= 0)
			continue;
		if (strlen(dst) + strlen(env->conf->sources[i].name) + 2 > room)
			return;
		if (*dst)
			text_put(dst, room, ",");
		text_put(dst, room, env->conf->sources[i].name);
	}
}

/* If a prefix holds an address that is to be left alone, the block is for the single address. */
static struct addr block_key(const struct env *env, const struct addr *a)
{
	struct addr key = addr_key(a, env->conf->ipv6_prefix);
	struct prefix p = { key, env->conf->ipv6_prefix };

	if (addr_is_v4(a) || p.bits == 128)
		return key;
	for (size_t i = 0; i < env->conf->nallow; i++)
		if (prefix_has(&p, &env->conf->allow[i].addr))
			return *a;
	return own_in(&p) ? *a : key;
}

/* A new block, or one whose tier rises; else nothing. 1: put, 0: not. */
static int put_block(const struct env *env, const struct errand *w)
{
	const struct lookup *l = w->lookup;
	const struct conf_tier *tier = &env->conf->tiers[l->verdict.tier];
	int64_t now = clock_now_s(&env->clock);
	struct block b = { .key = block_key(env, &w->job.addr), .score = l->verdict.low,
			   .since = now, .until = now + tier->bantime_s, .due = true };
	struct block old;
	int r = store_block_get(env->store, &b.key, &old);

	if (r < 0 || (r > 0 && conf_tier_row(env->conf, old.tier) >= l->verdict.tier))
		return r < 0 ? r : 0;
	if (r > 0) {                       /* rising: what was said of it before still holds */
		b.first_at = old.first_at;
		b.announced_at = old.announced_at;
		if (old.until > b.until)
			b.until = old.until;
	}
	text_put(b.tier, sizeof(b.tier), tier->name);
	text_put(b.jail, sizeof(b.jail), w->job.jail);
	sources_of(env, l->findings, b.src, sizeof(b.src));
	r = store_block_put(env->store, &b);
	return r ? r : 1;
}

/* Worth another try: nobody can tell yet, or AbuseIPDB's silence keeps the tier low. */
static bool undecided(const struct env *env, const struct lookup *l)
{
	int paid = env->conf->abuseipdb;

	if (l->verdict.kind == V_UNKNOWN)
		return true;
	return paid >= 0 && l->origin == SURE &&
	       (l->findings[paid].status == FINDING_TIMEOUT || l->findings[paid].status == FINDING_ERROR);
}

/* One stale phone behind a listed address locks nobody out: who logs in gets only the highest tier. */
static bool spared(const struct env *env, const struct lookup *l)
{
	return l->good_at && (size_t)l->verdict.tier + 1 < env->conf->ntiers;
}

static int keep_lookup(const struct env *env, struct errand *w, struct worker_stats *stats)
{
	const struct lookup *l = w->lookup;
	int64_t retry_at = 0;
	int r = store_lookup_alive(env->store, &w->job);

	if (r <= 0)                        /* forgotten meanwhile: forgetting wins */
		return r;
	r = store_findings_put(env->store, env->conf, &l->key, l->findings);
	if (!r && l->verdict.kind == V_CONFIRMED && !spared(env, l)) {
		r = put_block(env, w);
		stats->blocks += r > 0;
	}
	if (r < 0)
		return r;
	if (undecided(env, l) && w->job.tries + 1 < LOOKUP_TRIES_MAX)
		retry_at = clock_now_s(&env->clock) + retry_delay_s(w->job.tries);
	return store_lookup_end(env->store, &w->job, retry_at);
}

/* ---- reports ---- */

static char *body_of(const struct env *env, const struct report_job *r)
{
	struct comment_facts facts = { .jail = r->jail, .failures = r->failures,
				       .window_s = env->conf->report_interval_s };
	char comment[COMMENT_MAX + 1];

	comment_format(*r->comment ? r->comment : env->conf->comment, &facts, comment, sizeof(comment));
	return abuseipdb_report_body(&r->addr, *r->categories ? r->categories : env->conf->categories,
				     comment, r->seen_at);
}

/* Nothing to send any more: too old, by policy or by what a frozen body still means. */
static const char *too_old(const struct report_job *r, int64_t now, enum report_state *ret_state)
{
	*ret_state = r->sent_at ? REPORT_UNKNOWN : REPORT_PARKED;
	if (r->sent_at && now - r->sent_at > FROZEN_AGE_MAX_S)
		return "outcome unknown: sent, never answered, over a day ago";
	if (now - r->seen_at > REPORT_AGE_MAX_S)
		return "dropped: the event is over 60 days old";
	return NULL;
}

/* Put off without a try: until when, or 0 if the call may go. */
static int64_t put_off_until(const struct env *env, int *ret_r)
{
	int64_t now = clock_now_s(&env->clock);
	struct quota q;

	*ret_r = store_quota_get(env->store, "report", env->auth_mark, &q);
	if (*ret_r)
		return 0;
	if (q.auth_failed)
		return now + 300;
	if (q.stopped_until)
		return q.stopped_until;
	return q.remaining <= 0 ? (now / 86400 + 1) * 86400 : 0;
}

static int write_ahead(const struct env *env, struct report_job *r)
{
	int64_t now = clock_now_s(&env->clock), later;
	enum report_state over;
	const char *old = too_old(r, now, &over);
	int rc;

	if (old) {
		rc = store_report_end(env->store, r->id, over, 0, old);
		return rc < 0 ? rc : 1;
	}
	later = put_off_until(env, &rc);
	if (later) {
		rc = store_report_end(env->store, r->id, r->sent_at ? REPORT_SENDING : REPORT_QUEUED,
				      later, "the day's quota is used up, or the key refused");
		return rc < 0 ? rc : 1;
	}
	if (!rc && !r->body && !(r->body = body_of(env, r)))
		return IPREP_E_NOMEM;
	if (!rc)
		rc = store_report_sending(env->store, r->id, now, r->body);
	if (!rc)
		rc = store_quota_take(env->store, "report");
	return rc;
}

int errand_of_report(const struct env *env, struct report_job *r, struct errand **ret,
		     struct err *e)
{
	struct errand *w = calloc(1, sizeof(*w));
	int rc;

	if (w)
		w->findings = calloc(env->conf->nsources + 1, sizeof(*w->findings));
	if (!w || !w->findings) {
		errand_free(w);
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	}
	rc = store_begin(env->store, STORE_DURABLE);
	if (!rc)
		rc = store_end(env->store, write_ahead(env, r));
	w->report = *r;
	r->body = NULL;
	if (rc) {
		errand_free(w);
		return rc < 0 ? err_set(e, rc, "%s", store_err(env->store)->text) : 1;
	}
	w->task = &w->report_task;
	*w->task = (struct task){ .kind = TASK_REPORT, .addr = w->report.addr, .id = w->report.id,
				  .owner = w, .body = w->report.body, .findings = w->findings,
				  .ask = SOURCE_BIT(env->conf->abuseipdb) };
	*ret = w;
	return 0;
}

static int end_report(const struct env *env, struct errand *w, struct worker_stats *stats)
{
	const struct task *t = w->task;
	int64_t now = clock_now_s(&env->clock), again = now + retry_delay_s(w->report.tries);

	if (t->quota.stopped_until > again)
		again = t->quota.stopped_until;
	if (now + t->retry_after_s > again)
		again = now + t->retry_after_s;
	switch (t->outcome) {
	case OUT_DONE:
	case OUT_DUPLICATE:
		stats->reports++;
		return store_report_end(env->store, t->id, REPORT_DONE, 0, t->why);
	case OUT_PARKED:
		stats->failed++;
		return store_report_end(env->store, t->id, REPORT_PARKED, 0, t->why);
	case OUT_NONE:
	case OUT_LATER:
		break;
	}
	stats->failed++;
	/* refused for certain (quota, key): nothing was taken, later events may still be added */
	return store_report_end(env->store, t->id, t->quota.stopped_until || t->quota.auth_failed
				? REPORT_QUEUED : REPORT_SENDING, again, t->why);
}

/* The score came with the answer: it is a finding, and the address is worth a look-up. */
static int follow_score(const struct env *env, const struct errand *w)
{
	int64_t now = clock_now_s(&env->clock);
	struct lookup_job j = { .key = w->report.key, .addr = w->report.addr, .origin = SURE,
				.since = now, .next_at = now };
	int r;

	if (w->findings[env->conf->abuseipdb].status != FINDING_OK)
		return 0;
	text_put(j.jail, sizeof(j.jail), w->report.jail);
	r = store_findings_put(env->store, env->conf, &j.key, w->findings);
	return r ? r : store_lookup_put(env->store, &j);
}

static int keep_report(const struct env *env, struct errand *w, struct worker_stats *stats)
{
	int r = store_quota_seen(env->store, "report", env->auth_mark, &w->task->quota);

	if (!r)
		r = end_report(env, w, stats);
	if (r)                             /* 1: retracted meanwhile, its answer is not ours any more */
		return r < 0 ? r : 0;
	return follow_score(env, w);
}

source_set errand_settled(const struct env *env, struct errand *w, struct worker_stats *stats)
{
	bool is_report = w->task->kind == TASK_REPORT;
	source_set more = is_report ? 0 : lookup_settled(env, w->lookup);
	int r;

	if (more)
		return more;
	r = store_begin(env->store, is_report || w->lookup->verdict.kind == V_CONFIRMED
			? STORE_DURABLE : STORE_FAST);
	if (!r)
		r = store_end(env->store, is_report ? keep_report(env, w, stats)
						    : keep_lookup(env, w, stats));
	if (r < 0) {
		log_line(env->log, LOG_ERR, "an outcome could not be kept, it will be tried again: %s",
			 store_err(env->store)->text);
		stats->failed++;
	}
	stats->lookups += !is_report;
	return 0;
}

struct errand *errand_free(struct errand *w)
{
	if (!w)
		return NULL;
	lookup_free(w->lookup);
	free(w->report.body);
	free(w->findings);
	free(w);
	return NULL;
}
