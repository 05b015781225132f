/* SPDX-License-Identifier: MIT */
#include "worker/quarantine.h"
#include "base/buf.h"
#include "reputation/dnsbl_health_store.h"
#include "reputation/publish.h"
#include "reputation/verdict.h"
#include <string.h>

#define PAGE 64 /* blocks in a transaction */

struct judged {
	int64_t dropped, lowered, released;
};

/* The next name of "zen,blocklist.de" at *at, which then points behind it. False: none. */
static bool next_source(const char **at, char *dst, size_t room)
{
	size_t len = strcspn(*at, ",");

	if (!len)
		return false;
	if (len >= room)
		len = room - 1;
	memcpy(dst, *at, len);
	dst[len] = '\0';
	*at += strcspn(*at, ",");
	*at += **at == ',';
	return true;
}

static int named_source(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (!strcmp(conf->sources[i].name, name))
			return (int)i;
	return -1;
}

/* Does what this source said of the block no longer count? */
static bool is_lost(const struct session *session, int row, bool held)
{
	if (row < 0)
		return held;
	if (held)
		return dnsbl_health_is_bad(&session->health->rows[row]);
	return dnsbl_health_is_false(&session->health->rows[row]);
}

/* What remains of the score; if it is not known what a source gave, it gave the most it can. */
static int remaining_score(const struct session *session, const struct block *block,
			   const struct finding *kept)
{
	const struct conf *conf = session->conf;
	const char *at = block->src;
	int score = block->score;
	char name[sizeof(conf->sources[0].name)];

	while (next_source(&at, name, sizeof(name))) {
		int row = named_source(conf, name);

		if (!is_lost(session, row, !block->first_at))
			continue;
		if (row < 0)
			return 0;
		if (kept[row].status == FINDING_OK && kept[row].points > 0)
			score -= kept[row].points;
		else
			score -= conf->sources[row].most;
	}
	return score;
}

static int tier_reached(const struct conf *conf, int score)
{
	int tier = -1;

	for (size_t i = 0; i < conf->ntiers && conf->tiers[i].score <= score; i++)
		tier = (int)i;
	return tier;
}

/* Listings of other sources did not make the block. A tier above the lowest had a check of
 * AbuseIPDB, whatever is kept of it. */
static void forget_bystanders(const struct conf *conf, const struct block *block,
			      source_set accusers, struct finding *kept)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (!(accusers & SOURCE_BIT(i)) && kept[i].points > 0)
			kept[i].points = 0;
	if (conf->abuseipdb >= 0 && conf_tier_row(conf, block->tier) > 0) {
		kept[conf->abuseipdb].status = FINDING_OK;
		kept[conf->abuseipdb].partial = false;
	}
}

/* Each accuser that still counts gave points, also if they are not known: the rest of the score. */
static void share_out(const struct conf *conf, source_set accusers, int score, struct finding *kept)
{
	int some = -1, unknown = -1;

	for (size_t i = 0; i < conf->nsources; i++) {
		if (accusers & SOURCE_BIT(i)) {
			some = (int)i;
			if (kept[i].status != FINDING_OK || kept[i].points <= 0) {
				kept[i] = (struct finding){ .status = FINDING_OK, .points = 1 };
				unknown = (int)i;
			}
		}
		if (kept[i].status == FINDING_OK)
			score -= kept[i].points;
	}
	if (unknown >= 0)
		some = unknown;
	if (some >= 0 && score > 0)
		kept[some].points += score;
}

/*
 * The tier of a verdict without what is lost, which may be lower than what its score reaches: feeds
 * alone, or an address on an allowlist, get the lowest at most (verdict.h). A source that is no
 * longer configured is of no kind, so its block keeps what the score reaches.
 */
static int remaining_tier(const struct session *session, const struct block *block, int score,
			  struct finding *kept, int *ret_own)
{
	const struct conf *conf = session->conf;
	int reached = tier_reached(conf, score);
	char name[sizeof(conf->sources[0].name)];
	const char *at = block->src;
	struct verdict verdict;
	source_set accusers = 0;

	while (next_source(&at, name, sizeof(name))) {
		int row = named_source(conf, name);

		if (row < 0) {
			*ret_own = reached;
			return reached;
		}
		if (is_lost(session, row, !block->first_at))
			kept[row] = (struct finding){ .status = FINDING_QUARANTINED };
		else
			accusers |= SOURCE_BIT(row);
	}
	forget_bystanders(conf, block, accusers, kept);
	share_out(conf, accusers, score, kept);
	verdict_weigh_own(conf, kept, SURE, 0, &verdict);
	*ret_own = verdict.tier < reached ? verdict.tier : reached;
	verdict_weigh(conf, kept, SURE, 0, &verdict);
	return verdict.tier < reached ? verdict.tier : reached;
}

static int judge_held(const struct session *session, const struct block *block, int score, int tier,
		      int own, struct judged *judged)
{
	int rc;

	struct block lower = *block;
	const char *at = block->src;
	char name[sizeof(session->conf->sources[0].name)];

	if (tier < 0) {
		judged->dropped++;
		return store_block_drop(session->store, block);
	}
	judged->lowered++;
	lower.score = score;
	lower.until = block->since + session->conf->tiers[tier].bantime_s;
	lower.tier[0] = lower.src[0] = '\0';
	text_put(lower.tier, sizeof(lower.tier), session->conf->tiers[tier].name);
	while (next_source(&at, name, sizeof(name))) {
		if (is_lost(session, named_source(session->conf, name), true))
			continue;
		if (*lower.src)
			text_put(lower.src, sizeof(lower.src), ",");
		text_put(lower.src, sizeof(lower.src), name);
	}
	rc = store_block_lower(session->store, &lower);
	if (rc)
		return rc;
	return publish_lowered(session, &block->key, own, lower.until);
}

static int judge_block(const struct session *session, const struct block *block,
		       struct judged *judged)
{
	const struct conf *conf = session->conf;
	struct finding kept[SOURCES_MAX] = { 0 };
	int score, tier, own, rc = store_findings_kept(session->store, conf, &block->key, kept);

	if (rc < 0)
		return rc;
	score = remaining_score(session, block, kept);
	if (score == block->score)
		return 0;
	tier = remaining_tier(session, block, score, kept, &own);
	if (tier >= conf_tier_row(conf, block->tier))
		return publish_lowered(session, &block->key, own, block->until);
	if (!block->first_at)
		return judge_held(session, block, score, tier, own, judged);
	judged->released++;
	return store_release(session->store,
			     &(struct recheck){ .key = block->key, .since = block->since },
			     "quarantine");
}

/* source: of all blocks that name it; NULL: of all that are held. */
static int judge_all(const struct session *session, const char *source, struct judged *judged)
{
	struct block page[PAGE];
	struct addr after = { 0 };
	int count, rc;

	do {
		count = store_blocks_of_source(session->store, source, &after, page, PAGE);
		if (count <= 0)
			return count;
		rc = store_begin(session->store, STORE_DURABLE);
		for (int i = 0; i < count && !rc; i++)
			rc = judge_block(session, &page[i], judged);
		rc = store_end(session->store, rc);
		after = page[count - 1].key;
	} while (count == PAGE && !rc);
	return rc;
}

static void log_judged(const struct session *session, const char *list, const struct judged *judged)
{
	if (!judged->dropped && !judged->lowered && !judged->released)
		return;
	log_line(session->log, LOG_WARNING,
		 "%s%s%s: %lld blocks dropped before their announcement, %lld lowered, "
		 "%lld released; rep-purge --released lists these",
		 list ? "[dnsbl " : "", list ? list : "sources that are no longer configured",
		 list ? "] quarantined" : "", (long long)judged->dropped,
		 (long long)judged->lowered, (long long)judged->released);
}

int quarantine_apply(const struct session *session, bool held)
{
	struct judged judged = { 0 };
	int rc = dnsbl_health_load(session);

	for (size_t i = 0; i < session->conf->nsources && !rc; i++) {
		struct health *health = &session->health->rows[i];

		if (!dnsbl_health_is_bad(health) || health->state.is_applied)
			continue;
		judged = (struct judged){ 0 };
		rc = judge_all(session, session->conf->sources[i].name, &judged);
		log_judged(session, session->conf->sources[i].name, &judged);
		if (rc)
			return rc;
		health->state.is_applied = health->changed = true;
	}
	if (!rc && held) {
		judged = (struct judged){ 0 };
		rc = judge_all(session, NULL, &judged);
		log_judged(session, NULL, &judged);
	}
	dnsbl_health_keep(session);
	return rc;
}
