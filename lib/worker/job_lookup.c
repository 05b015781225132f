/* SPDX-License-Identifier: MIT */
/* job_lookup.c - a lookup that waits: asked, and if it is confirmed a block is made */
#include "base/buf.h"
#include "base/random.h"
#include "reputation/fleet.h"
#include "reputation/gate.h"
#include "reputation/guard.h"
#include "reputation/lookup.h"
#include "reputation/lookup_counts.h"
#include "reputation/publish.h"
#include "worker/report_queue.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUP_TRIES_MAX 7 /* after 15 s, 1, 3, 10, 20, 30 min: for an hour */
#define WEEK_S		 ((int64_t)7 * 86400)

struct lookup_work {
	struct job job;
	struct lookup_job waiting; /* as the store has it */
	struct lookup *lookup;
};

static struct lookup_work *lookup_work_of(struct job *job)
{
	return JOB_OF(job, struct lookup_work, job);
}

static void lookup_work_free(struct job *job)
{
	struct lookup_work *work = lookup_work_of(job);

	lookup_free(work->lookup);
	free(work);
}

/* ---- which may go ---- */

static int lookup_work_new(const struct session *session, const struct lookup_job *waiting,
			   struct job **ret)
{
	struct lookup_work *work = calloc(1, sizeof(*work));
	int rc;

	if (!work)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	work->waiting = *waiting;
	rc = lookup_new(session, &waiting->addr, waiting->origin, 0, &work->lookup);
	if (rc) {
		free(work);
		return rc;
	}
	work->job = (struct job){ .kind = &job_lookup, .task = &work->lookup->task };
	work->job.task->owner = &work->job;
	*ret = &work->job;
	return 0;
}

/* 1: a report of the address goes first, whose answer may be all that is needed. */
static int waits_for_report(struct job_queue *queue, const struct addr *addr)
{
	int rc = report_plan(queue);

	if (rc || !queue->plan.some_go)
		return rc;
	return store_report_pending(queue->session->store, addr,
				    clock_now_s(&queue->session->clock));
}

static int lookup_take(struct job_queue *queue, struct job **ret, size_t max)
{
	const struct session *session = queue->session;
	struct lookup_job due[JOBS_MAX * 2]; /* more than can be in flight */
	int count = store_lookups_due(session->store, clock_now_s(&session->clock), due,
				      JOBS_MAX * 2);

	for (int i = 0; i < count; i++) {
		int rc;

		if (engine_has_key(queue->engine, &due[i].key))
			continue;
		rc = waits_for_report(queue, &due[i].addr);
		if (rc < 0)
			return rc;
		if (rc)
			continue;
		if (!max)
			return 1;
		rc = lookup_work_new(session, &due[i], ret);
		if (rc)
			return rc;
		return 1;
	}
	if (count < 0)
		return count;
	return 0;
}

/* ---- the block ---- */

/* The names of the sources that gave points. */
static void list_accusers(const struct session *session, const struct finding *finding, char *dst,
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
	if (guard_check_inside(session, &prefix))
		return *addr;
	return key;
}

/*
 * A block that ended long ago, and that no purge removed, may still hold by another clock than this
 * one, which may be wrong: a lesser one does not take its place. 1: there is such a block.
 */
static int holds_by_other_clock(const struct session *session, const struct addr *key, int tier)
{
	struct block over;
	int rc = store_block_get_over(session->store, key, &over);

	if (rc > 0)
		return conf_tier_row(session->conf, over.tier) > tier;
	return rc;
}

/* The tier rises: what was announced before still holds. */
static void raise_block(struct block *block, const struct block *old, int64_t bantime_s)
{
	block->first_at = old->first_at;
	block->announced_at = old->announced_at;
	if (old->since > block->since + WEEK_S) { /* of another clock, until a purge knows */
		block->since = old->since;
		block->until = old->since + bantime_s;
	}
	if (old->until > block->until)
		block->until = old->until;
}

static void put_number(char *dst, size_t room, int64_t number, const char *noun)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%lld %s%s", *dst ? ", " : "", (long long)number, noun,
		 number == 1 ? "" : "s");
	text_put(dst, room, text);
}

/* "1 failed login": not the name of the jail, which promises three user names. */
static int describe_ambiguous(const struct session *session, const struct addr *key,
			      char dst[SEEN_MAX])
{
	struct ambiguous_counts counts = { 0 };
	int rc = store_ambiguous_get(session->store, key, session->conf->gate_window_s, &counts);

	if (counts.logins > 0)
		put_number(dst, SEEN_MAX, counts.logins, "failed login");
	if (counts.others > 0)
		put_number(dst, SEEN_MAX, counts.others, "suspicious line");
	return rc;
}

/* "banned by sshd, 5 failures" */
static int describe_ban(const struct session *session, const struct addr *key, const char *jail,
			char dst[SEEN_MAX])
{
	int64_t failures = 0;
	int rc = store_failures(session->store, key, session->conf->report_window_s, &failures);
	int names = store_sightings(session->store, key, session->conf->spray_window_s);

	text_put(dst, SEEN_MAX, "banned");
	if (*jail) {
		text_put(dst, SEEN_MAX, " by ");
		text_put(dst, SEEN_MAX, jail);
	}
	if (names > 1)
		put_number(dst, SEEN_MAX, names, "user name");
	else if (failures > 0)
		put_number(dst, SEEN_MAX, failures, "failure");
	if (rc)
		return rc;
	if (names < 0)
		return names;
	return 0;
}

static int describe_seen(const struct session *session, const struct lookup_work *work,
			 char dst[SEEN_MAX])
{
	if (work->waiting.origin == SURE)
		return describe_ban(session, &work->waiting.key, work->waiting.jail, dst);
	return describe_ambiguous(session, &work->waiting.key, dst);
}

static int keep_evidence(const struct session *session, const struct lookup_work *work,
			 const struct addr *key)
{
	return store_evidence_put(session->store, session->conf, key, work->lookup->findings);
}

static int publish_work(const struct session *session, const struct lookup_work *work,
			const struct block *block)
{
	return publish_block(session, block, &work->waiting.addr, work->lookup->findings,
			     work->waiting.origin);
}

static bool brings_no_news(const struct session *session, const struct lookup_work *work,
			   const struct block *old)
{
	return gate_is_announced(old, work->waiting.since, clock_now_s(&session->clock));
}

/*
 * Seen again, and still listed: its line is written again. Only a verdict of the block's own tier
 * prolongs it, so a suspicious line alone prolongs no higher one.
 */
static int renew_block(const struct session *session, const struct lookup_work *work,
		       const struct block *old, const struct block *block)
{
	struct block renewed = *block;
	int rc;

	if (brings_no_news(session, work, old))
		return 0;
	if (conf_tier_row(session->conf, old->tier) != work->lookup->verdict.tier)
		return store_block_mark_due(session->store, &old->key, work->waiting.jail);
	rc = store_block_renew(session->store, block);
	if (!rc)
		rc = keep_evidence(session, work, &block->key);
	if (rc)
		return rc;
	renewed.first_at = old->first_at;
	if (renewed.until < old->until)
		renewed.until = old->until;
	return publish_work(session, work, &renewed);
}

/* Seen again, and no source can tell whether it is still listed: what holds is not prolonged. */
static int announce_again(const struct session *session, const struct lookup_work *work)
{
	struct block old;
	int rc = store_block_of(session->store, &work->waiting.addr, &work->lookup->key, &old);

	if (rc <= 0)
		return rc;
	if (brings_no_news(session, work, &old))
		return 0;
	return store_block_mark_due(session->store, &old.key, work->waiting.jail);
}

/* A new block, or one whose tier rises, or that is seen again. 1: put, 0: not. */
static int put_block(const struct session *session, const struct lookup_work *work)
{
	const struct lookup *lookup = work->lookup;
	const struct addr *addr = &work->waiting.addr;
	const struct conf_tier *tier = &session->conf->tiers[lookup->verdict.tier];
	int64_t now = clock_now_s(&session->clock);
	struct block block = { .key = block_key(session, addr),
			       .score = lookup->verdict.low,
			       .since = now,
			       .until = now + tier->bantime_s,
			       .due = true };
	struct block old;
	int rc = store_block_get(session->store, &block.key, &old);

	if (rc < 0)
		return rc;
	text_put(block.tier, sizeof(block.tier), tier->name);
	text_put(block.jail, sizeof(block.jail), work->waiting.jail);
	list_accusers(session, lookup->findings, block.src, sizeof(block.src));
	if (rc > 0) {
		if (conf_tier_row(session->conf, old.tier) >= lookup->verdict.tier)
			return renew_block(session, work, &old, &block);
		raise_block(&block, &old, tier->bantime_s);
	} else {
		rc = holds_by_other_clock(session, &block.key, lookup->verdict.tier);
		if (rc < 0)
			return rc;
		if (rc > 0)
			return 0;
	}
	rc = describe_seen(session, work, block.seen);
	if (!rc)
		rc = store_block_put(session->store, &block);
	if (!rc)
		rc = keep_evidence(session, work, &block.key);
	if (!rc && !addr_equal(&block.key, addr))
		rc = store_block_addr(session->store, &block.key, addr);
	if (!rc)
		rc = store_release_over(session->store, &block.key);
	if (!rc)
		rc = publish_work(session, work, &block);
	if (rc)
		return rc;
	return 1;
}

/* ---- what came of it ---- */

static bool is_silent(const struct finding *finding)
{
	return finding->status == FINDING_TIMEOUT || finding->status == FINDING_ERROR ||
	       finding->status == FINDING_DENIED;
}

/* An allowlist that has not answered could have the address: it gets the lowest tier at most. */
static bool lacks_allowlist(const struct session *session, const struct lookup *lookup)
{
	for (size_t i = 0; i < session->conf->nsources; i++)
		if (session->conf->sources[i].type == SOURCE_DNSBL &&
		    session->conf->sources[i].least < 0 && is_silent(&lookup->findings[i]))
			return true;
	return false;
}

/* Worth another try: it cannot be told yet, or a source's silence keeps the tier low. */
static bool is_undecided(const struct session *session, const struct lookup *lookup)
{
	int paid = session->conf->abuseipdb;

	if (lookup->verdict.kind == V_UNKNOWN)
		return true;
	if (lookup->origin != SURE || lookup->verdict.kind != V_CONFIRMED)
		return false;
	if (lacks_allowlist(session, lookup))
		return true;
	return paid >= 0 && session->conf->check != CHECK_NEVER &&
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
static int64_t try_again_at(const struct session *session, struct lookup_work *work)
{
	int64_t delay_s = job_delay_s(work->waiting.tries);

	if (!is_undecided(session, work->lookup))
		return 0;
	if (waits_for_check(session, work->lookup))
		return work->lookup->ask_again_at + random_below(300);
	if (++work->waiting.tries >= LOOKUP_TRIES_MAX)
		return 0;
	return clock_now_s(&session->clock) + delay_s;
}

/*
 * One stale phone behind a listed address must not lock anybody out: after a recent login only the
 * highest tier makes a block.
 */
static bool is_spared(const struct session *session, const struct lookup *lookup)
{
	return lookup->login_at && (size_t)lookup->verdict.tier + 1 < session->conf->ntiers;
}

static int count_ended(const struct session *session, const struct lookup *lookup)
{
	int rc = lookup_counts_end(session, lookup);

	if (!rc && lookup->verdict.kind == V_CONFIRMED && is_spared(session, lookup))
		rc = store_count(session->store, "spared", "login", 1);
	return rc;
}

static int keep_lookup(const struct session *session, struct lookup_work *work,
		       struct worker_stats *stats)
{
	struct lookup *lookup = work->lookup;
	int rc = store_lookup_alive(session->store, &work->waiting);

	if (rc <= 0) /* forgotten in the meantime: forgetting wins */
		return rc;
	rc = store_findings_put(session->store, session->conf, &lookup->key, lookup->findings);
	if (rc)
		return rc;
	rc = lookup_note_login(session, lookup);
	if (!rc)
		rc = fleet_lift_lookup(session, lookup);
	if (rc < 0)
		return rc;
	if (lookup->verdict.kind == V_CONFIRMED && !is_spared(session, lookup)) {
		rc = put_block(session, work);
		if (rc < 0)
			return rc;
		stats->blocks += rc > 0;
	} else if (lookup->verdict.kind == V_UNKNOWN) {
		rc = announce_again(session, work);
		if (rc)
			return rc;
	}
	rc = lookup_counts_try(session, lookup);
	if (!rc)
		rc = store_lookup_end(session->store, &work->waiting, try_again_at(session, work));
	if (rc <= 0)
		return rc;
	return count_ended(session, lookup);
}

static source_set lookup_ask(const struct session *session, struct job *job)
{
	return lookup_settled(session, lookup_work_of(job)->lookup);
}

static int lookup_keep(const struct session *session, struct job *job, struct worker_stats *stats)
{
	struct lookup_work *work = lookup_work_of(job);
	bool confirmed = work->lookup->verdict.kind == V_CONFIRMED;
	int rc = store_begin(session->store, confirmed ? STORE_DURABLE : STORE_FAST);

	stats->lookups++;
	if (rc)
		return rc;
	return store_end(session->store, keep_lookup(session, work, stats));
}

const struct job_kind job_lookup = {
	.name = "lookup",
	.take = lookup_take,
	.ask = lookup_ask,
	.keep = lookup_keep,
	.free = lookup_work_free,
};
