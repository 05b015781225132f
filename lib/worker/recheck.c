/* SPDX-License-Identifier: MIT */
#include "worker/recheck.h"
#include "reputation/lookup.h"
#include "reputation/lookup_counts.h"
#include "reputation/publish.h"
#include "reputation/dnsbl_health_store.h"
#include "worker/quarantine.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW	    64
#define RUN_S	    3600
#define SILENCE_MAX 64 /* in a row: there is no network */
#define AGAIN_S	    ((int64_t)30 * 86400)
#define UNDECIDED_S (20 * 3600) /* the next day's run, even if that starts a little earlier */
#define PROGRESS_MS 200
#define LOOK_MS	    50

struct rechecking { /* a block, while its lookup is in flight */
	struct lookup *lookup;
	struct recheck block;
};
enum stage { STAGE_POINT, STAGE_POINT_OUT, STAGE_BLOCKS };
struct run {
	const struct session *session;
	struct err failure; /* what ended the run early; code 0: nothing did */
	struct recheck_stats stats;
	struct task_supply supply;
	enum stage stage;
	struct task point; /* 127.0.0.2 */
	struct finding point_findings[SOURCES_MAX];
	source_set alive; /* lists that have it */
	int silent;	  /* in a row */
	int64_t end_ms, progress_ms, total;
	void (*progress)(void *user, int64_t done, int64_t total);
	void *user;
};

/* The error object may be overwritten while what is in flight settles. */
static enum supply_state recheck_fail(struct run *run, int rc)
{
	if (!run->failure.code) {
		run->failure = *run->session->err;
		run->failure.code = rc;
	}
	run->end_ms = 0;
	return SUPPLY_END;
}

static source_set all_lists(const struct conf *conf)
{
	source_set all = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		if (conf->sources[i].type == SOURCE_DNSBL)
			all |= SOURCE_BIT(i);
	return all;
}

/* Of a prefix only its key may be known, and the key was never seen: no source could list
 * it. */
static bool can_be_asked(const struct run *run, const struct recheck *recheck)
{
	struct addr cut = addr_key(&recheck->key, run->session->conf->ipv6_prefix);

	return recheck->addr_known || addr_is_v4(&recheck->key) ||
	       run->session->conf->ipv6_prefix == 128 || !addr_equal(&cut, &recheck->key);
}

static int start_lookup(struct run *run, const struct recheck *recheck, struct task **ret)
{
	struct rechecking *checked = calloc(1, sizeof(*checked));
	int rc;

	if (!checked)
		return err_set(run->session->err, IPREP_E_NOMEM, "out of memory");
	checked->block = *recheck;
	rc = lookup_new(run->session, &recheck->addr, BY_HAND, LOOKUP_FRESH | LOOKUP_LOW_PRIORITY,
			&checked->lookup);
	if (rc) {
		free(checked);
		return rc;
	}
	checked->lookup->task.owner = checked;
	checked->lookup->task.key = recheck->key; /* which may be a prefix, or a single address */
	*ret = &checked->lookup->task;
	return 1;
}

static int next_block(struct run *run, struct task **ret)
{
	struct recheck due[WINDOW + 1];
	int count = store_rechecks_due(run->session->store, due, WINDOW + 1), rc;

	for (int i = 0; i < count; i++) {
		if (engine_has_key(run->supply.engine, &due[i].key))
			continue;
		if (can_be_asked(run, &due[i]))
			return start_lookup(run, &due[i], ret);
		rc = store_recheck_later(run->session->store, &due[i],
					 clock_now_s(&run->session->clock) + AGAIN_S);
		if (rc)
			return rc;
		run->stats.done++;
		run->stats.undecided++;
	}
	if (count < 0)
		return count;
	return 0;
}

static void recheck_progress(struct run *run, bool now)
{
	int64_t ms = clock_mono_ms();

	if (!run->progress || (!now && ms < run->progress_ms))
		return;
	run->progress_ms = ms + PROGRESS_MS;
	run->progress(run->user, run->stats.done, run->total);
}

static enum supply_state recheck_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct run *run = user;
	int rc;

	recheck_progress(run, false);
	*ret_wait_ms = LOOK_MS;
	if (clock_mono_ms() >= run->end_ms)
		return SUPPLY_END;
	switch (run->stage) {
	case STAGE_POINT:
		run->stage = STAGE_POINT_OUT;
		*ret = &run->point;
		return SUPPLY_TASK;
	case STAGE_POINT_OUT:
		return SUPPLY_LATER;
	case STAGE_BLOCKS:
		break;
	}
	rc = next_block(run, ret);
	if (rc < 0)
		return recheck_fail(run, rc);
	if (rc > 0)
		return SUPPLY_TASK;
	return SUPPLY_END;
}

/* A test entry that can be forged is asked for again over TCP. */
static source_set unproven_points(struct run *run)
{
	source_set again = 0;

	for (size_t i = 0; i < run->session->conf->nsources; i++)
		if (run->point_findings[i].status == FINDING_OK && !run->point_findings[i].trusted)
			again |= SOURCE_BIT(i);
	again &= ~run->point.tcp;
	run->point.tcp |= again;
	return again;
}

static source_set point_settled(struct run *run)
{
	source_set again = unproven_points(run);

	if (again)
		return again;
	for (size_t i = 0; i < run->session->conf->nsources; i++)
		if (run->point_findings[i].status == FINDING_OK && run->point_findings[i].listed)
			run->alive |= SOURCE_BIT(i);
	dnsbl_health_keep(run->session);
	run->stage = STAGE_BLOCKS;
	return 0;
}

static bool any_lists(const struct run *run, const struct lookup *lookup)
{
	for (size_t i = 0; i < run->session->conf->nsources; i++)
		if (lookup->findings[i].status == FINDING_OK && lookup->findings[i].points > 0)
			return true;
	return false;
}

/* Over the network: a feed is on disk. */
static bool any_answered(const struct run *run, const struct lookup *lookup)
{
	for (size_t i = 0; i < run->session->conf->nsources; i++)
		if (run->session->conf->sources[i].type != SOURCE_FEED &&
		    lookup->findings[i].status == FINDING_OK)
			return true;
	return false;
}

/* A list that is off now, or AbuseIPDB without its key, cannot withdraw what it reported. */
static bool accusers_are_there(const struct conf *conf, const char *src)
{
	for (const char *pos = src; *pos; pos += strcspn(pos, ","), pos += *pos == ',') {
		size_t len = strcspn(pos, ","), i = 0;

		while (i < conf->nsources &&
		       (strncmp(conf->sources[i].name, pos, len) || conf->sources[i].name[len]))
			i++;
		if (i == conf->nsources)
			return false;
	}
	return true;
}

static bool source_acquits(const struct run *run, const struct rechecking *checked, size_t i)
{
	const struct conf *conf = run->session->conf;
	const struct conf_source *source = &conf->sources[i];
	const struct finding *finding = &checked->lookup->findings[i];
	/* an empty list: the source is unknown, so it can be any of them */
	bool accused = !*checked->block.src || block_names_source(checked->block.src, source->name);

	if (source->most <= 0)
		return true;
	if (source->type == SOURCE_ABUSEIPDB && conf->check == CHECK_NEVER && !accused)
		return true;
	/* worth nothing, as in the verdict; a feed also if it is too old, or not there yet */
	if (finding->status == FINDING_QUARANTINED ||
	    (finding->status == FINDING_SKIPPED && source->type == SOURCE_FEED))
		return !accused;
	if (finding->status != FINDING_OK || finding->points > 0)
		return false;
	return source->type != SOURCE_DNSBL || !accused || run->alive & SOURCE_BIT(i);
}

/* A source that does not answer, or is not asked, or has lost all its entries, releases no block.
 */
static bool all_acquit(const struct run *run, const struct rechecking *checked, source_set but)
{
	const struct conf *conf = run->session->conf;

	for (size_t i = 0; i < conf->nsources; i++)
		if (!(but & SOURCE_BIT(i)) && !source_acquits(run, checked, i))
			return false;
	return accusers_are_there(conf, checked->block.src);
}

/* The list of the fleet, which may hold no more than this host's own record. */
static source_set fleet_list(const struct conf *conf)
{
	return conf->fleet_list >= 0 ? SOURCE_BIT(conf->fleet_list) : 0;
}

static source_set feed_lists(const struct conf *conf)
{
	source_set feeds = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		if (conf->sources[i].type == SOURCE_FEED)
			feeds |= SOURCE_BIT(i);
	return feeds;
}

/* All free sources do, so that it is worth asking AbuseIPDB. */
static bool free_acquit(const struct run *run, const struct rechecking *checked)
{
	const struct conf *conf = run->session->conf;
	source_set paid = conf->abuseipdb >= 0 ? SOURCE_BIT(conf->abuseipdb) : 0;

	return all_acquit(run, checked, paid | fleet_list(conf));
}

/* Only the fleet, which may have it from here, or a feed keeps the block. */
static int withdraw_if_acquitted(struct run *run, const struct rechecking *checked,
				 bool *ret_withdrawn)
{
	const struct conf *conf = run->session->conf;

	*ret_withdrawn = false;
	if (!all_acquit(run, checked, fleet_list(conf) | feed_lists(conf)))
		return 0;
	return publish_nothing(run->session, &checked->block.key, ret_withdrawn);
}

/* If the block was forgotten or made again in the meantime, nothing is stored. */
static int keep_outcome(struct run *run, struct rechecking *checked)
{
	const struct session *session = run->session;
	int64_t now = clock_now_s(&session->clock);
	bool listed = any_lists(run, checked->lookup);
	bool release = checked->lookup->verdict.kind == V_CLEAN && all_acquit(run, checked, 0);
	int rc = store_begin(session->store, release ? STORE_DURABLE : STORE_FAST);
	bool withdrawn;

	if (rc)
		return rc;
	rc = store_recheck_alive(session->store, &checked->block);
	if (rc <= 0)
		return store_end(session->store, rc);
	rc = store_findings_put(session->store, session->conf, &checked->lookup->key,
				checked->lookup->findings);
	if (!rc)
		rc = lookup_counts_try(session, checked->lookup);
	if (rc)
		return store_end(session->store, rc);
	if (release) {
		rc = store_release(session->store, &checked->block, "recheck");
	} else {
		rc = withdraw_if_acquitted(run, checked, &withdrawn);
		if (!rc)
			rc = store_recheck_later(session->store, &checked->block,
						 now + (listed && !withdrawn ? AGAIN_S
									     : UNDECIDED_S));
	}
	rc = store_end(session->store, rc);
	if (rc)
		return rc;
	if (release)
		run->stats.released++;
	else if (listed)
		run->stats.listed++;
	else
		run->stats.undecided++;
	return 0;
}

static source_set recheck_settled(void *user, struct task *task)
{
	struct run *run = user;
	struct rechecking *checked = task->owner;
	int paid = run->session->conf->abuseipdb, rc;
	source_set more;

	if (!checked)
		return point_settled(run);
	if (!checked->lookup->paying && free_acquit(run, checked)) {
		more = lookup_unproven_denials(run->session, checked->lookup);
		if (more)
			return more;
	} else if (paid >= 0 && !checked->lookup->paying) {
		/* AbuseIPDB is not asked where its answer could not release the block */
		checked->lookup->may_ask &= ~SOURCE_BIT(paid);
	}
	more = lookup_settled(run->session, checked->lookup);
	if (more)
		return more;
	run->stats.done++;
	if (checked->lookup->task.asked)
		run->silent = any_answered(run, checked->lookup) ? 0 : run->silent + 1;
	if (run->silent >= SILENCE_MAX) {
		run->stats.gave_up = true;
		run->end_ms = 0;
	}
	rc = keep_outcome(run, checked);
	lookup_free(checked->lookup);
	free(checked);
	if (rc < 0)
		recheck_fail(run, rc);
	return 0;
}

int recheck_run(const struct session *session,
		void (*progress)(void *user, int64_t done, int64_t total), void *user,
		struct recheck_stats *ret)
{
	struct run run = { .session = session,
			   .progress = progress,
			   .user = user,
			   .end_ms = clock_mono_ms() + RUN_S * 1000,
			   .point = { .kind = TASK_LOOKUP } };
	int rc;

	run.point.findings = run.point_findings;
	run.point.ask = all_lists(session->conf);
	if (!addr_parse("127.0.0.2", &run.point.addr))
		return err_set(session->err, IPREP_E_BUG, "127.0.0.2: not an IP address");
	rc = store_rechecks_count(session->store, &run.total);
	if (rc)
		return rc;
	rc = quarantine_apply(session, true);
	if (rc)
		return rc;
	if (!run.total) {
		*ret = run.stats;
		return 0;
	}
	run.supply = (struct task_supply){ .user = &run,
					   .window_max = WINDOW,
					   .task_ms = session->conf->timeout_ms,
					   .next = recheck_next,
					   .settled = recheck_settled };
	rc = engine_run(session, &run.supply);
	recheck_progress(&run, true);
	*ret = run.stats;
	if (run.failure.code)
		*session->err = run.failure;
	if (rc)
		return rc;
	return run.failure.code;
}
