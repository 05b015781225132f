/* SPDX-License-Identifier: MIT */
#include "worker/job.h"
#include "base/buf.h"
#include "reputation/guard.h"
#include "worker/worker.h"
#include <stdlib.h>
#include <string.h>

int64_t job_delay_s(int tries)
{
	static const int steps[] = { 15, 60, 180, 600, 1200, 1800, 3600 };
	size_t count = sizeof(steps) / sizeof(steps[0]);
	int64_t seconds = steps[(size_t)tries < count ? (size_t)tries : count - 1];

	return seconds + random() % (seconds / 4 + 1);
}
#define LOOKUP_TRIES_MAX 7 /* after 15 s, 1, 3, 10, 20, 30 min: for an hour */

#define WEEK_S		 ((int64_t)7 * 86400)

/* ---- lookups ---- */

int job_of_lookup(const struct session *session, const struct lookup_job *j, struct job **ret,
		  struct err *error)
{
	struct job *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	w->job = *j;
	rc = lookup_new(session, &j->addr, j->origin, 0, &w->lookup, error);
	if (rc) {
		free(w);
		return rc;
	}
	w->key = w->lookup->key;
	w->task = &w->lookup->task;
	w->task->owner = w;
	*ret = w;
	return 0;
}

static void sources_of(const struct session *session, const struct finding *finding, char *dst,
		       size_t room)
{
	dst[0] = '\0';
	for (size_t i = 0; i < session->conf->nsources; i++) {
		if (finding[i].status != FINDING_OK || finding[i].points <= 0)
			continue;
		if (strlen(dst) + strlen(session->conf->sources[i].name) + 2 > room)
			return;
		if (*dst)
			text_put(dst, room, ",");
		text_put(dst, room, session->conf->sources[i].name);
	}
}

/* If a prefix holds an address that is to be left alone, the block is for the single address. */
static struct addr block_key(const struct session *session, const struct addr *addr)
{
	struct addr key = addr_key(addr, session->conf->ipv6_prefix);
	struct prefix prefix = { key, session->conf->ipv6_prefix };

	if (addr_is_v4(addr) || prefix.bits == 128)
		return key;
	return guard_check_inside(session, &prefix) ? *addr : key;
}

/*
 * A block that was over long ago, and that no purge took, may stand under another clock than this
 * one, which may be wrong: a lesser one does not take its place.
 */
static int stands_elsewhere(const struct session *session, const struct addr *key, int tier)
{
	struct block over;
	int rc = store_block_get_over(session->store, key, &over);

	return rc > 0 ? conf_tier_row(session->conf, over.tier) > tier : rc;
}

/* A new block, or one whose tier rises; else nothing. 1: put, 0: not. */
static int put_block(const struct session *session, const struct job *job)
{
	const struct lookup *lookup = job->lookup;
	const struct conf_tier *tier = &session->conf->tiers[lookup->verdict.tier];
	int64_t now = clock_now_s(&session->clock);
	struct block block = { .key = block_key(session, &job->job.addr),
			       .score = lookup->verdict.low,
			       .since = now,
			       .until = now + tier->bantime_s,
			       .due = true };
	struct block old;
	int rc = store_block_get(session->store, &block.key, &old);

	if (rc < 0 || (rc > 0 && conf_tier_row(session->conf, old.tier) >= lookup->verdict.tier))
		return rc < 0 ? rc : 0;
	if (rc > 0) { /* rising: what was said of it before still holds */
		block.first_at = old.first_at;
		block.announced_at = old.announced_at;
		if (old.since >
		    now + WEEK_S) { /* of another clock: it stays on that until a purge knows */
			block.since = old.since;
			block.until = old.since + tier->bantime_s;
		}
		if (old.until > block.until)
			block.until = old.until;
	} else {
		rc = stands_elsewhere(session, &block.key, lookup->verdict.tier);
		if (rc)
			return rc < 0 ? rc : 0;
	}
	text_put(block.tier, sizeof(block.tier), tier->name);
	text_put(block.jail, sizeof(block.jail), job->job.jail);
	sources_of(session, lookup->findings, block.src, sizeof(block.src));
	rc = store_block_put(session->store, &block);
	if (!rc && !addr_equal(&block.key, &job->job.addr))
		rc = store_block_addr(session->store, &block.key, &job->job.addr);
	if (!rc)
		rc = store_release_over(session->store, &block.key);
	return rc ? rc : 1;
}

static bool is_silent(const struct finding *finding)
{
	return finding->status == FINDING_TIMEOUT || finding->status == FINDING_ERROR ||
	       finding->status == FINDING_DENIED;
}

/* Worth another try: nobody can tell yet, or AbuseIPDB's silence keeps the tier low. */
static bool undecided(const struct session *session, const struct lookup *lookup)
{
	int paid = session->conf->abuseipdb;

	if (lookup->verdict.kind == V_UNKNOWN)
		return true;
	return paid >= 0 && lookup->origin == SURE && lookup->verdict.kind == V_CONFIRMED &&
	       session->conf->check != CHECK_NEVER &&
	       (is_silent(&lookup->findings[paid]) || lookup->findings[paid].partial);
}

/* A sure address that lacks nothing but a check that is stopped. */
static bool waits_for_check(const struct session *session, const struct lookup *lookup)
{
	for (size_t i = 0; i < session->conf->nsources; i++)
		if ((int)i != session->conf->abuseipdb && is_silent(&lookup->findings[i]))
			return false;
	return lookup->origin == SURE && lookup->ask_again_at > clock_now_s(&session->clock);
}

/* When to try again; 0: that was the last time. Waiting for a quota is no try. */
static int64_t try_again_at(const struct session *session, struct job *job)
{
	int64_t delay_s = job_delay_s(job->job.tries);

	if (!undecided(session, job->lookup))
		return 0;
	if (waits_for_check(session, job->lookup))
		return job->lookup->ask_again_at + random() % 300;
	return ++job->job.tries < LOOKUP_TRIES_MAX ? clock_now_s(&session->clock) + delay_s : 0;
}

/* One stale phone behind a listed address locks nobody out: who logs in gets only the highest tier.
 */
static bool spared(const struct session *session, const struct lookup *lookup)
{
	return lookup->login_at && (size_t)lookup->verdict.tier + 1 < session->conf->ntiers;
}

static int keep_lookup(const struct session *session, struct job *job, struct worker_stats *stats)
{
	struct lookup *lookup = job->lookup;
	int rc = store_lookup_alive(session->store, &job->job);

	if (rc <= 0) /* forgotten meanwhile: forgetting wins */
		return rc;
	rc = store_findings_put(session->store, session->conf, &lookup->key, lookup->findings);
	if (!rc)
		rc = lookup_note_login(session, lookup);
	if (!rc && lookup->verdict.kind == V_CONFIRMED && !spared(session, lookup)) {
		rc = put_block(session, job);
		stats->blocks += rc > 0;
	}
	if (rc < 0)
		return rc;
	return store_lookup_end(session->store, &job->job, try_again_at(session, job));
}

/* ---- all of them ---- */

struct job *job_new(const struct session *session, enum task_kind kind, const struct addr *addr)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->findings = calloc(session->conf->nsources + 1, sizeof(*job->findings));
	if (!job->findings)
		return job_free(job);
	job->task = &job->own;
	job->key = addr_key(addr, session->conf->ipv6_prefix);
	job->own = (struct task){ .kind = kind,
				  .addr = *addr,
				  .owner = job,
				  .findings = job->findings,
				  .ask = SOURCE_BIT(session->conf->abuseipdb) };
	return job;
}

static int keep(const struct session *session, struct job *job, struct worker_stats *stats)
{
	bool is_lookup = job->task->kind == TASK_LOOKUP;
	int rc;

	if (job->task->kind == TASK_BULK) /* thousands of rows: several transactions */
		return job_keep_bulk(session, job, stats);
	/* an answer that is lost with the machine comes again: the report is sent once more, and
	 * merged */
	rc = store_begin(session->store, is_lookup && job->lookup->verdict.kind == V_CONFIRMED
						 ? STORE_DURABLE
						 : STORE_FAST);
	if (rc)
		return rc;
	return store_end(session->store, is_lookup ? keep_lookup(session, job, stats)
					 : job->task->kind == TASK_REPORT
						 ? job_keep_report(session, job, stats)
						 : job_keep_retraction(session, job, stats));
}

source_set job_settled(const struct session *session, struct job *job, struct worker_stats *stats,
		       int *ret_rc)
{
	source_set more = job->lookup ? lookup_settled(session, job->lookup) : 0;
	int rc;

	*ret_rc = 0;
	if (more)
		return more;
	rc = keep(session, job, stats);
	if (rc < 0) {
		err_prefix(session->err,
			   "an outcome could not be kept, the next worker tries again");
		stats->failed++;
	}
	*ret_rc = rc < 0 ? rc : 0;
	stats->lookups += job->lookup != NULL;
	return 0;
}

struct job *job_free(struct job *job)
{
	if (!job)
		return NULL;
	lookup_free(job->lookup);
	report_job_done(&job->report);
	free(job->own.refused);
	free(job->rows);
	free(job->body);
	free(job->findings);
	free(job);
	return NULL;
}
