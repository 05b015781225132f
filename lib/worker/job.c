/* SPDX-License-Identifier: MIT */
#include "worker/job.h"
#include "base/buf.h"
#include "base/local_addr.h"
#include "worker/worker.h"
#include <stdlib.h>
#include <string.h>

int64_t job_delay_s(int tries)
{
	static const int steps[] = { 15, 60, 180, 600, 1200, 1800, 3600 };
	size_t n = sizeof(steps) / sizeof(steps[0]);
	int64_t s = steps[(size_t)tries < n ? (size_t)tries : n - 1];

	return s + random() % (s / 4 + 1);
}
#define LOOKUP_TRIES_MAX 7 /* after 15 s, 1, 3, 10, 20, 30 min: for an hour */

#define WEEK_S		 ((int64_t)7 * 86400)

/* ---- lookups ---- */

int job_of_lookup(const struct session *session, const struct lookup_job *j, struct job **ret,
		  struct err *e)
{
	struct job *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	w->job = *j;
	r = lookup_new(session, &j->addr, j->origin, 0, &w->lookup, e);
	if (r) {
		free(w);
		return r;
	}
	w->key = w->lookup->key;
	w->task = &w->lookup->task;
	w->task->owner = w;
	*ret = w;
	return 0;
}

static void sources_of(const struct session *session, const struct finding *f, char *dst,
		       size_t room)
{
	dst[0] = '\0';
	for (size_t i = 0; i < session->conf->nsources; i++) {
		if (f[i].status != FINDING_OK || f[i].points <= 0)
			continue;
		if (strlen(dst) + strlen(session->conf->sources[i].name) + 2 > room)
			return;
		if (*dst)
			text_put(dst, room, ",");
		text_put(dst, room, session->conf->sources[i].name);
	}
}

/* If a prefix holds an address that is to be left alone, the block is for the single address. */
static struct addr block_key(const struct session *session, const struct addr *a)
{
	struct addr key = addr_key(a, session->conf->ipv6_prefix);
	struct prefix p = { key, session->conf->ipv6_prefix };

	if (addr_is_v4(a) || p.bits == 128)
		return key;
	for (size_t i = 0; i < session->conf->nallow; i++)
		if (prefix_has(&p, &session->conf->allow[i].addr))
			return *a;
	return local_addr_in(&p) ? *a : key;
}

/*
 * A block that was over long ago, and that no purge took, may stand under another clock than this
 * one, which may be wrong: a lesser one does not take its place.
 */
static int stands_elsewhere(const struct session *session, const struct addr *key, int tier)
{
	struct block over;
	int r = store_block_get_over(session->store, key, &over);

	return r > 0 ? conf_tier_row(session->conf, over.tier) > tier : r;
}

/* A new block, or one whose tier rises; else nothing. 1: put, 0: not. */
static int put_block(const struct session *session, const struct job *w)
{
	const struct lookup *l = w->lookup;
	const struct conf_tier *tier = &session->conf->tiers[l->verdict.tier];
	int64_t now = clock_now_s(&session->clock);
	struct block b = { .key = block_key(session, &w->job.addr),
			   .score = l->verdict.low,
			   .since = now,
			   .until = now + tier->bantime_s,
			   .due = true };
	struct block old;
	int r = store_block_get(session->store, &b.key, &old);

	if (r < 0 || (r > 0 && conf_tier_row(session->conf, old.tier) >= l->verdict.tier))
		return r < 0 ? r : 0;
	if (r > 0) { /* rising: what was said of it before still holds */
		b.first_at = old.first_at;
		b.announced_at = old.announced_at;
		if (old.since >
		    now + WEEK_S) { /* of another clock: it stays on that until a purge knows */
			b.since = old.since;
			b.until = old.since + tier->bantime_s;
		}
		if (old.until > b.until)
			b.until = old.until;
	} else {
		r = stands_elsewhere(session, &b.key, l->verdict.tier);
		if (r)
			return r < 0 ? r : 0;
	}
	text_put(b.tier, sizeof(b.tier), tier->name);
	text_put(b.jail, sizeof(b.jail), w->job.jail);
	sources_of(session, l->findings, b.src, sizeof(b.src));
	r = store_block_put(session->store, &b);
	if (!r && memcmp(b.key.b, w->job.addr.b, 16))
		r = store_block_addr(session->store, &b.key, &w->job.addr);
	if (!r)
		r = store_release_over(session->store, &b.key);
	return r ? r : 1;
}

static bool is_silent(const struct finding *f)
{
	return f->status == FINDING_TIMEOUT || f->status == FINDING_ERROR ||
	       f->status == FINDING_DENIED;
}

/* Worth another try: nobody can tell yet, or AbuseIPDB's silence keeps the tier low. */
static bool undecided(const struct session *session, const struct lookup *l)
{
	int paid = session->conf->abuseipdb;

	if (l->verdict.kind == V_UNKNOWN)
		return true;
	return paid >= 0 && l->origin == SURE && l->verdict.kind == V_CONFIRMED &&
	       session->conf->check != CHECK_NEVER &&
	       (is_silent(&l->findings[paid]) || l->findings[paid].partial);
}

/* A sure address that lacks nothing but a check that is stopped. */
static bool waits_for_check(const struct session *session, const struct lookup *l)
{
	for (size_t i = 0; i < session->conf->nsources; i++)
		if ((int)i != session->conf->abuseipdb && is_silent(&l->findings[i]))
			return false;
	return l->origin == SURE && l->ask_again_at > clock_now_s(&session->clock);
}

/* When to try again; 0: that was the last time. Waiting for a quota is no try. */
static int64_t try_again_at(const struct session *session, struct job *w)
{
	int64_t delay_s = job_delay_s(w->job.tries);

	if (!undecided(session, w->lookup))
		return 0;
	if (waits_for_check(session, w->lookup))
		return w->lookup->ask_again_at + random() % 300;
	return ++w->job.tries < LOOKUP_TRIES_MAX ? clock_now_s(&session->clock) + delay_s : 0;
}

/* One stale phone behind a listed address locks nobody out: who logs in gets only the highest tier.
 */
static bool spared(const struct session *session, const struct lookup *l)
{
	return l->login_at && (size_t)l->verdict.tier + 1 < session->conf->ntiers;
}

static int keep_lookup(const struct session *session, struct job *w, struct worker_stats *stats)
{
	struct lookup *l = w->lookup;
	int r = store_lookup_alive(session->store, &w->job);

	if (r <= 0) /* forgotten meanwhile: forgetting wins */
		return r;
	r = store_findings_put(session->store, session->conf, &l->key, l->findings);
	if (!r)
		r = lookup_note_login(session, l);
	if (!r && l->verdict.kind == V_CONFIRMED && !spared(session, l)) {
		r = put_block(session, w);
		stats->blocks += r > 0;
	}
	if (r < 0)
		return r;
	return store_lookup_end(session->store, &w->job, try_again_at(session, w));
}

/* ---- all of them ---- */

struct job *job_new(const struct session *session, enum task_kind kind, const struct addr *addr)
{
	struct job *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->findings = calloc(session->conf->nsources + 1, sizeof(*w->findings));
	if (!w->findings)
		return job_free(w);
	w->task = &w->own;
	w->key = addr_key(addr, session->conf->ipv6_prefix);
	w->own = (struct task){ .kind = kind,
				.addr = *addr,
				.owner = w,
				.findings = w->findings,
				.ask = SOURCE_BIT(session->conf->abuseipdb) };
	return w;
}

static int keep(const struct session *session, struct job *w, struct worker_stats *stats)
{
	bool is_lookup = w->task->kind == TASK_LOOKUP;
	int r;

	if (w->task->kind == TASK_BULK) /* thousands of rows: several transactions */
		return job_keep_bulk(session, w, stats);
	/* an answer that is lost with the machine comes again: the report is sent once more, and
	 * merged */
	r = store_begin(session->store, is_lookup && w->lookup->verdict.kind == V_CONFIRMED
						? STORE_DURABLE
						: STORE_FAST);
	if (r)
		return r;
	return store_end(session->store, is_lookup ? keep_lookup(session, w, stats)
					 : w->task->kind == TASK_REPORT
						 ? job_keep_report(session, w, stats)
						 : job_keep_retraction(session, w, stats));
}

source_set job_settled(const struct session *session, struct job *w, struct worker_stats *stats,
		       struct err *e)
{
	source_set more = w->lookup ? lookup_settled(session, w->lookup) : 0;
	int r;

	if (more)
		return more;
	r = keep(session, w, stats);
	if (r < 0) {
		err_set(e, r, "an outcome could not be kept, the next worker tries again: %s",
			store_err(session->store)->text);
		stats->failed++;
	}
	stats->lookups += w->lookup != NULL;
	return 0;
}

struct job *job_free(struct job *w)
{
	if (!w)
		return NULL;
	lookup_free(w->lookup);
	report_job_done(&w->report);
	free(w->own.refused);
	free(w->rows);
	free(w->body);
	free(w->findings);
	free(w);
	return NULL;
}
